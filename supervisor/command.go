package supervisor

import (
	"context"

	"whatsapp-manager/proto/fault"
	"whatsapp-manager/proto/process"
)

// command is what others ask of the loop of an instance: one of the types below.
type command interface {
	// accept takes over the wishes of the command, and returns the event it means
	// in the present state and whether the state has to change for it.
	accept(i *instance) (event, bool)
	// execute does what the command asks for, in whatever state the finished work
	// has left. e is what accept returned.
	execute(i *instance, e event)
}

// request is a command on its way to the loop.
type request struct {
	command
	done chan struct{} // closed by the loop when it acted; nil for suggestions
}

func (r request) ack() {
	if r.done != nil {
		close(r.done)
	}
}

// startCommand says that the owner wants a worker. It forgives earlier ends.
type startCommand struct{ why string }

func (c startCommand) accept(i *instance) (event, bool) {
	i.note(func(st *Status) { st.Desired = Run })
	i.forgive()
	return wantRun, i.allows(wantRun)
}

func (c startCommand) execute(i *instance, e event) { i.step(e, c.why) }

// stopCommand asks for no worker, and says for how long.
type stopCommand struct {
	scope scope
	why   string
}

// scope is how far a wish for no worker goes.
type scope int

const (
	byOwner scope = iota // until the owner wants one again
	byHalt               // as long as this manager lives, whatever the owner wants
	forGood              // the instance is deleted
)

func (c stopCommand) accept(i *instance) (event, bool) {
	switch c.scope {
	case byOwner:
		i.note(func(st *Status) { st.Desired = Stop })
	case byHalt:
		i.halt.Store(true)
	case forGood:
		i.remove.Store(true)
	}
	return wantStop, i.allows(wantStop)
}

func (c stopCommand) execute(i *instance, e event) {
	i.end = end{asked: true, why: c.why, cause: "asked"}
	i.step(e, c.why)
}

// restartCommand asks for another worker than the present one, through no fault
// of it. Where there is none, it asks for a start now.
type restartCommand struct {
	why     string
	forgive bool
	kill    bool // nobody can ask the worker to end
}

func (c restartCommand) accept(i *instance) (event, bool) {
	if c.forgive {
		i.forgive()
	}
	e := recycle
	if state := i.snapshot().State; state == Backoff || state == Failed {
		e = wantRun
	}
	return e, i.allows(e)
}

func (c restartCommand) execute(i *instance, e event) {
	if e == recycle {
		i.recycle(end{asked: true, kill: c.kill, why: c.why, cause: "asked"})
	}
	i.step(e, c.why)
}

// recycleCommand says that something is wrong with one process, which has to go.
type recycleCommand struct {
	process *process.Process
	why     string
	cause   string // label of the metrics
	kill    bool   // it does not answer
}

func (c recycleCommand) accept(i *instance) (event, bool) {
	if c.process != i.process() {
		return recycle, false // about a process of the past
	}
	return recycle, i.allows(recycle)
}

func (c recycleCommand) execute(i *instance, e event) {
	i.recycle(end{kill: c.kill, why: c.why, cause: c.cause})
	i.step(e, c.why)
}

// foundCommand says that a worker lives where none should.
type foundCommand struct{}

func (foundCommand) accept(i *instance) (event, bool) { return found, i.allows(found) }

func (foundCommand) execute(i *instance, _ event) {
	if f, p, err := i.look(); err == nil && p != nil {
		i.applyFacts(f, p)
	}
}

// allows reports whether the state has to change for an event.
func (i *instance) allows(e event) bool {
	if e == wantRun && i.wanted() != Run {
		return false
	}
	state := i.snapshot().State
	if i.remove.Load() && state == Stopped {
		return true
	}
	_, ok := next(state, e, i.wanted())
	return ok
}

// execute does what an accepted command asks for.
func (i *instance) execute(c command, e event) {
	if i.remove.Load() && i.snapshot().State == Stopped {
		i.sweep()
		return
	}
	c.execute(i, e)
}

// forgive makes earlier ends count no longer.
func (i *instance) forgive() {
	i.breaker.reset()
	i.cause = ""
	i.note(func(st *Status) { st.RestartCount = 0 })
}

// recycle says how the present process is to end. An end that is under way may
// become harder, and not milder.
func (i *instance) recycle(e end) {
	e.kill = e.kill || i.snapshot().State == Stopping && i.end.kill
	i.end = e
}

// tell hands a command to the loop and waits until it acted.
func (i *instance) tell(ctx context.Context, op string, c command) error {
	r := request{command: c, done: make(chan struct{})}
	ended := fault.New(fault.Unavailable, op, "the manager is shutting down")
	select {
	case i.cmds <- r: // whatever becomes of ctx: the wish may be persisted already
	case <-i.gone:
		return ended
	}
	select {
	case <-r.done:
		return nil
	case <-i.gone:
		if stop, ok := c.(stopCommand); ok && stop.scope == forGood {
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
	case i.cmds <- request{command: c}:
	default:
	}
}
