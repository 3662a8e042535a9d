package host

import (
	"fmt"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// Stdio moves the standard descriptors. A worker is launched with both outputs on its
// log file. go-plugin prints its handshake line on descriptor 1 and then replaces
// os.Stdout and os.Stderr with pipes that nobody may ever read, so a worker whose
// manager is gone would block on its first print. Hence descriptor 1 is the attach
// file only until the first Hello. By then go-plugin has replaced the variables, and
// ToLog puts them back on the log.
type Stdio struct {
	log  *os.File // duplicate of descriptor 2 at the start
	once sync.Once
}

// NewStdio remembers the log and points descriptor 0 at /dev/null.
func NewStdio() (*Stdio, error) {
	fd, err := unix.FcntlInt(2, unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		return nil, fmt.Errorf("duplicate log descriptor: %w", err)
	}
	if null, err := os.Open(os.DevNull); err == nil {
		_ = unix.Dup3(int(null.Fd()), 0, 0)
		_ = null.Close()
	}
	return &Stdio{log: os.NewFile(uintptr(fd), "log")}, nil
}

// Log is the file that the process was launched with as its standard error.
func (s *Stdio) Log() *os.File { return s.log }

// ToAttach makes descriptor 1 the attach file.
func (s *Stdio) ToAttach(attach *os.File) error {
	if err := unix.Dup3(int(attach.Fd()), 1, 0); err != nil {
		return fmt.Errorf("point standard output at the attach file: %w", err)
	}
	return nil
}

// ToLog puts every output back on the log. Only the first call has an effect.
func (s *Stdio) ToLog() {
	s.once.Do(func() {
		_ = unix.Dup3(int(s.log.Fd()), 1, 0)
		os.Stdout = os.NewFile(1, "/dev/stdout")
		os.Stderr = os.NewFile(2, "/dev/stderr")
	})
}
