package supervisor

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"whatsapp-manager/proto/process"
)

// instance is one instance's goroutine and what others may see of it.
//
// The loop owns the state. Whatever takes time is a work (work.go): one per
// stay in a state, run beside the loop, which cancels it and waits for its
// return before the state changes. Between the two, proc and att are owned by
// the work while one runs, else by the loop.
type instance struct {
	s      *Supervisor
	id     ID
	orphan bool // no row knows it; it is to be ended and swept
	log    zerolog.Logger
	cmds   chan command  // written by tell and suggest, read by the loop
	gone   chan struct{} // closed when the loop has ended

	// Set by the loop, while a work may look.
	halt   atomic.Bool // StopAll: nothing is wanted
	remove atomic.Bool // deleted: stop, sweep, finish
	barred atomic.Bool // the recorded worker cannot use the database

	// Owned by the loop.
	finished bool
	breaker  *breaker
	end      end       // how and why the present stay in Stopping ends the process
	attached time.Time // to the present worker for the first time
	watching time.Time // since the present Watch opened
	cause    string    // of the next start, when nobody asked for it
	noStore  int       // starts in a row that the store did not allow
	flapping int       // attachments in a row that broke at once
	logFrom  int64     // where the present worker's output begins in its log; -1 unknown
	settled  sync.Once
	answer   chan struct{} // closed when recovery has an answer for this instance

	mu     sync.Mutex
	status Status           // guarded by mu
	given  programID        // guarded by mu; the build an upgrade gave it, empty: the trusted one
	proc   *process.Process // guarded by mu
	att    *attachment      // guarded by mu
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
		cmds: make(chan command, 8), gone: make(chan struct{}), answer: make(chan struct{}),
		breaker: newBreaker(s.cfg.Policy), logFrom: -1,
	}
	i.remove.Store(orphan || !r.DeletedAt.IsZero())
	i.barred.Store(r.Barred)
	i.status = Status{ID: r.ID, Desired: r.Desired, State: Stopped, Generation: r.Generation, LimitBytes: s.cfg.MemoryLimit}
	if r.Desired == "" {
		i.status.Desired = Stop
	}
	return i
}

// loop lives as long as the manager, or until the instance is removed. It ends
// by letting go of the worker.
func (i *instance) loop(ctx context.Context) {
	defer i.letGo()
	i.survey(ctx)
	for ctx.Err() == nil && !i.finished {
		i.stay(ctx)
	}
}

// stay is one stay in one state.
func (i *instance) stay(ctx context.Context) {
	wctx, cancel := context.WithCancel(ctx)
	defer cancel()
	work, timer := i.work()
	done := make(chan outcome, 1)
	if work != nil {
		go func() { done <- work(wctx) }()
	}
	finish := func() {
		cancel()
		if work != nil {
			i.apply(<-done)
		}
	}
	for {
		select {
		case <-ctx.Done():
			finish()
			return
		case out := <-done:
			i.apply(out)
			return
		case <-timer:
			i.step(deadline, "waited long enough")
			return
		case c := <-i.cmds:
			c = i.fit(c)
			if i.admits(c) {
				finish()
				i.act(c)
				i.ack(c)
				return
			}
			i.ack(c)
		}
	}
}

// outcome is what a work reports; no event means it was cancelled.
type outcome struct {
	event  event
	why    string
	exit   *Exit  // of the process, when event is exited
	cause  string // label of the metrics, when event is exited
	refuse bool   // event is exited, but no worker failed: the store did not allow a start
}

// apply takes the step that a work's outcome asks for.
func (i *instance) apply(out outcome) {
	switch out.event {
	case "":
		return
	case attached:
		i.watching, i.noStore, i.cause = time.Now(), 0, ""
		if i.attached.IsZero() {
			i.attached = i.watching
		}
	case lost:
		if time.Since(i.watching) < 10*time.Second {
			i.flapping++
		} else {
			i.flapping = 0
		}
	case deadline:
		i.end = end{kill: true, why: out.why, cause: "unreachable"}
	case exited:
		out.event = i.account(out)
	}
	i.step(out.event, out.why)
}

