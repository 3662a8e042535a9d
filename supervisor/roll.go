package supervisor

import (
	"context"
	"errors"
	"time"

	workerv1 "whatsapp-manager/proto/worker/v1"
)

// prepareUpgrade takes in the installed program before anything is started.
func (s *Supervisor) prepareUpgrade() {
	s.upgradeIs(UpgradeNone, "", "")
	if s.cfg.ProgramDir == "" {
		s.upgradeIs(UpgradeOff, "", "no directory is set in which builds could be kept")
		return
	}
	var alive []int
	dirs, err := s.directories()
	for _, id := range dirs {
		if pid, held, lerr := s.dir(id).LockHolder(); lerr == nil && held && pid != 0 {
			alive = append(alive, pid)
		}
	}
	if err = errors.Join(err, s.programs.prepare(alive)); err != nil {
		s.log.Error().Err(err).Msg("builds of the worker cannot be kept: none is replaced")
		s.upgradeIs(UpgradeOff, "", err.Error())
	}
}

// watchUpgrade brings the workers to the installed build, one by one.
func (s *Supervisor) watchUpgrade(ctx context.Context) {
	select {
	case <-s.recovered:
	case <-ctx.Done():
		return
	}
	for ctx.Err() == nil {
		if _, newest := s.programs.read(); newest != "" {
			s.roll(ctx, newest)
		}
		select {
		case <-ctx.Done():
		case <-s.upgrade.again:
		}
	}
}

// roll is one attempt at the installed build.
func (s *Supervisor) roll(ctx context.Context, to programID) {
	book, _ := s.programs.read()
	if r := book.Refused; r != nil && r.Program == to {
		s.upgradeIs(UpgradeRefused, r.Instance, r.Why)
		return
	}
	if !s.finishTrial(ctx, book, to) {
		return
	}
	changes := s.hub.Subscribe("")
	defer changes.Close()
	began := time.Now()
	for replaced := 0; ctx.Err() == nil; {
		i, left := s.nextOutdated(time.Since(began) > s.cfg.ReturnTimeout)
		switch {
		case left == 0 || s.isHalting():
			s.arrived(to)
			return
		case i == nil:
			s.upgradeIs(UpgradeWaiting, "", "no worker of another build runs and is connected")
			if !wait(ctx, time.Second, nil) { // not by changes: figures change all the time
				return
			}
			continue
		case replaced == 0 && book.Trusted != to:
			s.upgradeIs(UpgradeCanary, i.id, "")
		default:
			s.upgradeIs(UpgradeRolling, i.id, "")
		}
		watch := time.Duration(0)
		if replaced == 0 {
			watch = s.cfg.CanaryWatch
		}
		switch s.renew(ctx, i, to, watch) {
		case proven:
			replaced++
		case over:
			return
		}
	}
}

func (s *Supervisor) isHalting() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.halting
}

// arrived makes the installed build the one that all starts use.
func (s *Supervisor) arrived(to programID) {
	book, _ := s.programs.read()
	if s.isHalting() {
		return
	}
	if book.Trusted != to || book.Refused != nil {
		if err := s.programs.change(func(b *programBook) { b.Trusted, b.Refused = to, nil }); err != nil {
			s.log.Error().Err(err).Msg("the next manager will look at all workers again")
		}
	}
	used := make(map[programID]bool)
	for _, st := range s.Statuses() {
		used[st.program] = true
	}
	if err := s.programs.prune(used); err != nil {
		s.log.Warn().Err(err).Msg("earlier builds of the worker are left")
	}
	s.upgradeIs(UpgradeNone, "", "")
}

// nextOutdated returns the worker to replace next, and how many there are. One
// that is connected teaches more than one that is not, and of those the one
// with the least traffic has the least to lose; others only when anyone will do.
func (s *Supervisor) nextOutdated(anyone bool) (next *instance, left int) {
	s.mu.Lock()
	list := s.list()
	s.mu.Unlock()
	var best Status
	for _, i := range list {
		st := s.dated(i.snapshot())
		if i.orphan || !st.Outdated || st.Desired != Run {
			continue
		}
		left++
		if st.State != Running || !online(st) && !anyone {
			continue
		}
		better := next == nil || online(st) && !online(best) ||
			online(st) == online(best) && (st.FeedHead < best.FeedHead || st.FeedHead == best.FeedHead && st.ID < best.ID)
		if better {
			next, best = i, st
		}
	}
	return next, left
}

func online(st Status) bool {
	return st.State == Running && st.Link.GetState() == workerv1.LinkState_LINK_STATE_ONLINE
}
