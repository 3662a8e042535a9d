package supervisor

import (
	"context"
	"sync"
	"time"

	"whatsapp-manager/proto/backoff"
	"whatsapp-manager/proto/fault"
	"whatsapp-manager/proto/process"
	workerv1 "whatsapp-manager/proto/worker/v1"
	"whatsapp-manager/supervisor/workerproc"
)

// longestTurn is how long an instance keeps its place among those that start or
// attach: what is expensive about either is over much earlier.
const longestTurn = 3 * time.Second

// start ends in attach, as recovery begins with it.
func (i *instance) start(ctx context.Context) result {
	leave, ok := slot(ctx, i.s.starting, longestTurn)
	if !ok {
		return result{}
	}
	defer leave()
	// A start that met another one in its way is no failure of this one; it looks again.
	pauses := backoff.New(40*time.Millisecond, 160*time.Millisecond)
	for try := range 5 {
		if try > 1 && pauses.Wait(ctx) != nil {
			return result{}
		}
		f, p, err := i.look()
		if err != nil {
			return result{event: exited, why: err.Error(), cause: "start"}
		}
		i.setProcess(p)
		switch act := decide(f); act {
		case adopt:
			return i.reach(ctx, i.s.cfg.StartTimeout)
		case replace, relieve, reap:
			i.log.Warn().Int("pid", p.PID()).Bool("hidden", f.hidden).Msg("killing a worker that stands in the way")
			if !i.killed(ctx, p) {
				return result{}
			}
		case quarantine:
			return result{event: exited, why: workerproc.ErrUnnamed.Error(), cause: "start"}
		case start, forget:
			if out, again := i.launch(ctx); !again {
				return out
			}
		}
		if ctx.Err() != nil {
			return result{}
		}
	}
	return result{event: exited, why: "another worker of this instance keeps getting in the way", cause: "start"}
}

// launch raises the generation, spawns, and attaches. again asks for another
// look, because another worker was quicker.
func (i *instance) launch(ctx context.Context) (out result, again bool) {
	sctx, cancel := context.WithTimeout(ctx, storeTimeout)
	generation, databaseURL, err := i.s.store.RaiseGeneration(sctx, i.id, i.s.cfg.Node)
	cancel()
	if ctx.Err() != nil {
		return result{}, false
	}
	if fault.Is(err, fault.Conflict) {
		// The store has stopped the instance for good, and our wish is an old one.
		i.note(func(st *Status) { st.Desired = Stop })
		return result{event: exited, why: err.Error(), cause: "store", refuse: true}, false
	}
	if err != nil {
		return result{event: exited, why: "the database does not answer: " + err.Error(), cause: "store", refuse: true}, false
	}
	i.note(func(st *Status) { st.Generation = generation })
	i.barred.Store(false)
	program := i.s.rollout.Program(string(i.id))
	child, from, err := workerproc.Spawn(i.s.cfg.spec(i.s.rollout.File(program), i.id, generation, databaseURL, i.raw.on.Load()))
	if err != nil {
		return result{event: exited, why: err.Error(), cause: "start"}, false
	}
	i.setProcess(child)
	i.logFrom = from
	if proc, err := process.Identify(child.PID()); err == nil {
		i.note(func(st *Status) { st.Proc, st.StartedAt, st.program = proc, time.Now(), program })
		if err := i.s.rollout.Note(i.s.dir(i.id), proc, program); err != nil {
			i.log.Warn().Err(err).Msg("the next manager has to look at the process itself")
		}
	}
	limit, cancel := context.WithTimeout(ctx, i.s.cfg.StartTimeout)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-child.Done():
			if status, _ := child.ExitStatus(); status.Exited() && status.ExitStatus() == workerv1.ExitTaken {
				return result{}, true
			}
			return i.exitOutcome(child), false
		case <-limit.Done():
			return i.late(ctx, "the worker did not take its lock in time"), false
		case <-tick.C:
			if pid, held, err := i.s.dir(i.id).LockHolder(); err == nil && held && pid == child.PID() {
				return i.attachWithin(ctx, limit), false
			}
			// Somebody else holds it: the child will exit and say so.
		}
	}
}

// late is the end of a work whose time is up, unless it was cancelled.
func (i *instance) late(ctx context.Context, why string) result {
	if ctx.Err() != nil {
		return result{}
	}
	return result{event: deadline, why: why}
}

// slot waits for one of a bounded number of places, to be given back by leave;
// false when ctx ended first. The place becomes free after longest in any case,
// so that whoever is stuck in it holds up nobody else.
func slot(ctx context.Context, places chan struct{}, longest time.Duration) (leave func(), ok bool) {
	select {
	case places <- struct{}{}:
	case <-ctx.Done():
		return nil, false
	}
	var once sync.Once
	free := func() { once.Do(func() { <-places }) }
	expiry := time.AfterFunc(longest, free)
	return func() { expiry.Stop(); free() }, true
}
