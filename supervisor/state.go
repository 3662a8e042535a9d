package supervisor

// event is something that happened to an instance, as its state machine sees it.
type event string

const (
	wantRun  event = "want run"  // the owner asks for a worker
	wantStop event = "want stop" // the owner, or our own shutdown, asks for none
	recycle  event = "recycle"   // this worker has to go, whatever is wanted next
	found    event = "found"     // a live process holds the instance's lock
	attached event = "attached"  // Hello agreed and Watch is open
	lost     event = "lost"      // Watch broke, the process may live
	exited   event = "exited"    // the process is gone, or could not be started
	tripped  event = "tripped"   // like exited, and the circuit breaker is open
	deadline event = "deadline"  // the state's time is up
)

// next is the whole state machine. False means the event is late or impossible
// in this state: the state is kept and nothing is done.
func next(s State, e event, d Desired) (State, bool) {
	switch s {
	case Stopped:
		switch {
		case e == found:
			return Detached, true
		case e == wantRun && d == Run:
			return Starting, true
		case e == tripped && d == Run:
			return Failed, true
		}
	case Starting, Detached:
		switch e {
		case attached:
			return Running, true
		case exited, tripped:
			return after(e, d), true
		case wantStop, recycle, deadline:
			return Stopping, true
		}
	case Running:
		switch e {
		case lost:
			return Detached, true
		case exited, tripped:
			return after(e, d), true
		case wantStop, recycle:
			return Stopping, true
		}
	case Stopping:
		switch e {
		case exited, tripped:
			return after(e, d), true
		case recycle, deadline:
			return Stopping, true // the same end, by harder means
		}
	case Backoff, Failed:
		switch {
		case e == found:
			return Detached, true
		case (e == deadline || e == wantRun) && d == Run:
			return Starting, true
		case e == wantStop:
			return Stopped, true
		}
	}
	return s, false
}

// after is where an instance goes when its process is gone.
func after(e event, d Desired) State {
	switch {
	case d != Run:
		return Stopped
	case e == tripped:
		return Failed
	default:
		return Backoff
	}
}
