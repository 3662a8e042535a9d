package supervisor

import (
	"context"
	"time"

	"github.com/rs/zerolog"
)

// loop lives as long as the manager, or until the instance is removed. It ends
// by letting go of the worker.
func (i *instance) loop(ctx context.Context) {
	defer i.letGo()
	i.recoverInstance()
	for ctx.Err() == nil && !i.finished {
		i.stay(ctx)
	}
}

// stay is one stay in one state.
func (i *instance) stay(ctx context.Context) {
	wctx, cancel := context.WithCancel(ctx)
	defer cancel()
	work, timer := i.work()
	done := make(chan result, 1)
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
			e, ok := c.accept(i)
			if !ok {
				c.ack()
				continue
			}
			finish()
			i.execute(c, e)
			c.ack()
			return
		}
	}
}

// work returns what there is to do in the present state, and when it is over at
// the latest. A work returns soon after its context ended.
func (i *instance) work() (func(context.Context) result, <-chan time.Time) {
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

// result is what a work reports; no event means it was cancelled.
type result struct {
	event  event
	why    string
	exit   *Exit  // of the process, when event is exited
	cause  string // label of the metrics, when event is exited
	refuse bool   // event is exited, but no worker failed: the store did not allow a start
}

// apply takes the step that a work's result asks for.
func (i *instance) apply(out result) {
	switch out.event {
	case "":
		return
	case attached:
		i.watching, i.noStore, i.cause = time.Now(), 0, ""
		i.pauses.store.Reset()
		if i.attached.IsZero() {
			i.attached = i.watching
		}
	case lost:
		if time.Since(i.watching) < 10*time.Second {
			i.pauses.next = i.pauses.reattach.Next()
		} else {
			i.pauses.next = 0
			i.pauses.reattach.Reset()
		}
	case deadline:
		i.end = end{kill: true, why: out.why, cause: "unreachable"}
	case exited:
		out.event = i.account(out)
	}
	i.step(out.event, out.why)
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
		i.resolve()
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
	defer i.resolve()
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

// resolve says that recovery has an answer for this instance.
func (i *instance) resolve() { i.answered.Do(func() { close(i.answer) }) }

// letGo leaves the worker alone.
func (i *instance) letGo() {
	i.setAttachment(nil)
	i.setProcess(nil)
	i.resolve()
}
