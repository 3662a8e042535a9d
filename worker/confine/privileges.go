package confine

import (
	"fmt"

	ll "github.com/landlock-lsm/go-landlock/landlock/syscall"
	"golang.org/x/sys/unix"
	"kernel.org/pub/linux/libs/security/libcap/cap"
)

// Drop gives up files that others may open, all capabilities, the privileges of programs
// that the process executes, and core dumps, which would hold keys and messages. It holds
// for all threads, and comes before anything else.
//
// The process stays "dumpable". Otherwise its /proc files would belong to root, and an
// operator who runs the manager as a user of its own could no longer see the workers'
// PSS, descriptors and environment. Confined workers cannot look at each other there
// anyway.
func Drop() error {
	unix.Umask(0o077) // go-plugin makes its socket with the umask that it finds
	// With 0 the kernel would still pipe a dump to a program (core(5)). With 1 it does not,
	// and 1 byte is too small for a file.
	if err := unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{Cur: 1, Max: 1}); err != nil {
		return fmt.Errorf("forbid core dumps: %w", err)
	}
	if err := ll.AllThreadsPrctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("give up new privileges: %w", err)
	}
	// A worker that root started as root has capabilities. It cannot get them back by
	// executing a program, since it may gain no privileges.
	if err := cap.NewSet().SetProc(); err != nil {
		return fmt.Errorf("give up capabilities: %w", err)
	}
	return nil
}
