package supervisor

import workerv1 "whatsapp-manager/proto/worker/v1"

// action is what recovery, and every start, does about the facts.
type action string

const (
	adopt      action = "adopt"      // attach to the worker that lives
	reap       action = "reap"       // nobody wants it: end it gracefully, then sweep
	replace    action = "replace"    // wanted, but not this one: kill it, then start
	relieve    action = "relieve"    // wanted, but it cannot use the database: end it gracefully, then start
	start      action = "start"      // nobody holds the lock: launch one
	forget     action = "forget"     // nothing lives, nothing is wanted: sweep
	quarantine action = "quarantine" // somebody holds the instance whom we cannot name or signal: touch nothing
)

// facts is what is known of an instance by looking, without asking anybody's memory.
type facts struct {
	id         ID
	bootID     string
	known      bool // a row exists and is not being deleted
	desired    Desired
	generation uint64 // of the row
	barred     bool   // the row's worker cannot use the database

	held     bool               // somebody holds the lock file or the guard socket
	holder   int                // who, pinned by a pidfd; 0 when held but not to be named
	hidden   bool               // holder has the guard socket only: its run directory was deleted under it
	identity *workerv1.Identity // first line of the attach file, when it was written by holder
}

// decide is pure. A worker that has not written its identity yet is adopted:
// attaching waits for it and checks again. A generation below the row's is
// replaced, because a later worker may already have fenced its writes.
func decide(f facts) action {
	wanted := f.known && f.desired == Run
	switch {
	case f.held && f.holder == 0:
		return quarantine
	case f.held && !wanted:
		return reap
	case f.held && f.hidden:
		return replace
	case f.held && f.identity != nil && !believable(f):
		return replace
	case f.held && f.barred:
		return relieve
	case f.held:
		return adopt
	case wanted:
		return start
	default:
		return forget
	}
}

func believable(f facts) bool {
	return f.identity.Instance == string(f.id) && f.identity.BootID == f.bootID &&
		f.identity.Generation >= f.generation
}
