package rollout

import (
	"context"
	"fmt"
	"time"

	"whatsapp-manager/proto/backoff"
)

// endsToRefuse is how often a worker of a new build may end before that is
// taken for the build's fault: one end may have been anybody's.
const endsToRefuse = 3

// verdict is what was learnt from replacing one worker.
type verdict int

const (
	nothing verdict = iota // its owner, or an outage, came in between: go on
	proven                 // it is back in its former state
	over                   // the attempt at this build has ended, or this manager has
)

// renew replaces one worker and waits until it is back in its former state.
func (r *Rollout) renew(ctx context.Context, w Worker, to Program, watch time.Duration) verdict {
	t := trial{Instance: w.Instance, Program: to, Online: w.Online}
	if err := r.programs.change(func(b *programBook) { b.Trying = &t }); err != nil {
		r.publish(Waiting, w.Instance, err.Error())
		_ = backoff.Sleep(ctx, retryPause)
		return nothing
	}
	r.programs.give(w.Instance, to)
	if err := r.instances.Replace(ctx, w.Instance, Replacement{Why: "a new build of the worker is installed"}); err != nil {
		return nothing // it was removed, or this manager ends and the next one finds the trial in the book
	}
	return r.judge(ctx, t, w.Program, watch)
}

// judge waits for the verdict on a trial and takes the consequences.
func (r *Rollout) judge(ctx context.Context, t trial, before Program, watch time.Duration) verdict {
	back, why := r.comesBack(ctx, t.Instance, t.Program, t.Online)
	if back && watch > 0 {
		back, why = r.staysBack(ctx, t, watch)
	}
	switch {
	case ctx.Err() != nil:
		return over
	case !back && why != "":
		return r.stepBack(ctx, t, before, why)
	}
	if err := r.programs.change(func(b *programBook) { b.Trying = nil }); err != nil {
		r.log.Warn().Err(err).Msg("the next manager will look at this worker again")
	}
	if !back {
		return nothing
	}
	r.observer.Replaced(t.Instance)
	r.mu.Lock()
	r.now.Replaced++
	r.mu.Unlock()
	return proven
}

// stepBack starts the worker again with the build before. Only when it comes
// back with that one, the new build is to blame.
func (r *Rollout) stepBack(ctx context.Context, t trial, before Program, why string) verdict {
	book, newest := r.programs.read()
	to := book.Trusted
	if to == newest { // the operator went back to it, away from what this worker was
		to = before
	}
	w, _ := r.instances.Worker(t.Instance)
	r.log.Error().Str("instance", t.Instance).Str("why", why).
		Msg("the new build of the worker did not come back; stepping back to the one before")
	if to != "" {
		r.programs.give(t.Instance, to)
	}
	err := r.instances.Replace(ctx, t.Instance, Replacement{Why: "back to the build before: " + why, Forgive: true, Kill: !w.Running})
	if err != nil {
		return over
	}
	back, again := r.comesBack(ctx, t.Instance, to, t.Online)
	if ctx.Err() != nil {
		return over
	}
	blame := back || again == ""
	err = r.programs.change(func(b *programBook) {
		b.Trying = nil
		if blame {
			b.Refused = &refusal{Program: t.Program, Instance: t.Instance, Why: why, At: time.Now()}
		}
	})
	if err != nil {
		r.log.Error().Err(err).Msg("the next manager will try the new build again")
	}
	if !blame {
		r.publish(Waiting, t.Instance, "neither the new build nor the one before came back: "+again)
		_ = backoff.Sleep(ctx, retryPause)
		return nothing
	}
	p := r.Progress()
	r.log.Error().Str("instance", t.Instance).Str("program", p.Program).Int("keep_it", p.Replaced).Int("others", p.Outdated).
		Msg("the installed build of the worker was given up; those replaced before keep it until their next start")
	r.observer.Refused(t.Instance, why)
	r.publish(Refused, t.Instance, why)
	return over
}

// finishTrial takes up a trial whose manager ended before the verdict; false
// when the rollout has to rest.
func (r *Rollout) finishTrial(ctx context.Context, book programBook, to Program) bool {
	t := book.Trying
	if t == nil {
		return true
	}
	w, ok := r.instances.Worker(t.Instance)
	if !ok || t.Program != to || w.Program != to {
		// It is gone, or was started with the trusted build again: nothing to learn here.
		if err := r.programs.change(func(b *programBook) { b.Trying = nil }); err != nil {
			r.log.Warn().Err(err).Msg("the trial of an earlier manager stays in the book")
		}
		return true
	}
	r.programs.give(t.Instance, to)
	r.publish(Canary, t.Instance, "")
	return r.judge(ctx, *t, book.Trusted, r.cfg.CanaryWatch) != over
}

// comesBack waits until the worker runs, of that build, and is online if it has
// to be. No reason beside false: its owner did not want it to.
func (r *Rollout) comesBack(ctx context.Context, instance string, program Program, mustOnline bool) (back bool, why string) {
	ctx, cancel := context.WithTimeout(ctx, r.cfg.ReturnTimeout)
	defer cancel()
	changes, stop := r.instances.Watch(instance)
	defer stop()
	w, ok := r.instances.Worker(instance)
	ends := w.Restarts
	for ; ok; w, ok = r.instances.Worker(instance) {
		switch {
		case !w.Wanted:
			return false, ""
		case w.Running && w.Program == program && (!mustOnline || w.Online):
			return true, ""
		case w.Failed:
			return false, w.LastError
		case w.Restarts < ends: // its owner asked for a start
			ends = w.Restarts
		case w.Restarts >= ends+endsToRefuse:
			return false, fmt.Sprintf("it ended %d times, the last time: %s", endsToRefuse, w.LastError)
		}
		select {
		case <-changes:
		case <-ctx.Done():
			if w.Running {
				return false, fmt.Sprintf("its link was %s after %s", w.Link, r.cfg.ReturnTimeout)
			}
			return false, fmt.Sprintf("it was %s after %s: %s", w.State, r.cfg.ReturnTimeout, w.LastError)
		}
	}
	return false, "" // it was removed
}

// staysBack waits whether a worker that came back stays.
func (r *Rollout) staysBack(ctx context.Context, t trial, watch time.Duration) (bool, string) {
	came, _ := r.instances.Worker(t.Instance)
	if backoff.Sleep(ctx, watch) != nil {
		return false, ""
	}
	w, ok := r.instances.Worker(t.Instance)
	switch {
	case !ok || !w.Wanted:
		return false, ""
	case w.Generation == came.Generation && (!t.Online || w.Online):
		return true, ""
	}
	// A link may be lost at any time, and a process be killed: it gets as long as at first.
	return r.comesBack(ctx, t.Instance, t.Program, t.Online)
}
