package worker

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	workerv1 "whatsapp-manager/proto/worker/v1"
)

// errTaken says that another process holds the instance.
var errTaken = errors.New("another process holds this instance")

// claim is the exclusive right to an instance, held for the life of the process.
// The kernel's record lock reveals its owner's PID to the manager; the abstract
// socket has no file and still stands when somebody deletes the run directory.
type claim struct {
	lock  *os.File // opened exactly once: closing any descriptor of the file drops the lock
	guard net.Listener
}

// takeClaim returns errTaken when another process holds the lock or the socket.
// It must be called once per process and run directory.
func takeClaim(runDir, node, instance string) (*claim, error) {
	lock, err := os.OpenFile(filepath.Join(runDir, workerv1.LockFile), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open lock file: %w", err)
	}
	whole := unix.Flock_t{Type: unix.F_WRLCK, Whence: io.SeekStart}
	if err = unix.FcntlFlock(lock.Fd(), unix.F_SETLK, &whole); err != nil {
		_ = lock.Close()
		if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EACCES) {
			return nil, errTaken
		}
		return nil, fmt.Errorf("lock %s: %w", workerv1.LockFile, err)
	}
	guard, err := net.Listen("unix", workerv1.GuardName(node, instance))
	if err != nil {
		_ = lock.Close()
		if errors.Is(err, unix.EADDRINUSE) {
			return nil, errTaken
		}
		return nil, fmt.Errorf("bind guard socket: %w", err)
	}
	return &claim{lock: lock, guard: guard}, nil
}

// release gives the instance up. The kernel does the same when the process ends.
func (c *claim) release() {
	_ = c.guard.Close()
	_ = c.lock.Close()
}
