package supervisor

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// endsToRefuse is how often a worker of a new build may end before that is
// taken for the build's fault: one end may have been anybody's.
const endsToRefuse = 3

// retryUpgrade is the pause after an attempt from which nothing was learnt.
const retryUpgrade = 10 * time.Second

// verdict is what was learnt from replacing one worker.
type verdict int

const (
	nothing verdict = iota // its owner, or an outage, came in between: go on
	proven                 // it is back in its former state
	over                   // the attempt at this build has ended, or this manager has
)

// renew replaces one worker and waits until it is back in its former state.
func (s *Supervisor) renew(ctx context.Context, i *instance, to programID, watch time.Duration) verdict {
	before := i.snapshot()
	t := trial{Instance: i.id, Program: to, Online: online(before)}
	if err := s.programs.change(func(b *programBook) { b.Trying = &t }); err != nil {
		s.upgradeIs(UpgradeWaiting, i.id, err.Error())
		wait(ctx, retryUpgrade, nil)
		return nothing
	}
	err := i.tell(ctx, "supervisor.renew", command{event: recycle, asked: true, program: to, why: "a new build of the worker is installed"})
	if err != nil {
		return nothing // it was removed, or this manager ends and the next one finds the trial in the book
	}
	return s.judge(ctx, i, t, before.program, watch)
}

// judge waits for the verdict on a trial and takes the consequences.
func (s *Supervisor) judge(ctx context.Context, i *instance, t trial, before programID, watch time.Duration) verdict {
	back, why := s.comesBack(ctx, i, t.Program, t.Online)
	if back && watch > 0 {
		back, why = s.staysBack(ctx, i, t, watch)
	}
	switch {
	case ctx.Err() != nil:
		return over
	case !back && why != "":
		return s.stepBack(ctx, i, t, before, why)
	}
	if err := s.programs.change(func(b *programBook) { b.Trying = nil }); err != nil {
		s.log.Warn().Err(err).Msg("the next manager will look at this worker again")
	}
	if !back {
		return nothing
	}
	s.metrics.renewed.Inc()
	s.upgrade.mu.Lock()
	s.upgrade.now.Replaced++
	s.upgrade.mu.Unlock()
	return proven
}

// stepBack starts the worker again with the build before. Only when it comes
// back with that one, the new build is to blame.
func (s *Supervisor) stepBack(ctx context.Context, i *instance, t trial, before programID, why string) verdict {
	book, newest := s.programs.read()
	to := book.Trusted
	if to == newest { // the operator went back to it, away from what this worker was
		to = before
	}
	unreachable := i.snapshot().State != Running // nobody could ask it to end
	s.log.Error().Str("instance", string(i.id)).Str("why", why).Msg("the new build of the worker did not come back; stepping back to the one before")
	err := i.tell(ctx, "supervisor.stepBack", command{event: recycle, asked: true, forgive: true, kill: unreachable, program: to, why: "back to the build before: " + why})
	if err != nil {
		return over
	}
	back, again := s.comesBack(ctx, i, to, t.Online)
	if ctx.Err() != nil {
		return over
	}
	blame := back || again == ""
	err = s.programs.change(func(b *programBook) {
		b.Trying = nil
		if blame {
			b.Refused = &refusal{Program: t.Program, Instance: i.id, Why: why, At: time.Now()}
		}
	})
	if err != nil {
		s.log.Error().Err(err).Msg("the next manager will try the new build again")
	}
	if !blame {
		s.upgradeIs(UpgradeWaiting, i.id, "neither the new build nor the one before came back: "+again)
		wait(ctx, retryUpgrade, nil)
		return nothing
	}
	s.metrics.refused.Inc()
	u := s.Upgrade()
	s.log.Error().Str("instance", string(i.id)).Str("program", u.Program).Int("keep_it", u.Replaced).Int("others", u.Outdated).
		Msg("the installed build of the worker was given up; those replaced before keep it until their next start")
	i.note(func(st *Status) { st.LastError = "the installed build of the worker was given up: " + why })
	s.upgradeIs(UpgradeRefused, i.id, why)
	return over
}

// finishTrial takes up a trial whose manager ended before the verdict; false
// when the upgrade has to rest.
func (s *Supervisor) finishTrial(ctx context.Context, book programBook, to programID) bool {
	t := book.Trying
	if t == nil {
		return true
	}
	s.mu.Lock()
	i := s.instances[t.Instance]
	s.mu.Unlock()
	if i == nil || t.Program != to || i.snapshot().program != to {
		// It is gone, or was started with the trusted build again: nothing to learn here.
		if err := s.programs.change(func(b *programBook) { b.Trying = nil }); err != nil {
			s.log.Warn().Err(err).Msg("the trial of an earlier manager stays in the book")
		}
		return true
	}
	i.assign(to)
	s.upgradeIs(UpgradeCanary, i.id, "")
	return s.judge(ctx, i, *t, book.Trusted, s.cfg.CanaryWatch) != over
}

// comesBack waits until the worker runs, of that build, and is online if it has
// to be. No reason beside false: its owner did not want it to.
func (s *Supervisor) comesBack(ctx context.Context, i *instance, program programID, mustOnline bool) (back bool, why string) {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.ReturnTimeout)
	defer cancel()
	changes := s.hub.Subscribe(i.id)
	defer changes.Close()
	ends := i.snapshot().RestartCount
	for {
		st := i.snapshot()
		switch {
		case st.Desired != Run:
			return false, ""
		case st.State == Running && st.program == program && (!mustOnline || online(st)):
			return true, ""
		case st.State == Failed:
			return false, st.LastError
		case st.RestartCount < ends: // its owner asked for a start
			ends = st.RestartCount
		case st.RestartCount >= ends+endsToRefuse:
			return false, fmt.Sprintf("it ended %d times, the last time: %s", endsToRefuse, st.LastError)
		}
		select {
		case <-changes.C():
		case <-i.gone:
			return false, ""
		case <-ctx.Done():
			if st.State == Running {
				return false, fmt.Sprintf("its link was %s after %s", linkWord(st), s.cfg.ReturnTimeout)
			}
			return false, fmt.Sprintf("it was %s after %s: %s", st.State, s.cfg.ReturnTimeout, st.LastError)
		}
	}
}

// staysBack waits whether a worker that came back stays.
func (s *Supervisor) staysBack(ctx context.Context, i *instance, t trial, watch time.Duration) (bool, string) {
	came := i.snapshot()
	if !wait(ctx, watch, nil) {
		return false, ""
	}
	st := i.snapshot()
	switch {
	case st.Desired != Run:
		return false, ""
	case st.Generation == came.Generation && (!t.Online || online(st)):
		return true, ""
	}
	// A link may be lost at any time, and a process be killed: it gets as long as at first.
	return s.comesBack(ctx, i, t.Program, t.Online)
}

func linkWord(st Status) string {
	return strings.ToLower(strings.TrimPrefix(st.Link.GetState().String(), "LINK_STATE_"))
}
