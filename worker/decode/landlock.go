package decode

import (
	"fmt"

	ll "github.com/landlock-lsm/go-landlock/landlock/syscall"
	"golang.org/x/sys/unix"
)

const (
	mayRead = ll.AccessFSReadFile | ll.AccessFSReadDir | ll.AccessFSExecute
	// ofFiles are the rights that a file can have; others are for directories.
	ofFiles = ll.AccessFSReadFile | ll.AccessFSExecute | ll.AccessFSWriteFile
)

// grant is a file, or a directory with all below it, and the rights there.
type grant struct {
	path   string
	rights uint64
}

// landlock limits this thread, and everything it starts or executes, to the given files.
// The other threads of the process are under seccomp. The library's own function would
// change all threads at once, but it looks for them in /proc, which a job of a confined
// worker does not see, and then the process is killed.
func landlock(grants []grant) error {
	abi, err := ll.LandlockGetABIVersion()
	if err != nil {
		return fmt.Errorf("ask for landlock: %w", err)
	}
	handled := ll.RulesetAttr{HandledAccessFS: ll.AccessFSMakeSym<<1 - 1}
	for since, right := range map[int]uint64{2: ll.AccessFSRefer, 3: ll.AccessFSTruncate, 5: ll.AccessFSIoctlDev} {
		if abi >= since {
			handled.HandledAccessFS |= right
		}
	}
	if abi >= 4 {
		handled.HandledAccessNet = ll.AccessNetBindTCP | ll.AccessNetConnectTCP
	}
	if abi >= 6 {
		handled.Scoped = ll.ScopeAbstractUnixSocket | ll.ScopeSignal
	}
	rules, err := ll.LandlockCreateRuleset(&handled, 0)
	if err != nil {
		return fmt.Errorf("make landlock rules: %w", err)
	}
	defer unix.Close(rules)
	for _, g := range grants {
		if err := allow(rules, g); err != nil {
			return err
		}
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("give up new privileges: %w", err)
	}
	if err := ll.LandlockRestrictSelf(rules, 0); err != nil {
		return fmt.Errorf("keep landlock rules: %w", err)
	}
	return nil
}

// allow adds a rule. A file that does not exist needs none.
func allow(rules int, g grant) error {
	f, err := unix.Open(g.path, unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil
	}
	defer unix.Close(f)
	var info unix.Stat_t
	if err = unix.Fstat(f, &info); err != nil {
		return fmt.Errorf("look at %s: %w", g.path, err)
	}
	if info.Mode&unix.S_IFMT != unix.S_IFDIR {
		g.rights &= ofFiles
	}
	if err = ll.LandlockAddPathBeneathRule(rules, &ll.PathBeneathAttr{ParentFd: f, AllowedAccess: g.rights}, 0); err != nil {
		return fmt.Errorf("allow %s: %w", g.path, err)
	}
	return nil
}
