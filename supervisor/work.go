package supervisor

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	gops "github.com/shirou/gopsutil/v3/process"

	"whatsapp-manager/proto/fault"
	workerv1 "whatsapp-manager/proto/worker/v1"

	"whatsapp-manager/proto/process"
	"whatsapp-manager/supervisor/workerproc"
)

// work returns what there is to do in the present state, and when it is over at
// the latest. A work returns soon after its context ended.
func (i *instance) work() (func(context.Context) outcome, <-chan time.Time) {
	switch st := i.snapshot(); st.State {
	case Starting:
		return i.start, nil
	case Detached:
		return i.reattach, nil
	case Running:
		return i.follow, nil
	case Stopping:
		return i.finish, nil
	case Backoff, Failed:
		return nil, time.After(time.Until(st.RetryAt))
	}
	return nil, nil
}

// longestTurn is how long an instance keeps its place among those that start or
// attach: what is expensive about either is over much earlier.
const longestTurn = 3 * time.Second

// start ends in attach, as recovery begins with it.
func (i *instance) start(ctx context.Context) outcome {
	leave, ok := slot(ctx, i.s.starting, longestTurn)
	if !ok {
		return outcome{}
	}
	defer leave()
	// A start that met another one in its way is no failure of this one; it looks again.
	for try := range 5 {
		if try > 1 && !wait(ctx, 10*time.Millisecond<<try, nil) {
			return outcome{}
		}
		f, p, err := i.look()
		if err != nil {
			return outcome{event: exited, why: err.Error(), cause: "start"}
		}
		i.hold(p)
		switch act := decide(f); act {
		case adopt:
			return i.reach(ctx, i.s.cfg.StartTimeout)
		case replace, relieve, reap:
			i.log.Warn().Int("pid", p.PID()).Bool("hidden", f.hidden).Msg("killing a worker that stands in the way")
			if !i.killed(ctx, p) {
				return outcome{}
			}
		case quarantine:
			return outcome{event: exited, why: workerproc.ErrUnnamed.Error(), cause: "start"}
		case start, forget:
			if out, again := i.launch(ctx); !again {
				return out
			}
		}
		if ctx.Err() != nil {
			return outcome{}
		}
	}
	return outcome{event: exited, why: "another worker of this instance keeps getting in the way", cause: "start"}
}

