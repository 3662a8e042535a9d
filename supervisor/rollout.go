package supervisor

import (
	"context"
	"slices"
	"strings"

	"whatsapp-manager/proto/linking"
	workerv1 "whatsapp-manager/proto/worker/v1"
	"whatsapp-manager/supervisor/rollout"
)

// Rollout tells how far the workers are on their way to the installed build of
// their program.
func (s *Supervisor) Rollout() rollout.Progress { return s.rollout.Progress() }

// RetryRollout tries the installed build again that was refused; fault.Conflict
// when none was.
func (s *Supervisor) RetryRollout() error { return s.rollout.Retry() }

// prepareRollout takes in the installed program before anything is started.
func (s *Supervisor) prepareRollout() {
	var alive []int
	dirs, err := s.directories()
	if err != nil {
		s.log.Error().Err(err).Msg("run directory cannot be listed; no build of a live worker is kept")
	}
	for _, id := range dirs {
		if pid, held, err := s.dir(id).LockHolder(); err == nil && held && pid != 0 {
			alive = append(alive, pid)
		}
	}
	s.rollout.Prepare(alive)
}

// runRollout replaces workers once all of them have been found.
func (s *Supervisor) runRollout(ctx context.Context) {
	select {
	case <-s.recovered:
		_ = s.rollout.Run(ctx) // it ends with ctx alone
	case <-ctx.Done():
	}
}

// dated adds to a status what only the installed build makes true.
func (s *Supervisor) dated(st Status) Status {
	st.Outdated = st.Proc.PID != 0 && s.rollout.Outdated(st.program)
	return st
}

// rolled is a Supervisor as a rollout sees it.
type rolled struct{ s *Supervisor }

func (r rolled) Workers() (all []rollout.Worker, ending bool) {
	r.s.mu.Lock()
	list, ending := r.s.list(), r.s.halting
	r.s.mu.Unlock()
	for _, i := range list {
		if !i.orphan {
			all = append(all, workerOf(i.snapshot()))
		}
	}
	slices.SortFunc(all, func(a, b rollout.Worker) int { return strings.Compare(a.Instance, b.Instance) })
	return all, ending
}

func (r rolled) Worker(instance string) (rollout.Worker, bool) {
	i, err := r.s.instance("supervisor.rollout", ID(instance))
	if err != nil {
		return rollout.Worker{}, false
	}
	return workerOf(i.snapshot()), true
}

func (r rolled) Replace(ctx context.Context, instance string, how rollout.Replacement) error {
	const op = "supervisor.replace"
	i, err := r.s.instance(op, ID(instance))
	if err != nil {
		return err
	}
	return i.tell(ctx, op, restartCommand{why: how.Why, forgive: how.Forgive, kill: how.Kill})
}

func (r rolled) Watch(instance string) (changes <-chan struct{}, stop func()) {
	sub := r.s.hub.Subscribe(ID(instance))
	return sub.C(), sub.Close
}

func (r rolled) Replaced(string) { r.s.metrics.renewed.Inc() }

func (r rolled) Refused(instance, why string) {
	r.s.metrics.refused.Inc()
	if i, err := r.s.instance("supervisor.rollout", ID(instance)); err == nil {
		i.note(func(st *Status) { st.LastError = "the installed build of the worker was given up: " + why })
	}
}

func workerOf(st Status) rollout.Worker {
	return rollout.Worker{
		Instance: string(st.ID), Wanted: st.Desired == Run, Alive: st.Proc.PID != 0, Running: st.State == Running,
		Online:   st.State == Running && st.Link.GetState() == workerv1.LinkState_LINK_STATE_ONLINE,
		Ceremony: st.State == Running && linking.InCeremony(st.Link.GetLinking().GetStep()),
		Failed:   st.State == Failed, State: string(st.State), Link: linkWord(st), Program: st.program,
		Generation: st.Generation, Restarts: st.RestartCount, FeedHead: st.FeedHead, LastError: st.LastError,
	}
}

func linkWord(st Status) string {
	return strings.ToLower(strings.TrimPrefix(st.Link.GetState().String(), "LINK_STATE_"))
}
