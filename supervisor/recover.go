package supervisor

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"whatsapp-manager/proto/backoff"
	"whatsapp-manager/proto/process"
	"whatsapp-manager/supervisor/workerproc"
)

// recover makes every instance known, each in a goroutine of its own that looks
// and decides for itself, and says when all of them have an answer.
func (s *Supervisor) recover(ctx context.Context) {
	began := time.Now()
	s.reapZombies(nil)
	// Directories first: a directory is only made for a row that exists, so
	// one without a row in the later answer has lost it.
	dirs, err := s.directories()
	if err != nil {
		s.log.Error().Err(err).Msg("run directory cannot be listed; orphans are looked for again later")
	}
	rows, ok := s.rows(ctx)
	if !ok {
		return
	}
	known := make(map[ID]bool, len(rows))
	var all []*instance
	for _, r := range rows {
		known[r.ID] = true
		if i := s.launchLoop(r, false); i != nil {
			all = append(all, i)
		}
	}
	for _, id := range dirs {
		if !known[id] {
			s.log.Warn().Str("instance", string(id)).Msg("run directory without a row: ending what lives there")
			s.launchLoop(Record{ID: id, Desired: Stop}, true)
		}
	}
	close(s.loaded)

	budget := time.NewTimer(s.cfg.RecoverBudget)
	defer budget.Stop()
	for _, i := range all {
		select {
		case <-i.answer:
			continue
		case <-budget.C:
			s.log.Warn().Msg("recovery takes longer than its budget")
		case <-ctx.Done():
			return
		}
		break
	}
	s.metrics.recovery.Set(time.Since(began).Seconds())
	s.log.Info().Int("instances", len(all)).Dur("took", time.Since(began)).Msg("recovered")
	close(s.recovered)
}

// rows asks the store until it answers. Without it nobody knows which worker is
// wanted, and those that live are safe alone.
func (s *Supervisor) rows(ctx context.Context) ([]Record, bool) {
	pauses := backoff.New(100*time.Millisecond, 5*time.Second)
	for {
		actx, cancel := context.WithTimeout(ctx, storeTimeout)
		rows, err := s.store.Instances(actx)
		cancel()
		if err == nil {
			return rows, true
		}
		s.log.Error().Err(err).Msg("instances cannot be read, trying again")
		if pauses.Wait(ctx) != nil {
			return nil, false
		}
	}
}

// directories lists the instances that have a run directory.
func (s *Supervisor) directories() ([]ID, error) {
	entries, err := os.ReadDir(s.cfg.RunDir)
	if err != nil {
		return nil, err
	}
	var ids []ID
	for _, e := range entries {
		if e.IsDir() && workerproc.IsInstance(e.Name()) {
			ids = append(ids, ID(e.Name()))
		}
	}
	return ids, nil
}

// findOrphans ends what lives in directories that no row knows.
func (s *Supervisor) findOrphans(ctx context.Context) {
	dirs, err := s.directories()
	if err != nil {
		s.log.Error().Err(err).Msg("run directory cannot be listed")
		return
	}
	var strangers []ID
	s.mu.Lock()
	for _, id := range dirs {
		if s.instances[id] == nil {
			strangers = append(strangers, id)
		}
	}
	s.mu.Unlock()
	if len(strangers) == 0 {
		return
	}
	actx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	rows, err := s.store.Instances(actx)
	if err != nil {
		return // unsure is not a reason to end anything
	}
	known := make(map[ID]bool, len(rows))
	for _, r := range rows {
		known[r.ID] = true
	}
	for _, id := range strangers {
		if !known[id] {
			s.launchLoop(Record{ID: id, Desired: Stop}, true)
		}
	}
}

// findNew makes instances known that the store has and nobody told us of: they
// were imported beside us. Each decides for itself what to do, as in recovery. Of those
// that are known it learns whether their events are to carry raw content.
func (s *Supervisor) findNew(ctx context.Context) {
	select {
	case <-s.loaded:
	default:
		return // recovery reads them all
	}
	s.mu.Lock()
	before, looks := s.removals, s.rawLooks
	s.mu.Unlock()
	actx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	rows, err := s.store.Instances(actx)
	if err != nil {
		return // what is known goes on; the next look comes
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.removals != before {
		return // one of these may be gone since it was read; the next look comes
	}
	for _, r := range rows {
		if i := s.instances[r.ID]; i != nil && s.rawLooks == looks {
			i.raw.on.Store(r.RawEvents)
		}
		if r.DeletedAt.IsZero() && s.instances[r.ID] == nil && s.launchLocked(r, false) != nil {
			s.log.Info().Str("instance", string(r.ID)).Msg("instance found that came without us")
		}
	}
}

// reapZombies waits for dead children that look like workers and that no
// instance holds: left to us by the image that we replaced through exec. It
// takes those of the last look that are still there, so that it never comes
// before an instance that is about to ask for its worker's status, and returns
// those of this look. With a nil last it takes all, before anything was started.
func (s *Supervisor) reapZombies(last map[int]bool) map[int]bool {
	held := make(map[int]bool)
	s.mu.Lock()
	for _, i := range s.instances {
		if p := i.process(); p != nil {
			held[p.PID()] = true
		}
	}
	s.mu.Unlock()
	name := filepath.Base(s.cfg.WorkerPath)
	name = name[:min(len(name), 15)] // the kernel keeps no more
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	found := make(map[int]bool)
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil || held[pid] {
			continue
		}
		st, err := process.ReadStat(pid)
		if err != nil || st.State != 'Z' || st.Parent != os.Getpid() || st.Name != name {
			continue
		}
		if last != nil && !last[pid] {
			found[pid] = true
			continue
		}
		if got, err := unix.Wait4(pid, nil, unix.WNOHANG, nil); err == nil && got == pid {
			s.metrics.reapedKids.Inc()
			s.log.Info().Int("pid", pid).Msg("zombie reaped")
		}
	}
	return found
}
