package supervisor

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"whatsapp-manager/proto/fault"
	workerv1 "whatsapp-manager/proto/worker/v1"
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

	// Owned by the loop.
	halt     bool // StopAll: nothing is wanted
	remove   bool // deleted: stop, sweep, finish
	finished bool
	breaker  *breaker
	end      end       // how and why the present stay in Stopping ends the process
	attached time.Time // of the present worker
	fresh    bool      // the next start was asked for and does not count as a restart
	cause    string    // of the next start, when nobody asked for it
	noStore  int       // starts in a row that the store did not allow
	flapping int       // attachments in a row that broke at once
	logFrom  int64     // where the present worker's output begins in its log; -1 unknown
	settled  sync.Once
	answer   chan struct{} // closed when recovery has an answer for this instance

	mu     sync.Mutex
	status Status      // guarded by mu
	proc   *process    // guarded by mu
	att    *attachment // guarded by mu
}

// end says how a process is to be ended.
type end struct {
	asked bool   // by the owner or by us for no fault of the worker: does not count for the breaker
	kill  bool   // it does not answer: SIGKILL at once
	why   string // becomes the exit's reason unless the process ended by itself
	cause string // label of the metrics
}

// command is what others ask of the loop.
type command struct {
	event   event
	why     string
	cause   string
	desired Desired // set when the owner changed it
	asked   bool
	forgive bool
	halt    bool
	remove  bool
	kill    bool
	proc    *process      // the command concerns this process only; nil: whichever
	done    chan struct{} // closed by the loop when it acted; nil for suggestions
}

