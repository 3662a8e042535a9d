// Package workerv1 is the conversation between the manager and one worker:
// worker.proto and the Go generated from it, and the names of the files in a
// worker's run directory. It is versioned, because workers of an older build
// outlive a new manager. What the calls promise stands in worker.proto.
package workerv1

import "fmt"

// What manager and worker agree on outside the RPC: the go-plugin handshake and
// the files of an instance's run directory (mode 0700, one per instance).
const (
	// Protocol is the version of this contract. go-plugin does not check it on
	// reattach, so Hello does.
	Protocol = 1

	CookieKey   = "WAM_WORKER_COOKIE"
	CookieValue = "6f1c7a52-worker-of-whatsapp-manager"
	PluginName  = "worker"

	// LockFile is held with a POSIX write lock (F_SETLK, whole file) for the
	// worker's whole life; F_GETLK names the holder. Never unlinked while the
	// instance exists, opened exactly once by the worker.
	LockFile = "lock"
	// ManagerLock lies beside the run directories and is held, the same way, by
	// the one manager of them. A worker answers no other process while it exists.
	ManagerLock = "manager.lock"
	// AttachFile has two lines once the worker can be attached to: Identity as
	// JSON, then go-plugin's handshake line.
	AttachFile = "attach"
	// SpoolDir holds files of calls while the worker lives.
	SpoolDir = "spool"
	// LastWordsFile holds LastWords as JSON, written by rename before a
	// deliberate exit; its absence means killed or crashed.
	LastWordsFile = "exit.json"

	ExitOK           = 0
	ExitBadBootstrap = 64 // bootstrap short, unparsable or of an unknown version
	ExitTaken        = 75 // another process holds the instance's lock or abstract socket
)

// Identity is the first line of the attach file.
type Identity struct {
	Instance   string `json:"instance"`
	Generation uint64 `json:"generation"`
	PID        int    `json:"pid"`
	StartTicks uint64 `json:"start_ticks"`
	BootID     string `json:"boot_id"`
	Build      string `json:"build"`
	Protocol   uint32 `json:"protocol"`
}

// LastWords tell why a worker ended by its own decision.
type LastWords struct {
	Generation uint64 `json:"generation"`
	Reason     string `json:"reason"` // stop, sigterm, database, panic, …
	Detail     string `json:"detail,omitempty"`
	Code       int    `json:"code"`
}

// GuardName is the abstract unix socket a worker binds right after its lock,
// as a second guard for the case that the run directory was deleted under it.
// Every build must use the same name, or one started after a change of builds
// does not see the worker of the other: so it cannot tell two installations on
// one host apart that have the same node id.
func GuardName(node, instance string) string { return fmt.Sprintf("@wam-%s-%s", node, instance) }
