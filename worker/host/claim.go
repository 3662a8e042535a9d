package host

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"whatsapp-manager/proto/process"
	workerv1 "whatsapp-manager/proto/worker/v1"
)

// ErrTaken says that another process holds the instance.
var ErrTaken = errors.New("another process holds this instance")

// Claim is the exclusive right to an instance, held for the life of the process.
// The kernel's record lock shows its owner's PID to the manager. The abstract socket
// has no file, so it still holds when somebody deletes the run directory.
type Claim struct {
	lock  *os.File // opened exactly once: closing any descriptor of the file drops the lock
	guard net.Listener
}

// TakeClaim takes the instance for this process. It returns ErrTaken when another
// process holds the lock or the socket. Call it once per process and run directory.
func TakeClaim(runDir, node, instance string) (*Claim, error) {
	lock, err := os.OpenFile(filepath.Join(runDir, workerv1.LockFile), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open lock file: %w", err)
	}
	taken, err := process.TryLock(lock)
	if err == nil && taken {
		err = ErrTaken
	}
	if err != nil {
		_ = lock.Close()
		return nil, err
	}
	guard, err := net.Listen("unix", workerv1.GuardName(node, instance))
	if err != nil {
		_ = lock.Close()
		if errors.Is(err, unix.EADDRINUSE) {
			return nil, ErrTaken
		}
		return nil, fmt.Errorf("bind guard socket: %w", err)
	}
	return &Claim{lock: lock, guard: guard}, nil
}

// Release gives the instance up. The kernel does the same when the process ends.
func (c *Claim) Release() {
	_ = c.guard.Close()
	_ = c.lock.Close()
}
