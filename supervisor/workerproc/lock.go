package workerproc

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"time"

	"whatsapp-manager/proto/peercred"
	"whatsapp-manager/proto/process"
	workerv1 "whatsapp-manager/proto/worker/v1"
	"whatsapp-manager/supervisor/workeruser"
)

// lockHolder asks the kernel who holds the write lock on the file. A missing file is
// held by nobody. held with pid 0 means a process of another PID namespace.
//
// This process never holds a lock on the files it asks about: closing the
// descriptor would drop it.
func lockHolder(path string) (pid int, held bool, err error) {
	f, err := openPlain(path)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, false, nil
	}
	if err != nil {
		return 0, false, fmt.Errorf("open lock: %w", err)
	}
	defer f.Close()
	return process.LockHolder(f)
}

// guardHolder asks who listens on an abstract socket ("@name"): the kernel
// names the listener to whoever connects. held with pid 0 means that the name
// is taken by a socket that does not listen.
func guardHolder(name string) (pid int, held bool) {
	conn, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: name, Net: "unix"})
	if err != nil {
		// Nobody bound it, or somebody did who does not listen.
		return 0, bound(name)
	}
	defer conn.Close()
	cred, err := peercred.Of(conn)
	if err != nil {
		return 0, true
	}
	return int(cred.Pid), true
}

// ManagerPID returns the PID of the manager that runs on a run directory, 0 when
// there is none.
func ManagerPID(runDir string) (int, error) {
	pid, _, err := lockHolder(filepath.Join(runDir, workerv1.ManagerLock))
	return pid, err
}

// bound reports whether the abstract socket name is taken. It only reads:
// trying to bind it could turn away a worker that starts at this moment.
func bound(name string) bool {
	b, err := os.ReadFile("/proc/net/unix")
	return err == nil && bytes.Contains(b, []byte(" "+name+"\n"))
}

// LockManager makes this process the only manager of a run directory, and waits
// at most for patience until a predecessor has ended. The lock ends with the
// process or with the file's Close. user is who runs the workers, if it is not
// who runs the manager.
func LockManager(ctx context.Context, runDir string, user *workeruser.User, patience time.Duration) (*os.File, error) {
	path := filepath.Join(runDir, workerv1.ManagerLock)
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open manager lock: %w", err)
	}
	if err := awaitLock(ctx, f, patience); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	if err := showLock(f, user); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

func awaitLock(ctx context.Context, f *os.File, patience time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		taken, err := process.TryLock(f)
		if !taken {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("lock %s: another manager runs on this run directory: %w", f.Name(), ctx.Err())
		case <-tick.C:
		}
	}
}

// showLock lets workers of earlier builds ask who holds the manager's lock, when
// they are run as the workers' user: those of this build know us by our user.
func showLock(lock *os.File, user *workeruser.User) error {
	if user == nil {
		return nil
	}
	if err := errors.Join(lock.Chown(-1, user.GID), lock.Chmod(0o640)); err != nil {
		return fmt.Errorf("show manager lock to workers: %w", err)
	}
	return nil
}
