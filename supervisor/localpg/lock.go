package localpg

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// flock offers no waiting that a context could end, so it is asked again.
const lockInterval = 20 * time.Millisecond

var errClaimed = errors.New("postgres processes of an earlier run, or of another container, still use the data directory")

// lockFile takes the lock that managers hold while they look and start.
func lockFile(ctx context.Context, path string) (unlock func(), err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	tick := time.NewTicker(lockInterval)
	defer tick.Stop()
	for {
		err := tryLock(f)
		if err == nil {
			return func() { f.Close() }, nil
		}
		if !errors.Is(err, unix.EWOULDBLOCK) {
			f.Close()
			return nil, err
		}
		select {
		case <-ctx.Done():
			f.Close()
			return nil, ctx.Err()
		case <-tick.C:
		}
	}
}

// claim takes the lock that the postmaster and its children inherit and hold
// until the last of them is gone; errClaimed when they still do. It outlives a
// postmaster that was killed for as long as one of its backends still writes,
// and it is seen across PID namespaces, where postmaster.pid means nothing.
func claim(dataDir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dataDir, "postmaster.lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	err = tryLock(f)
	if err == nil {
		return f, nil
	}
	f.Close()
	if errors.Is(err, unix.EWOULDBLOCK) {
		return nil, errClaimed
	}
	return nil, err
}

func tryLock(f *os.File) error {
	for {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}
