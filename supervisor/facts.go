package supervisor

import (
	"whatsapp-manager/proto/process"
	workerv1 "whatsapp-manager/proto/worker/v1"
	"whatsapp-manager/supervisor/workerproc"
)

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