// account books the end of a process, and says whether the breaker holds.
func (i *instance) account(out outcome) event {
	asked := i.snapshot().State == Stopping && i.end.asked
	stopped := time.Now()
	ran := time.Duration(0)
	if !i.attached.IsZero() {
		ran = stopped.Sub(i.attached)
	}
	i.attached = time.Time{}
	i.hang(nil)
	i.hold(nil)
	st := i.snapshot()
	if out.exit != nil {
		i.log.Info().Uint64("gen", st.Generation).Str("reason", out.why).Bool("asked", asked).Dur("ran", ran).Msg("worker ended")
		exit := *out.exit
		i.s.metrics.exits.WithLabelValues(out.cause).Inc()
		i.record("", "exit", func(ctx context.Context) error {
			return i.s.store.RecordExit(ctx, i.id, st.Generation, exit)
		})
	}
	i.note(func(st *Status) {
		st.Proc, st.Link, st.RSSBytes, st.CPUPercent, st.StartedAt, st.program = Proc{}, nil, 0, 0, time.Time{}, ""
		if !asked {
			st.LastError = out.why
		}
	})
	i.end = end{}
	switch {
	case i.wanted() != Run:
		return exited
	case asked:
		i.retryIn(0)
		return exited
	case out.refuse:
		i.noStore++
		i.retryIn(min(i.s.cfg.Policy.MinDelay<<min(i.noStore, 16), 10*time.Second))
		return exited
	}
	i.cause = out.cause
	delay, open := i.breaker.exited(stopped, ran)
	i.retryIn(delay)
	if open {
		i.note(func(st *Status) {
			st.LastError = fmt.Sprintf("gave up after %d ends in a row, the last one: %s", i.breaker.streak, out.why)
		})
		return tripped
	}
	return exited
}

func (i *instance) retryIn(d time.Duration) {
	at := time.Now().Add(d)
	i.note(func(st *Status) { st.RetryAt = at })
}

// step asks the state machine and, when it moves, tells everybody.
func (i *instance) step(e event, why string) (State, bool) {
	from := i.snapshot().State
	to, ok := next(from, e, i.wanted())
	if !ok {
		i.s.metrics.rejected.WithLabelValues(string(from), string(e)).Inc()
		i.log.Debug().Str("state", string(from)).Str("event", string(e)).Msg("event ignored")
		return from, false
	}
	if to == from {
		return to, true
	}
	if to == Starting {
		i.begin()
	}
	i.note(func(st *Status) {
		st.State = to
		if to != Backoff && to != Failed {
			st.RetryAt = time.Time{}
		}
	})
	st := i.snapshot()
	t := Transition{Instance: i.id, Generation: st.Generation, From: from, To: to, Why: why, At: time.Now()}
	level := zerolog.InfoLevel
	if i.idle(to) {
		level = zerolog.DebugLevel
	} else {
		i.record("", "transition", func(ctx context.Context) error { return i.s.store.RecordTransition(ctx, t) })
	}
	i.log.WithLevel(level).Uint64("gen", t.Generation).Str("from", string(from)).Str("to", string(to)).Str("why", why).Msg("state")
	if to == Stopped {
		i.sweep()
	}
	switch to {
	case Running, Stopped, Backoff, Failed:
		i.settle()
	}
	return to, true
}

// idle reports whether a move is one more turn of the wait for the store, which
// would otherwise fill the history with the time of its outage.
func (i *instance) idle(to State) bool {
	return i.noStore > 0 && to == Starting || i.noStore > 1 && to == Backoff
}

// begin counts the start that is about to happen.
func (i *instance) begin() {
	if i.cause == "" {
		return
	}
	i.s.metrics.restarts.WithLabelValues(i.cause).Inc()
	i.note(func(st *Status) { st.RestartCount++ })
	i.cause = "" // a start that the store refuses is tried again, but counted once
}

// sweep clears the run directory of an instance without a process; for good
// when it was removed.
func (i *instance) sweep() {
	defer i.settle()
	if i.remove.Load() {
		i.s.rec.forget(i.id)
		if err := i.s.forgetFiles(i.id); err != nil {
			i.log.Warn().Err(err).Msg("files of a removed instance are left")
		}
		i.finished = true
		return
	}
	if err := i.s.dir(i.id).Sweep(); err != nil {
		i.log.Warn().Err(err).Msg("run directory not swept")
	}
}

func (i *instance) settle() { i.settled.Do(func() { close(i.answer) }) }

// wanted is what the loop works towards: the owner's wish, unless the manager knows better.
func (i *instance) wanted() Desired {
	if i.halt.Load() || i.remove.Load() {
		return Stop
	}
	return i.snapshot().Desired
}

// letGo leaves the worker alone.
func (i *instance) letGo() {
	i.hang(nil)
	i.hold(nil)
	i.settle()
}

// record puts a write about this instance in the store's queue. Nobody keeps records of an orphan.
func (i *instance) record(key, what string, do func(context.Context) error) {
	if i.orphan {
		return
	}
	i.s.rec.put(write{key: key, what: what, id: i.id, do: do})
}
