package process

import (
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// LockHolder asks the kernel who holds a record lock on the file that would
// keep others from writing. Held with PID 0 means that the holder cannot be
// named: it is a process of another PID namespace, or the lock belongs to an
// open file and to no process.
//
// A process that holds such a lock itself must not ask in this way through a
// second descriptor: closing any of its descriptors of the file drops its lock.
func LockHolder(f *os.File) (pid int, held bool, err error) {
	lk := unix.Flock_t{Type: unix.F_WRLCK, Whence: io.SeekStart}
	if err := unix.FcntlFlock(f.Fd(), unix.F_GETLK, &lk); err != nil {
		return 0, false, fmt.Errorf("ask for lock holder: %w", err)
	}
	if lk.Type == unix.F_UNLCK {
		return 0, false, nil
	}
	return max(int(lk.Pid), 0), true, nil
}

// TryLock takes the record lock on the whole file for this process, and reports
// whether another process has it. The lock ends with the process, or when the
// process closes any of its descriptors of the file.
func TryLock(f *os.File) (taken bool, err error) {
	err = unix.FcntlFlock(f.Fd(), unix.F_SETLK, &unix.Flock_t{Type: unix.F_WRLCK, Whence: io.SeekStart})
	switch {
	case err == nil:
		return false, nil
	case errors.Is(err, unix.EAGAIN), errors.Is(err, unix.EACCES):
		return true, nil
	}
	return false, fmt.Errorf("lock %s: %w", f.Name(), err)
}
