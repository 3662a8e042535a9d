package rollout

import (
	"time"

	"whatsapp-manager/proto/fault"
)

// State says how far the workers are on their way to the installed build.
type State string

// The states of a rollout.
const (
	None    State = "none"    // every worker is of the installed build
	Canary  State = "canary"  // the first worker of the new build has to prove itself
	Rolling State = "rolling" // the others follow, one by one
	Waiting State = "waiting" // no worker is in a state from which anything could be learnt
	Refused State = "refused" // the new build did not come back; the one before goes on
	Off     State = "off"     // builds cannot be kept, see Why
)

// States are all states of a rollout.
func States() []State { return []State{None, Canary, Rolling, Waiting, Refused, Off} }

// Progress is how far the workers are on their way to the installed build.
type Progress struct {
	State    State
	Program  string    // the installed build's content, shortened SHA-256
	Trusted  string    // the build that workers are started with
	Replaced int       // workers that came back with the installed build since this manager began
	Outdated int       // workers of another build
	Instance string    // the one that is being replaced, or whose worker did not come back
	Why      string    // in words, for Refused, Waiting and Off
	At       time.Time // of the last change of State
}

// Progress returns how far the workers are.
func (r *Rollout) Progress() Progress {
	r.mu.Lock()
	p := r.now
	r.mu.Unlock()
	book, newest := r.programs.read()
	p.Program, p.Trusted = string(newest), string(book.Trusted)
	workers, _ := r.instances.Workers()
	for _, w := range workers {
		if r.outdated(w) {
			p.Outdated++
		}
	}
	return p
}

// Retry tries the installed build again that was refused; fault.Conflict when
// none was.
func (r *Rollout) Retry() error {
	const op = "rollout.Retry"
	book, newest := r.programs.read()
	if book.Refused == nil || book.Refused.Program != newest {
		return fault.New(fault.Conflict, op, "the installed build of the worker was not refused")
	}
	if err := r.programs.change(func(b *programBook) { b.Refused = nil }); err != nil {
		return fault.Wrap(fault.Internal, op, err, "the decision could not be written down")
	}
	select {
	case r.again <- struct{}{}:
	default:
	}
	return nil
}

// Outdated reports whether a worker of the build is of another one than the
// installed, where builds are kept.
func (r *Rollout) Outdated(program Program) bool {
	_, newest := r.programs.read()
	return newest != "" && program != newest
}

func (r *Rollout) outdated(w Worker) bool { return w.Alive && r.Outdated(w.Program) }

// publish tells of a change.
func (r *Rollout) publish(state State, instance, why string) {
	r.mu.Lock()
	p := &r.now
	changed := p.State != state || p.Why != why
	if changed {
		p.At = time.Now()
	}
	p.State, p.Instance, p.Why = state, instance, why
	r.mu.Unlock()
	if changed {
		r.log.Info().Str("upgrade", string(state)).Str("instance", instance).Str("why", why).Msg("upgrade of the workers")
	}
}