func newInstance(s *Supervisor, r Record, orphan bool) *instance {
	i := &instance{
		s: s, id: r.ID, orphan: orphan,
		log:  s.log.With().Str("instance", string(r.ID)).Logger(),
		cmds: make(chan command, 8), gone: make(chan struct{}), answer: make(chan struct{}),
		breaker: newBreaker(s.cfg.Policy), remove: orphan || !r.DeletedAt.IsZero(), logFrom: -1, fresh: true,
	}
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

// survey is recovery for this instance: look, decide, take the first step.
func (i *instance) survey(ctx context.Context) {
	f, p, err := i.look()
	if err != nil {
		i.log.Error().Err(err).Msg("run directory cannot be read")
		i.note(func(st *Status) { st.LastError = err.Error() })
	}
	i.embrace(f, p)
}

// embrace takes the first step that the facts ask for. Nothing runs for the
// instance that the loop knows of.
func (i *instance) embrace(f facts, p *process) {
	i.hold(p)
	act := decide(f)
	if act != forget {
		i.log.Info().Str("action", string(act)).Int("pid", f.holder).Msg("facts found")
	}
	if p != nil {
		if proc, err := identify(p.pid); err == nil {
			i.note(func(st *Status) { st.Proc = proc })
		}
		i.logFrom = logSize(logPath(i.s.cfg, i.id))
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
	case start:
		if w := i.s.dir(i.id).lastWords(i.snapshot().Generation); w != nil && w.Code != 0 {
			i.note(func(st *Status) { st.LastError = w.Reason })
		}
		i.step(wantRun, "wanted, and not alive")
	case quarantine:
		i.retryIn(i.s.cfg.Policy.CoolDown)
		i.note(func(st *Status) { st.LastError = errUnnamed.Error() })
		if _, ok := i.step(tripped, errUnnamed.Error()); !ok {
			i.settle()
		}
	case forget:
		i.sweep()
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

// admits takes over the wishes of a command and reports whether the state has to change for it.
func (i *instance) admits(c command) bool {
	if c.proc != nil && c.proc != i.process() {
		return false // about a process of the past
	}
	if c.desired != "" {
		i.note(func(st *Status) { st.Desired = c.desired })
	}
	i.halt = i.halt || c.halt
	i.remove = i.remove || c.remove
	if c.forgive {
		i.breaker.reset()
		i.fresh = true
		i.note(func(st *Status) { st.RestartCount = 0 })
	}
	if c.event == wantRun && i.wanted() != Run {
		return false
	}
	state := i.snapshot().State
	if i.remove && state == Stopped {
		return true
	}
	_, ok := next(state, c.event, i.wanted())
	return ok
}

// act does what a command asks for, in whatever state the finished work has left.
func (i *instance) act(c command) {
	if i.remove && i.snapshot().State == Stopped {
		i.sweep()
		return
	}
	switch c.event {
	case wantStop:
		i.end = end{asked: true, why: c.why, cause: "asked"}
	case recycle:
		kill := c.kill || i.snapshot().State == Stopping && i.end.kill
		i.end = end{asked: c.asked, kill: kill, why: c.why, cause: c.cause}
		if c.asked {
			i.end.cause = "asked"
		}
	case found:
		if f, p, err := i.look(); err == nil && p != nil {
			i.embrace(f, p)
		}
		return
	}
	i.step(c.event, c.why)
}

func (i *instance) ack(c command) {
	if c.done != nil {
		close(c.done)
	}
}

// tell hands a command to the loop and waits until it acted.
func (i *instance) tell(ctx context.Context, op string, c command) error {
	c.done = make(chan struct{})
	ended := fault.New(fault.Unavailable, op, "the manager is shutting down")
	select {
	case i.cmds <- c:
	case <-i.gone:
		return ended
	case <-ctx.Done():
		return fault.Wrap(fault.Deadline, op, ctx.Err(), "no answer in time")
	}
	select {
	case <-c.done:
		return nil
	case <-i.gone:
		if c.remove {
			return nil
		}
		return ended
	case <-ctx.Done():
		return fault.Wrap(fault.Deadline, op, ctx.Err(), "no answer in time")
	}
}

// suggest hands a command to the loop if it has time for it; the next look will
// come to the same conclusion otherwise.
func (i *instance) suggest(c command) {
	select {
	case i.cmds <- c:
	default:
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
		i.attached, i.noStore = time.Now(), 0
		i.cause = ""
	case lost:
		if time.Since(i.attached) < 10*time.Second {
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
	i.log.Info().Uint64("gen", st.Generation).Str("reason", out.why).Bool("asked", asked).Dur("ran", ran).Msg("worker ended")
	if out.exit != nil {
		exit := *out.exit
		i.s.metrics.exits.WithLabelValues(out.cause).Inc()
		i.record("", "exit", func(ctx context.Context) error {
			return i.s.store.RecordExit(ctx, i.id, st.Generation, exit)
		})
	}
	i.note(func(st *Status) {
		st.Proc, st.Link, st.RSSBytes, st.CPUPercent, st.StartedAt = Proc{}, nil, 0, 0, time.Time{}
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
	i.log.Info().Uint64("gen", t.Generation).Str("from", string(from)).Str("to", string(to)).Str("why", why).Msg("state")
	i.record("", "transition", func(ctx context.Context) error { return i.s.store.RecordTransition(ctx, t) })
	if to == Stopped {
		i.sweep()
	}
	switch to {
	case Running, Stopped, Backoff, Failed:
		i.settle()
	}
	return to, true
}

// begin counts the start that is about to happen.
func (i *instance) begin() {
	if !i.fresh && i.cause != "" {
		i.s.metrics.restarts.WithLabelValues(i.cause).Inc()
		i.note(func(st *Status) { st.RestartCount++ })
	}
	i.fresh = false
}

// sweep clears the run directory of an instance without a process; for good
// when it was removed.
func (i *instance) sweep() {
	defer i.settle()
	if i.remove {
		if err := i.s.forgetFiles(i.id); err != nil {
			i.log.Warn().Err(err).Msg("files of a removed instance are left")
		}
		i.finished = true
		return
	}
	if err := i.s.dir(i.id).sweep(); err != nil {
		i.log.Warn().Err(err).Msg("run directory not swept")
	}
}

func (i *instance) settle() { i.settled.Do(func() { close(i.answer) }) }

// wanted is what the loop works towards: the owner's wish, unless the manager knows better.
func (i *instance) wanted() Desired {
	if i.halt || i.remove {
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

// note changes the status and wakes whoever watches it.
func (i *instance) note(change func(*Status)) {
	i.mu.Lock()
	change(&i.status)
	i.mu.Unlock()
	i.s.hub.publish(i.id)
}

func (i *instance) snapshot() Status {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.status
}

func (i *instance) process() *process {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.proc
}

func (i *instance) attachment() *attachment {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.att
}

// hold makes p the instance's process, and lets go of the one before.
func (i *instance) hold(p *process) {
	i.mu.Lock()
	old := i.proc
	i.proc = p
	i.mu.Unlock()
	if old != nil && old != p {
		old.release()
	}
}

// hang makes a the instance's attachment, and drops the one before.
func (i *instance) hang(a *attachment) {
	i.mu.Lock()
	old := i.att
	i.att = a
	i.mu.Unlock()
	if old != nil && old != a {
		old.drop()
	}
}

// stub returns the way to the worker, or what to tell who asked for it.
func (i *instance) stub(op string) (workerv1.WorkerClient, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.att != nil && i.status.State == Running {
		return i.att.worker, nil
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
