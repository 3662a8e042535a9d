package worker

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	workerv1 "whatsapp-manager/proto/worker/v1"
)

// errNoManager refuses all callers while there is no manager.
var errNoManager = errors.New("no manager runs")

// gate knows who may call: the manager of the run directories. All workers are
// of one user, and Landlock does not keep one from connecting to another's socket.
type gate struct {
	user *uint32  // the manager's, where it is another than ours: then nobody else's calls are answered
	lock *os.File // else the manager's, nil where there is none; opened before the confinement, to ask only
}

// openGate is nobody's gate, which lets in all of our user, where no manager has
// a lock: a worker of a test. manager is the user that the bootstrap names, if it does.
func openGate(runDir string, manager *uint32) (*gate, error) {
	if manager != nil && *manager != uint32(os.Geteuid()) {
		return &gate{user: manager}, nil
	}
	lock, err := os.Open(filepath.Join(filepath.Dir(runDir), workerv1.ManagerLock))
	if errors.Is(err, fs.ErrNotExist) {
		return &gate{}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("open the manager's lock: %w", err)
	}
	return &gate{lock: lock}, nil
}

// admit lets in the manager's user, or whoever holds the manager's lock now. A
// manager of another PID namespace has no PID here and is known by its user alone.
func (g *gate) admit(cred *unix.Ucred) error {
	if g.user != nil {
		if cred.Uid != *g.user {
			return fmt.Errorf("uid %d is not the manager's, %d is", cred.Uid, *g.user)
		}
		return nil
	}
	if g.lock == nil {
		return nil
	}
	holder := unix.Flock_t{Type: unix.F_WRLCK, Whence: io.SeekStart}
	if err := unix.FcntlFlock(g.lock.Fd(), unix.F_GETLK, &holder); err != nil {
		return fmt.Errorf("ask for the manager: %w", err)
	}
	switch {
	case holder.Type == unix.F_UNLCK:
		return errNoManager
	case holder.Pid > 0 && holder.Pid != cred.Pid:
		return fmt.Errorf("process %d is not the manager, %d is", cred.Pid, holder.Pid)
	}
	return nil
}

// separate tells whether the manager is of another user than we are.
func (g *gate) separate() bool { return g.user != nil }
