package supervisor

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	gops "github.com/shirou/gopsutil/v3/process"

	"whatsapp-manager/proto/process"
	workerv1 "whatsapp-manager/proto/worker/v1"
	"whatsapp-manager/supervisor/workerconn"
)

// reattach gets hold of a worker known to live: after our own restart, or after Watch broke.
func (i *instance) reattach(ctx context.Context) result {
	i.setAttachment(nil)
	if d := i.pauses.next; d > 0 && !pause(ctx, d, i.process().Done()) {
		return result{}
	}
	leave, ok := slot(ctx, i.s.adopting, longestTurn)
	if !ok {
		return result{}
	}
	defer leave()
	return i.reach(ctx, i.s.cfg.AttachBudget)
}

func (i *instance) reach(ctx context.Context, budget time.Duration) result {
	limit, cancel := context.WithTimeout(ctx, budget)
	defer cancel()
	return i.attachWithin(ctx, limit)
}

// attachWithin tries to attach to the held process until limit ends.
func (i *instance) attachWithin(ctx, limit context.Context) result {
	p := i.process()
	for {
		a, err := i.tryAttach(limit, p)
		switch {
		case err == nil:
			i.publishAttachment(a)
			return result{event: attached, why: "attached"}
		case p.Ended():
			<-p.Done()
			return i.exitOutcome(p)
		case errors.Is(err, workerconn.ErrImpostor):
			return result{event: deadline, why: err.Error()}
		case limit.Err() != nil:
			return i.late(ctx, "the worker could not be attached to in time: "+err.Error())
		}
		i.log.Debug().Err(err).Int("pid", p.PID()).Msg("attach failed, trying again")
		pause(limit, 50*time.Millisecond, p.Done())
	}
}

func (i *instance) tryAttach(limit context.Context, p *process.Process) (*workerconn.Conn, error) {
	identity, socket, err := workerconn.AwaitAttachPoint(limit, i.s.dir(i.id), p)
	if err != nil {
		return nil, err
	}
	if err := workerconn.Verify(string(i.id), i.snapshot().Generation, p, identity); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(limit, i.s.cfg.AttachTimeout)
	defer cancel()
	return workerconn.Dial(ctx, i.s.dialing(), p, identity, socket)
}

// publishAttachment publishes a new attachment.
func (i *instance) publishAttachment(a *workerconn.Conn) {
	i.setAttachment(a)
	h := a.Hello
	// Verified against the kernel, and not every version says it again in Hello.
	proc := Proc{PID: a.Process.PID(), StartTicks: a.Identity.StartTicks, BootID: a.Identity.BootID}
	w := Worker{
		Instance: i.id, Generation: h.GetGeneration(), Node: i.s.cfg.Node, Proc: proc, Socket: a.Socket,
		Build: cmp.Or(h.GetBuild(), a.Identity.Build), Protocol: h.GetProtocol(), StartedAt: startedAt(a), AttachedAt: time.Now(),
	}
	program := i.s.rollout.ProgramOf(i.s.dir(i.id), proc)
	i.note(func(st *Status) {
		st.Proc, st.Generation, st.Build, st.StartedAt, st.program = proc, w.Generation, w.Build, w.StartedAt, program
		st.Confinement = h.GetConfinement()
	})
	i.record("", "worker", func(ctx context.Context) error { return i.s.store.RecordWorker(ctx, w) })
	i.applyWatch(a.First)
}

func startedAt(a *workerconn.Conn) time.Time {
	if at := a.Hello.GetStartedAt(); at != nil {
		return at.AsTime()
	}
	if p, err := gops.NewProcess(int32(a.Process.PID())); err == nil {
		if ms, err := p.CreateTime(); err == nil {
			return time.UnixMilli(ms)
		}
	}
	return time.Now()
}

// applyWatch takes over one message of Watch.
func (i *instance) applyWatch(m *workerv1.WatchResponse) {
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
func (i *instance) follow(ctx context.Context) result {
	a := i.attachment()
	broken := make(chan error, 1)
	go func() {
		for {
			m, err := a.Watch.Recv()
			if err != nil {
				broken <- err
				return
			}
			i.applyWatch(m)
		}
	}()
	var err error
	select {
	case <-ctx.Done():
		// Stopping still wants the connection for its Stop call; only the watch ends.
		a.StopWatch()
		<-broken //nolint:errcheck // it ended because we ended it
		return result{}
	case <-a.Process.Done():
		i.setAttachment(nil)
		<-broken //nolint:errcheck // it ended because the worker did
		return i.exitOutcome(a.Process)
	case err = <-broken:
	}
	if a.Process.Ended() {
		<-a.Process.Done()
		i.setAttachment(nil)
		return i.exitOutcome(a.Process)
	}
	return result{event: lost, why: "watch broke: " + err.Error()}
}

// pause waits for d, or until the process has ended; false when ctx ended first.
func pause(ctx context.Context, d time.Duration, ended <-chan struct{}) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-ended:
	case <-t.C:
	}
	return true
}
