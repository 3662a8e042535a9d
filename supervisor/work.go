package supervisor

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	workerv1 "whatsapp-manager/proto/worker/v1"
)

var errUnnamed = errors.New("the instance is held by a process that cannot be named: of another container, or without a listening guard socket")

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

// look collects the facts. The process it returns, pinned, is the facts' holder.
func (i *instance) look() (facts, *process, error) {
	st := i.snapshot()
	f := facts{id: i.id, known: !i.remove, desired: i.wanted(), generation: st.Generation}
	var err error
	if f.bootID, err = bootID(); err != nil {
		return f, nil, err
	}
	dir := i.s.dir(i.id)
	for {
		pid, held, err := lockHolder(dir.lock())
		if err != nil {
			return f, nil, err
		}
		if !held {
			break
		}
		f.held = true
		if pid == 0 {
			return f, nil, nil
		}
		p, err := pin(pid)
		if err != nil { // it ended in between
			f.held = false
			continue
		}
		if again, _, err := lockHolder(dir.lock()); err != nil || again != pid {
			p.release()
			f.held = false
			continue
		}
		f.holder = pid
		if identity, _, err := dir.attachPoint(); err == nil && identity != nil && identity.PID == pid {
			f.identity = identity
		}
		return f, p, nil
	}
	pid, held := guardHolder(workerv1.GuardName(i.s.cfg.Node, string(i.id)))
	if !held {
		return f, nil, nil
	}
	f.held, f.hidden = true, true
	if pid == 0 {
		return f, nil, nil
	}
	p, err := pin(pid)
	if err != nil {
		f.held, f.hidden = false, false
		return f, nil, nil
	}
	if again, _ := guardHolder(workerv1.GuardName(i.s.cfg.Node, string(i.id))); again != pid {
		p.release()
		f.held, f.hidden = false, false
		return f, nil, nil
	}
	f.holder = pid
	return f, p, nil
}

// start ends in attach, as recovery begins with it.
func (i *instance) start(ctx context.Context) outcome {
	if !slot(ctx, i.s.starting) {
		return outcome{}
	}
	defer func() { <-i.s.starting }()
	// A start that met another one in its way is no failure of this one; it looks again.
	for range 5 {
		f, p, err := i.look()
		if err != nil {
			return outcome{event: exited, why: err.Error(), cause: "start"}
		}
		i.hold(p)
		switch act := decide(f); act {
		case adopt:
			return i.reach(ctx, i.s.cfg.StartTimeout)
		case replace, reap:
			i.log.Warn().Int("pid", p.pid).Bool("hidden", f.hidden).Msg("killing a worker that stands in the way")
			if !i.killed(ctx, p) {
				return outcome{}
			}
		case quarantine:
			return outcome{event: exited, why: errUnnamed.Error(), cause: "start"}
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
	generation, err := i.s.store.RaiseGeneration(sctx, i.id, i.s.cfg.Node)
	cancel()
	if ctx.Err() != nil {
		return outcome{}, false
	}
	if err != nil {
		return outcome{event: exited, why: "the database does not answer: " + err.Error(), cause: "store", refuse: true}, false
	}
	i.note(func(st *Status) { st.Generation = generation })
	child, from, err := spawn(i.s.cfg, i.id, generation)
	if err != nil {
		return outcome{event: exited, why: err.Error(), cause: "start"}, false
	}
	i.hold(child)
	i.logFrom = from
	if proc, err := identify(child.pid); err == nil {
		i.note(func(st *Status) { st.Proc, st.StartedAt = proc, time.Now() })
	}
	limit, cancel := context.WithTimeout(ctx, i.s.cfg.StartTimeout)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-child.done:
			if child.status.Exited() && child.status.ExitStatus() == workerv1.ExitTaken {
				return outcome{}, true
			}
			return i.epitaph(child), false
		case <-limit.Done():
			return i.late(ctx, "the worker did not take its lock in time"), false
		case <-tick.C:
			if pid, held, err := lockHolder(i.s.dir(i.id).lock()); err == nil && held && pid == child.pid {
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
		pause := time.NewTimer(min(100*time.Millisecond<<min(i.flapping, 10), 5*time.Second))
		defer pause.Stop()
		select {
		case <-ctx.Done():
			return outcome{}
		case <-i.process().done:
		case <-pause.C:
		}
	}
	if !slot(ctx, i.s.adopting) {
		return outcome{}
	}
	defer func() { <-i.s.adopting }()
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
		case p.ended():
			<-p.done
			return i.epitaph(p)
		case errors.Is(err, errImpostor):
			return outcome{event: deadline, why: err.Error()}
		case limit.Err() != nil:
			return i.late(ctx, "the worker could not be attached to in time: "+err.Error())
		}
		i.log.Debug().Err(err).Int("pid", p.pid).Msg("attach failed, trying again")
		pause := time.NewTimer(50 * time.Millisecond)
		select {
		case <-limit.Done():
		case <-p.done:
		case <-pause.C:
		}
		pause.Stop()
	}
}

