package host

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"whatsapp-manager/proto/process"
	workerv1 "whatsapp-manager/proto/worker/v1"
)

// errNoManager refuses all callers while there is no manager.
var errNoManager = errors.New("no manager runs")

// Gate knows who may call: the manager of the run directories. All workers run as
// one user, and Landlock does not keep one from connecting to another one's socket.
type Gate struct {
	user *uint32  // the manager's user, where it differs from ours: calls of all others are refused
	lock *os.File // the manager's lock, nil where there is none; opened before the confinement, only to query it
}

// OpenGate returns the gate of a worker. manager is the user that the bootstrap names,
// nil if it names none. Where no manager has a lock (a worker of a test), the gate
// admits every process of our user.
func OpenGate(runDir string, manager *uint32) (*Gate, error) {
	if manager != nil && *manager != uint32(os.Geteuid()) {
		return &Gate{user: manager}, nil
	}
	lock, err := os.Open(filepath.Join(filepath.Dir(runDir), workerv1.ManagerLock))
	if errors.Is(err, fs.ErrNotExist) {
		return &Gate{}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("open the manager's lock: %w", err)
	}
	return &Gate{lock: lock}, nil
}

// Admit returns nil for a process of the manager's user, or for the one that holds
// the manager's lock now. A manager in another PID namespace has no PID here and is
// known by its user alone.
func (g *Gate) Admit(cred *unix.Ucred) error {
	if g.user != nil {
		if cred.Uid != *g.user {
			return fmt.Errorf("uid %d is not the manager's, %d is", cred.Uid, *g.user)
		}
		return nil
	}
	if g.lock == nil {
		return nil
	}
	holder, held, err := process.LockHolder(g.lock)
	switch {
	case err != nil:
		return fmt.Errorf("ask for the manager: %w", err)
	case !held:
		return errNoManager
	case holder > 0 && holder != int(cred.Pid):
		return fmt.Errorf("process %d is not the manager, %d is", cred.Pid, holder)
	}
	return nil
}

// separate reports whether the manager runs as another user than this process.
func (g *Gate) separate() bool { return g.user != nil }
