package supervisor

import (
	"whatsapp-manager/proto/process"
	workerv1 "whatsapp-manager/proto/worker/v1"
	"whatsapp-manager/supervisor/workerproc"
)

// action is what recovery, and every start, does about the facts.
type action string

const (
	adopt      action = "adopt"      // attach to the worker that lives
	reap       action = "reap"       // nobody wants it: end it gracefully, then sweep
	replace    action = "replace"    // wanted, but not this one: kill it, then start
	relieve    action = "relieve"    // wanted, but it cannot use the database: end it gracefully, then start
	start      action = "start"      // nobody holds the lock: launch one
	forget     action = "forget"     // nothing lives, nothing is wanted: sweep
	quarantine action = "quarantine" // somebody holds the instance whom we cannot name or signal: touch nothing
)

// facts is what is known of an instance by looking, without asking anybody's memory.
type facts struct {
	id         ID
	bootID     string
	known      bool // a row exists and is not being deleted
	desired    Desired
	generation uint64 // of the row
	barred     bool   // the row's worker cannot use the database

	held     bool               // somebody holds the lock file or the guard socket
	holder   int                // who, pinned by a pidfd; 0 when held but not to be named
	hidden   bool               // holder has the guard socket only: its run directory was deleted under it
	identity *workerv1.Identity // first line of the attach file, when it was written by holder
}

// decide is pure. A worker that has not written its identity yet is adopted:
// attaching waits for it and checks again. A generation below the row's is
// replaced, because a later worker may already have fenced its writes.
func decide(f facts) action {
	wanted := f.known && f.desired == Run
	switch {
	case f.held && f.holder == 0:
		return quarantine
	case f.held && !wanted:
		return reap
	case f.held && f.hidden:
		return replace
	case f.held && f.identity != nil && !believable(f):
		return replace
	case f.held && f.barred:
		return relieve
	case f.held:
		return adopt
	case wanted:
		return start
	default:
		return forget
	}
}

func believable(f facts) bool {
	return f.identity.Instance == string(f.id) && f.identity.BootID == f.bootID &&
		f.identity.Generation >= f.generation
}

// look collects the facts. The process it returns, pinned, is the facts' holder.
func (i *instance) look() (facts, *process.Process, error) {
	st := i.snapshot()
	f := facts{id: i.id, known: !i.remove.Load(), desired: i.wanted(), generation: st.Generation, barred: i.barred.Load()}
	var err error
	if f.bootID, err = process.BootID(); err != nil {
		return f, nil, err
	}
	dir := i.s.dir(i.id)
	h, err := workerproc.FindHolder(dir, workerv1.GuardName(i.s.cfg.Node, string(i.id)))
	if err != nil {
		return f, nil, err
	}
	f.held, f.hidden = h.Held, h.Hidden
	p := h.Process
	if p == nil {
		return f, nil, nil
	}
	f.holder = p.PID()
	if !h.Hidden {
		if identity, _, err := dir.AttachPoint(); err == nil && identity != nil && identity.PID == p.PID() {
			f.identity = identity
		}
	}
	return f, p, nil
}

// recoverInstance is recovery for this instance: look, decide, take the first step.
func (i *instance) recoverInstance() {
	f, p, err := i.look()
	if err != nil {
		i.log.Error().Err(err).Msg("run directory cannot be read")
		i.note(func(st *Status) { st.LastError = err.Error() })
	}
	i.applyFacts(f, p)
}

// applyFacts takes the first step that the facts ask for. Nothing runs for the
// instance that the loop knows of.
func (i *instance) applyFacts(f facts, p *process.Process) {
	i.setProcess(p)
	act := decide(f)
	if act != forget {
		i.log.Info().Str("action", string(act)).Int("pid", f.holder).Msg("facts found")
	}
	if p != nil {
		if proc, err := process.Identify(p.PID()); err == nil {
			i.note(func(st *Status) { st.Proc = proc })
		}
		i.logFrom = workerproc.LogSize(i.s.cfg.logPath(i.id))
	}
	switch act {
	case adopt:
		i.s.metrics.adopted.Inc()
		i.step(found, "a live worker was found")
	case reap:
		i.step(found, "a worker was found that nobody wants")
		i.end = end{asked: true, why: "not wanted", cause: "asked"}
		i.step(wantStop, "not wanted")
	case replace:
		i.step(found, "a worker was found that cannot be kept")
		i.end = end{asked: true, kill: true, why: "stale worker", cause: "stale"}
		i.step(recycle, "it is of an earlier generation, another boot, or without its run directory")
	case relieve:
		i.step(found, "a worker was found that the database does not let in")
		i.end = end{asked: true, why: "the database does not let it in", cause: "barred"}
		// Its own build may be one that knows no roles.
		i.s.rollout.GiveInstalled(string(i.id))
		i.step(recycle, "it is of an earlier build, or its role in the database is gone")
	case start:
		if w := i.s.dir(i.id).LastWords(i.snapshot().Generation); w != nil && w.Code != 0 {
			i.note(func(st *Status) { st.LastError = w.Reason })
		}
		i.step(wantRun, "wanted, and not alive")
	case quarantine:
		i.retryIn(i.s.cfg.Policy.CoolDown)
		i.note(func(st *Status) { st.LastError = workerproc.ErrUnnamed.Error() })
		if _, ok := i.step(tripped, workerproc.ErrUnnamed.Error()); !ok {
			i.resolve()
		}
	case forget:
		i.sweep()
	}
}
