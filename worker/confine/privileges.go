package confine

import (
	"fmt"

	ll "github.com/landlock-lsm/go-landlock/landlock/syscall"
	"golang.org/x/sys/unix"
	"kernel.org/pub/linux/libs/security/libcap/cap"
)

// Drop gives up files that others may open, all capabilities, privileges of
// programs that the process would execute, and core dumps, which would hold keys
// and messages. It holds for all threads, and comes before anything else.
//
// The process stays "dumpable": otherwise its /proc files would belong to root,
// and who runs the manager as a user of its own could no longer see the
// workers' PSS, descriptors and environment. Confined workers cannot look at
// each other there anyway.
func Drop() error {
	unix.Umask(0o077) // go-plugin makes the socket with what it finds
	// 0 would still let the kernel pipe a dump to a program (core(5)); 1 is too
	// small for a file, and the kernel's own word for "no pipe either".
	if err := unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{Cur: 1, Max: 1}); err != nil {
		return fmt.Errorf("forbid core dumps: %w", err)
	}
	if err := ll.AllThreadsPrctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("give up new privileges: %w", err)
	}
	// One that was started by root as root. It does not get them back by executing
	// something, since it may gain no privileges.
	if err := cap.NewSet().SetProc(); err != nil {
		return fmt.Errorf("give up capabilities: %w", err)
	}
	return nil
}