// launch raises the generation, spawns, and attaches. again asks for another
// look, because another worker was quicker.
func (i *instance) launch(ctx context.Context) (out outcome, again bool) {
	sctx, cancel := context.WithTimeout(ctx, storeTimeout)
	generation, databaseURL, err := i.s.store.RaiseGeneration(sctx, i.id, i.s.cfg.Node)
	cancel()
	if ctx.Err() != nil {
		return outcome{}, false
	}
	if fault.Is(err, fault.Conflict) {
		// The store has stopped the instance for good, and our wish is an old one.
		i.note(func(st *Status) { st.Desired = Stop })
		return outcome{event: exited, why: err.Error(), cause: "store", refuse: true}, false
	}
	if err != nil {
		return outcome{event: exited, why: "the database does not answer: " + err.Error(), cause: "store", refuse: true}, false
	}
	i.note(func(st *Status) { st.Generation = generation })
	i.barred.Store(false)
	program := i.program()
	child, from, err := workerproc.Spawn(i.s.cfg.spec(i.s.programs.file(program), i.id, generation, databaseURL))
	if err != nil {
		return outcome{event: exited, why: err.Error(), cause: "start"}, false
	}
	i.hold(child)
	i.logFrom = from
	if proc, err := process.Identify(child.PID()); err == nil {
		i.note(func(st *Status) { st.Proc, st.StartedAt, st.program = proc, time.Now(), program })
		if err := noteProgram(i.s.dir(i.id), proc, program); err != nil && program != "" {
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
				return outcome{}, true
			}
			return i.epitaph(child), false
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
func (i *instance) late(ctx context.Context, why string) outcome {
	if ctx.Err() != nil {
		return outcome{}
	}
	return outcome{event: deadline, why: why}
}

// reattach gets hold of a worker known to live: after our own restart, or after Watch broke.
func (i *instance) reattach(ctx context.Context) outcome {
	i.hang(nil)
	if i.flapping > 0 {
		if !wait(ctx, min(100*time.Millisecond<<min(i.flapping, 10), 5*time.Second), i.process().Done()) {
			return outcome{}
		}
	}
	leave, ok := slot(ctx, i.s.adopting, longestTurn)
	if !ok {
		return outcome{}
	}
	defer leave()
	return i.reach(ctx, i.s.cfg.AttachBudget)
}

func (i *instance) reach(ctx context.Context, budget time.Duration) outcome {
	limit, cancel := context.WithTimeout(ctx, budget)
	defer cancel()
	return i.attachWithin(ctx, limit)
}

// attachWithin tries to attach to the held process until limit ends.
func (i *instance) attachWithin(ctx, limit context.Context) outcome {
	p := i.process()
	for {
		a, err := i.tryAttach(limit, p)
		switch {
		case err == nil:
			i.welcome(a)
			return outcome{event: attached, why: "attached"}
		case p.Ended():
			<-p.Done()
			return i.epitaph(p)
		case errors.Is(err, errImpostor):
			return outcome{event: deadline, why: err.Error()}
		case limit.Err() != nil:
			return i.late(ctx, "the worker could not be attached to in time: "+err.Error())
		}
		i.log.Debug().Err(err).Int("pid", p.PID()).Msg("attach failed, trying again")
		wait(limit, 50*time.Millisecond, p.Done())
	}
}

func (i *instance) tryAttach(limit context.Context, p *process.Process) (*attachment, error) {
	identity, socket, err := awaitAttachPoint(limit, i.s.dir(i.id), p)
	if err != nil {
		return nil, err
	}
	if err := verify(i.id, i.snapshot().Generation, p, identity); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(limit, i.s.cfg.AttachTimeout)
	defer cancel()
	return i.s.dial(ctx, p, identity, socket)
}

// welcome publishes a new attachment.
func (i *instance) welcome(a *attachment) {
	i.hang(a)
	h := a.hello
	// Verified against the kernel, and not every version says it again in Hello.
	proc := Proc{PID: a.proc.PID(), StartTicks: a.identity.StartTicks, BootID: a.identity.BootID}
	w := Worker{
		Instance: i.id, Generation: h.GetGeneration(), Node: i.s.cfg.Node, Proc: proc, Socket: a.socket,
		Build: cmp.Or(h.GetBuild(), a.identity.Build), Protocol: h.GetProtocol(), StartedAt: startedAt(a), AttachedAt: time.Now(),
	}
	program := i.s.programOf(i.id, proc)
	i.note(func(st *Status) {
		st.Proc, st.Generation, st.Build, st.StartedAt, st.program = proc, w.Generation, w.Build, w.StartedAt, program
		st.Confinement = h.GetConfinement()
	})
	i.record("", "worker", func(ctx context.Context) error { return i.s.store.RecordWorker(ctx, w) })
	i.heard(a.first)
}

func startedAt(a *attachment) time.Time {
	if at := a.hello.GetStartedAt(); at != nil {
		return at.AsTime()
	}
	if p, err := gops.NewProcess(int32(a.proc.PID())); err == nil {
		if ms, err := p.CreateTime(); err == nil {
			return time.UnixMilli(ms)
		}
	}
	return time.Now()
}

// heard takes over one message of Watch.
func (i *instance) heard(m *workerv1.WatchResponse) {
	i.note(func(st *Status) {
		st.FeedHead = max(st.FeedHead, m.GetFeedHead())
		if m.GetLink() != nil {
			st.Link = m.GetLink()
		}
	})
	if link := m.GetLink(); link != nil {
		generation := i.snapshot().Generation
		i.record(fmt.Sprintf("link %s %d", i.id, generation), "link", func(ctx context.Context) error {
			return i.s.store.RecordLink(ctx, i.id, generation, link)
		})
	}
}

// follow reads Watch until it breaks or the process ends.
func (i *instance) follow(ctx context.Context) outcome {
	a := i.attachment()
	broken := make(chan error, 1)
	go func() {
		for {
			m, err := a.watch.Recv()
			if err != nil {
				broken <- err
				return
			}
			i.heard(m)
		}
	}()
	var err error
	select {
	case <-ctx.Done():
		// Stopping still wants the connection for its Stop call; only the watch ends.
		a.stop()
		<-broken
		return outcome{}
	case <-a.proc.Done():
		i.hang(nil)
		<-broken
		return i.epitaph(a.proc)
	case err = <-broken:
	}
	if a.proc.Ended() {
		<-a.proc.Done()
		i.hang(nil)
		return i.epitaph(a.proc)
	}
	return outcome{event: lost, why: "watch broke: " + err.Error()}
}

// wait pauses for d, or until early is closed; false when ctx ended first.
func wait(ctx context.Context, d time.Duration, early <-chan struct{}) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-early:
	case <-t.C:
	}
	return true
}
