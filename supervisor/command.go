package supervisor

import (
	"context"

	"whatsapp-manager/proto/fault"

	"whatsapp-manager/proto/process"
)

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
	program programID        // assigned to the starts from now on; empty: as before
	proc    *process.Process // the command concerns this process only; nil: whichever
	done    chan struct{}    // closed by the loop when it acted; nil for suggestions
}

// admits takes over the wishes of a command and reports whether the state has to change for it.
func (i *instance) admits(c command) bool {
	if c.proc != nil && c.proc != i.process() {
		return false // about a process of the past
	}
	if c.program != "" {
		i.assign(c.program)
	}
	if c.desired != "" {
		i.note(func(st *Status) { st.Desired = c.desired })
	}
	if c.halt {
		i.halt.Store(true)
	}
	if c.remove {
		i.remove.Store(true)
	}
	if c.forgive {
		i.breaker.reset()
		i.cause = ""
		i.note(func(st *Status) { st.RestartCount = 0 })
	}
	if c.event == wantRun && i.wanted() != Run {
		return false
	}
	state := i.snapshot().State
	if i.remove.Load() && state == Stopped {
		return true
	}
	_, ok := next(state, c.event, i.wanted())
	return ok
}

// act does what a command asks for, in whatever state the finished work has left.
func (i *instance) act(c command) {
	if i.remove.Load() && i.snapshot().State == Stopped {
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

// fit makes of a wish for another build what it means in the present state.
func (i *instance) fit(c command) command {
	if state := i.snapshot().State; c.program != "" && (state == Backoff || state == Failed) {
		c.event = wantRun
	}
	return c
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
	case i.cmds <- c: // whatever becomes of ctx: the wish may be persisted already
	case <-i.gone:
		return ended
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
