package worker

import (
	"fmt"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// stdio moves the standard descriptors. A worker is launched with both outputs
// on its log file. go-plugin prints its handshake line on descriptor 1 and then
// replaces os.Stdout and os.Stderr by pipes that nobody may ever read, so a
// worker whose manager is gone would block on its first print. Hence: descriptor
// 1 is the attach file only until the first Hello, and the variables are put
// back on the log then; go-plugin has replaced them before it accepts calls.
type stdio struct {
	log  *os.File // duplicate of what descriptor 2 was at the start
	once sync.Once
}

// newStdio remembers the log and lets descriptor 0 point at nothing.
func newStdio() (*stdio, error) {
	fd, err := unix.FcntlInt(2, unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		return nil, fmt.Errorf("duplicate log descriptor: %w", err)
	}
	if null, err := os.Open(os.DevNull); err == nil {
		_ = unix.Dup3(int(null.Fd()), 0, 0)
		_ = null.Close()
	}
	return &stdio{log: os.NewFile(uintptr(fd), "log")}, nil
}

// toAttach makes descriptor 1 the attach file.
func (s *stdio) toAttach(attach *os.File) error {
	if err := unix.Dup3(int(attach.Fd()), 1, 0); err != nil {
		return fmt.Errorf("point standard output at the attach file: %w", err)
	}
	return nil
}

// toLog puts every output back on the log. Only the first call does something.
func (s *stdio) toLog() {
	s.once.Do(func() {
		_ = unix.Dup3(int(s.log.Fd()), 1, 0)
		os.Stdout = os.NewFile(1, "/dev/stdout")
		os.Stderr = os.NewFile(2, "/dev/stderr")
	})
}
