package supervisor

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"whatsapp-manager/proto/peercred"
	workerv1 "whatsapp-manager/proto/worker/v1"
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
	lk := unix.Flock_t{Type: unix.F_WRLCK, Whence: io.SeekStart}
	if err := unix.FcntlFlock(f.Fd(), unix.F_GETLK, &lk); err != nil {
		return 0, false, fmt.Errorf("ask for lock holder: %w", err)
	}
	if lk.Type == unix.F_UNLCK {
		return 0, false, nil
	}
	return max(int(lk.Pid), 0), true, nil
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

// lockManager makes this process the only manager of a run directory, waiting
// up to patience for a predecessor to end. The lock ends with the process or
// with the file's Close.
func lockManager(ctx context.Context, path string, patience time.Duration) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open manager lock: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		err := unix.FcntlFlock(f.Fd(), unix.F_SETLK, &unix.Flock_t{Type: unix.F_WRLCK, Whence: io.SeekStart})
		if err == nil {
			return f, nil
		}
		if !errors.Is(err, unix.EAGAIN) && !errors.Is(err, unix.EACCES) {
			f.Close()
			return nil, fmt.Errorf("lock %s: %w", path, err)
		}
		select {
		case <-ctx.Done():
			f.Close()
			return nil, fmt.Errorf("lock %s: another manager runs on this run directory: %w", path, ctx.Err())
		case <-tick.C:
		}
	}
}