func (i *instance) tryAttach(limit context.Context, p *process) (*attachment, error) {
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
	proc := Proc{PID: a.proc.pid, StartTicks: h.GetStartTicks(), BootID: h.GetBootId()}
	w := Worker{
		Instance: i.id, Generation: h.GetGeneration(), Node: i.s.cfg.Node, Proc: proc, Socket: a.socket,
		Build: h.GetBuild(), Protocol: h.GetProtocol(), StartedAt: h.GetStartedAt().AsTime(), AttachedAt: time.Now(),
	}
	i.note(func(st *Status) {
		st.Proc, st.Generation, st.Build, st.StartedAt = proc, w.Generation, w.Build, w.StartedAt
	})
	i.record("", "worker", func(ctx context.Context) error { return i.s.store.RecordWorker(ctx, w) })
	i.heard(a.first)
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
	case <-a.proc.done:
		i.hang(nil)
		<-broken
		return i.epitaph(a.proc)
	case err = <-broken:
	}
	if a.proc.ended() {
		<-a.proc.done
		i.hang(nil)
		return i.epitaph(a.proc)
	}
	return outcome{event: lost, why: "watch broke: " + err.Error()}
}

// finish ends the instance's process, and whoever else takes the lock meanwhile.
func (i *instance) finish(ctx context.Context) outcome {
	p := i.process()
	if p == nil { // stopped between two looks of a start
		return outcome{event: exited, why: i.end.why, cause: i.end.cause}
	}
	by := i.shutDown(ctx, p)
	if by == "" {
		return outcome{}
	}
	i.hang(nil)
	out := i.epitaph(p)
	if !i.end.asked && i.end.why != "" {
		out.why, out.cause = i.end.why, i.end.cause
	} else if by != "stop" {
		out.why += " (" + by + ")"
	}
	out.exit.Reason = out.why
	for {
		_, other, err := i.look()
		if err != nil || other == nil {
			return out
		}
		i.hold(other)
		if !i.killed(ctx, other) {
			return outcome{}
		}
	}
}

// shutDown asks, then tells, then kills, and names what worked; "" when ctx ended before.
func (i *instance) shutDown(ctx context.Context, p *process) (by string) {
	cfg := i.s.cfg
	if !i.end.kill {
		asking, cancel := context.WithTimeout(ctx, cfg.StopGrace)
		defer cancel()
		a := i.attachment()
		if a == nil || a.proc != p {
			if fresh, err := i.tryAttach(asking, p); err == nil {
				i.hang(fresh)
				a = fresh
			} else {
				a = nil
			}
		}
		if a != nil {
			if _, err := a.worker.Stop(asking, &workerv1.StopRequest{Reason: i.end.why}); err == nil {
				if awaitEnd(asking, p, cfg.StopGrace) {
					return "stop"
				}
			} else if !p.ended() {
				i.log.Warn().Err(err).Int("pid", p.pid).Msg("stop call failed")
			}
		}
		if ctx.Err() != nil {
			return ""
		}
		if err := p.signal(unix.SIGTERM); err != nil {
			i.log.Warn().Err(err).Msg("worker not terminated")
		}
		if awaitEnd(ctx, p, cfg.TermGrace) {
			return "stop"
		}
	}
	if !i.killed(ctx, p) {
		return ""
	}
	return "killed"
}

// killed ends a process at once, and reports false when ctx ended before it did.
func (i *instance) killed(ctx context.Context, p *process) bool {
	if ctx.Err() != nil {
		return false
	}
	if err := p.signal(unix.SIGKILL); err != nil {
		i.log.Error().Err(err).Msg("worker not killed")
	}
	select {
	case <-p.done:
		return true
	case <-ctx.Done():
		return false
	}
}

func awaitEnd(ctx context.Context, p *process, grace time.Duration) bool {
	t := time.NewTimer(grace)
	defer t.Stop()
	select {
	case <-p.done:
		return true
	case <-t.C:
	case <-ctx.Done():
	}
	return false
}

// epitaph is the outcome of a process that has ended, with the best account of why.
func (i *instance) epitaph(p *process) outcome {
	st := i.snapshot()
	exit := Exit{At: time.Now(), Reason: "killed or crashed", Code: -1}
	cause := "crash"
	if p.child {
		switch {
		case p.status.Exited():
			exit.Code = p.status.ExitStatus()
			exit.Reason = fmt.Sprintf("exit code %d", exit.Code)
		case p.status.Signaled():
			exit.Code = 128 + int(p.status.Signal())
			exit.Reason = "killed by " + unix.SignalName(p.status.Signal())
		}
	}
	if w := i.s.dir(i.id).lastWords(st.Generation); w != nil {
		exit.Code, exit.Reason, cause = w.Code, w.Reason, "left"
		if w.Detail != "" {
			exit.Reason += ": " + w.Detail
		}
	} else if i.logFrom >= 0 {
		if tail := logTail(logPath(i.s.cfg, i.id), i.logFrom); tail != "" {
			exit.Reason += ", last line of its log: " + tail
		}
	}
	return outcome{event: exited, why: exit.Reason, exit: &exit, cause: cause}
}
