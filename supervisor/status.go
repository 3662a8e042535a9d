package supervisor

import (
	"time"

	workerv1 "whatsapp-manager/proto/worker/v1"
	"whatsapp-manager/supervisor/rollout"
)

// ID names an instance: twelve characters of [a-z0-9], safe in paths and short
// enough for a unix socket path below the run directory.
type ID string

// Desired is what the owner of an instance wants, persisted.
type Desired string

// What an owner can want.
const (
	Run  Desired = "run"  // a worker
	Stop Desired = "stop" // none
)

// State is the state of an instance's process, owned by the instance's goroutine.
type State string

// All states of a process.
const (
	Stopped  State = "stopped"  // no process, none wanted
	Starting State = "starting" // launched, not yet attached
	Running  State = "running"  // attached, Watch open
	Detached State = "detached" // alive, nobody attached
	Stopping State = "stopping" // asked to end, later killed
	Backoff  State = "backoff"  // ended, waits for its next start
	Failed   State = "failed"   // the circuit breaker is open
)

// Status is the present of one instance, a consistent copy.
type Status struct {
	ID           ID
	Desired      Desired
	State        State
	Link         *workerv1.Link // nil before the first report; never mutated after
	Proc         Proc           // zero when no process is known
	Generation   uint64
	StartedAt    time.Time
	Build        string
	Confinement  string // of the worker, as Hello says
	RestartCount int    // starts beyond the first since the owner last asked for one
	RSSBytes     uint64
	CPUPercent   float64
	LimitBytes   uint64
	FeedHead     uint64
	Unreadable   *workerv1.Unreadable // what its worker could not open; never mutated after
	LastError    string               // why it last ended or why the breaker is open
	RetryAt      time.Time            // next automatic start, in Backoff and Failed
	Outdated     bool                 // its worker is of another build than the one installed; see Rollout

	program rollout.Program // of the worker
}

// StatusWord is what integrators read of a Status, in the words they know:
// created, connecting, qr_pending, authenticated, ready, disconnected, error
// or stopped. The link decides only while a worker is believed to live.
func StatusWord(s Status) string {
	switch s.State {
	case Stopped:
		switch {
		case s.Desired == Run && s.Generation == 0:
			return "connecting"
		case s.Generation == 0:
			return "created"
		default:
			return "stopped"
		}
	case Failed:
		return "error"
	case Backoff:
		return "disconnected"
	case Starting:
		return "connecting"
	case Stopping:
		if s.Desired == Run {
			return "connecting"
		}
		return "disconnected"
	}
	link := s.Link
	if link == nil {
		return "connecting"
	}
	switch link.GetState() {
	case workerv1.LinkState_LINK_STATE_PAIRING:
		return "qr_pending"
	case workerv1.LinkState_LINK_STATE_ONLINE:
		return "ready"
	case workerv1.LinkState_LINK_STATE_REFUSED:
		return "error"
	case workerv1.LinkState_LINK_STATE_OFFLINE, workerv1.LinkState_LINK_STATE_LOGGED_OUT:
		return "disconnected"
	case workerv1.LinkState_LINK_STATE_UNPAIRED:
		if link.GetReason() != "" {
			return "disconnected" // e.g. the codes ran out unread
		}
		return "connecting"
	case workerv1.LinkState_LINK_STATE_CONNECTING:
		if link.GetJid() != "" {
			return "authenticated" // the account is known, it is not caught up yet
		}
	}
	return "connecting"
}
