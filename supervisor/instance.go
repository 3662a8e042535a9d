package supervisor

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"whatsapp-manager/proto/backoff"
	"whatsapp-manager/proto/fault"
	"whatsapp-manager/proto/process"
	workerv1 "whatsapp-manager/proto/worker/v1"
	"whatsapp-manager/supervisor/workerconn"
)

// instance is one instance's goroutine and what others may see of it.
//
// The loop owns the state. Whatever takes time is a work (see work): one per
// stay in a state, run beside the loop, which cancels it and waits for its
// return before the state changes. Between the two, proc and att are owned by
// the work while one runs, else by the loop.
type instance struct {
	s      *Supervisor
	id     ID
	orphan bool // no row knows it; it is to be ended and swept
	log    zerolog.Logger
	cmds   chan request  // written by tell and suggest, read by the loop
	gone   chan struct{} // closed when the loop has ended

	// Set by the loop, while a work may look.
	halt   atomic.Bool // StopAll: nothing is wanted
	remove atomic.Bool // deleted: stop, sweep, finish
	barred atomic.Bool // the recorded worker cannot use the database

	raw rawEvents

	// Owned by the loop.
	finished bool
	breaker  *breaker
	end      end       // how and why the present stay in Stopping ends the process
	attached time.Time // to the present worker for the first time
	watching time.Time // since the present Watch opened
	cause    string    // of the next start, when nobody asked for it
	noStore  int       // starts in a row that the store did not allow
	pauses   pauses
	logFrom  int64 // where the present worker's output begins in its log; -1 unknown
	answered sync.Once
	answer   chan struct{} // closed when recovery has an answer for this instance

	mu     sync.Mutex
	status Status           // guarded by mu
	proc   *process.Process // guarded by mu
	att    *workerconn.Conn // guarded by mu
}

// pauses are those before the next try of what failed for no fault of a worker.
type pauses struct {
	store    *backoff.Backoff // of a start that the store did not allow
	reattach *backoff.Backoff // of attaching to a worker whose Watch broke at once
	next     time.Duration    // before the present try to attach again
}

// end says how a process is to be ended.
type end struct {
	asked bool   // by the owner or by us for no fault of the worker: does not count for the breaker
	kill  bool   // it does not answer: SIGKILL at once
	why   string // becomes the exit's reason unless the process ended by itself
	cause string // label of the metrics
}

func newInstance(s *Supervisor, r Record, orphan bool) *instance {
	i := &instance{
		s: s, id: r.ID, orphan: orphan,
		log:  s.log.With().Str("instance", string(r.ID)).Logger(),
		cmds: make(chan request, 8), gone: make(chan struct{}), answer: make(chan struct{}),
		breaker: newBreaker(s.cfg.Policy), logFrom: -1,
		pauses: pauses{
			store:    backoff.New(2*s.cfg.Policy.MinDelay, 10*time.Second),
			reattach: backoff.New(200*time.Millisecond, 5*time.Second),
		},
	}
	i.remove.Store(orphan || !r.DeletedAt.IsZero())
	i.barred.Store(r.Barred)
	i.raw.on.Store(r.RawEvents)
	i.status = Status{ID: r.ID, Desired: r.Desired, State: Stopped, Generation: r.Generation, LimitBytes: s.cfg.MemoryLimit}
	if r.Desired == "" {
		i.status.Desired = Stop
	}
	return i
}

// wanted is what the loop works towards: the owner's wish, unless the manager knows better.
func (i *instance) wanted() Desired {
	if i.halt.Load() || i.remove.Load() {
		return Stop
	}
	return i.snapshot().Desired
}

// note changes the status and wakes whoever watches it.
func (i *instance) note(change func(*Status)) {
	i.mu.Lock()
	change(&i.status)
	i.mu.Unlock()
	i.s.hub.Publish(i.id)
}

// figure changes figures that nobody needs to be woken for.
func (i *instance) figure(change func(*Status)) {
	i.mu.Lock()
	defer i.mu.Unlock()
	change(&i.status)
}

func (i *instance) snapshot() Status {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.status
}

func (i *instance) process() *process.Process {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.proc
}

func (i *instance) attachment() *workerconn.Conn {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.att
}

// setProcess makes p the instance's process, and lets go of the one before.
func (i *instance) setProcess(p *process.Process) {
	i.mu.Lock()
	old := i.proc
	i.proc = p
	i.mu.Unlock()
	if old != nil && old != p {
		old.Release()
	}
}

// setAttachment makes a the instance's attachment, and drops the one before.
func (i *instance) setAttachment(a *workerconn.Conn) {
	i.mu.Lock()
	old := i.att
	i.att = a
	i.mu.Unlock()
	if old != nil && old != a {
		old.Drop()
	}
}

// worker returns the way to the worker, or what to tell who asked for it.
func (i *instance) worker(op string) (workerv1.WorkerClient, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.att != nil && i.status.State == Running {
		return i.att.Worker, nil
	}
	st := i.status
	if st.Desired != Run {
		return nil, fault.New(fault.Stopped, op, "the instance is stopped")
	}
	if st.State == Failed {
		f := fault.Wrap(fault.Unavailable, op, errors.New(st.LastError), "the worker keeps failing and waits for its next try")
		f.RetryAfter = max(time.Until(st.RetryAt), time.Second)
		return nil, f
	}
	f := fault.New(fault.Starting, op, "the worker is starting")
	f.RetryAfter = time.Second
	if wait := time.Until(st.RetryAt); wait > f.RetryAfter {
		f.RetryAfter = wait
	}
	return nil, f
}

// record puts a write about this instance in the store's queue. Nobody keeps records of an orphan.
func (i *instance) record(key, what string, do func(context.Context) error) {
	if i.orphan {
		return
	}
	i.s.rec.put(write{key: key, what: what, id: i.id, do: do})
}
