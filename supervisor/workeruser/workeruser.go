// Package workeruser finds the user that workers run as when root started the
// manager, and asks the kernel what that user can reach.
package workeruser

import (
	"errors"
	"fmt"
	"os"
	"os/user"
	"strconv"
	"syscall"

	"kernel.org/pub/linux/libs/security/libcap/cap"
)

// Name is the system user that is taken when there is one.
const Name = "whatsapp-worker"

// Numbers that no distribution and no service manager gives to anybody
// (systemd's table of user ids has them as unused), and that exist within the
// 65,536 of a container.
const (
	firstFree = 60700
	lastFree  = 60799
)

// User is who runs the workers.
type User struct {
	UID, GID int
	Chosen   bool // the operator named it, so that doing without it is an error
}

// Choose returns the user for the workers: the wanted one, which is a name or a
// number; else Name; else a number that no user and no group has. It returns nil
// when the manager is not root, or root is wanted. Then workers run as the
// manager's own user.
func Choose(wanted string) (*User, error) {
	if os.Geteuid() != 0 {
		if wanted != "" {
			return nil, errors.New("only a manager that was started by root can run workers as another user")
		}
		return nil, nil
	}
	if wanted != "" {
		u, err := find(wanted)
		if err != nil {
			return nil, err
		}
		if u.UID == 0 {
			return nil, nil
		}
		u.Chosen = true
		return u, nil
	}
	if known, err := user.Lookup(Name); err == nil {
		return parse(known)
	}
	for id := firstFree; id <= lastFree; id++ {
		text := strconv.Itoa(id)
		_, uerr := user.LookupId(text)
		_, gerr := user.LookupGroupId(text)
		var noUser user.UnknownUserIdError
		var noGroup user.UnknownGroupIdError
		if errors.As(uerr, &noUser) && errors.As(gerr, &noGroup) {
			return &User{UID: id, GID: id}, nil
		}
	}
	return nil, fmt.Errorf("users have all the numbers from %d to %d; make a user %s", firstFree, lastFree, Name)
}

func find(wanted string) (*User, error) {
	if known, err := user.Lookup(wanted); err == nil {
		return parse(known)
	}
	id, err := strconv.ParseUint(wanted, 10, 31)
	if err != nil {
		return nil, fmt.Errorf("there is no user %q", wanted)
	}
	if known, err := user.LookupId(wanted); err == nil {
		return parse(known)
	}
	return &User{UID: int(id), GID: int(id)}, nil // as a group that has no other member
}

func parse(known *user.User) (*User, error) {
	uid, uerr := strconv.Atoi(known.Uid)
	gid, gerr := strconv.Atoi(known.Gid)
	if err := errors.Join(uerr, gerr); err != nil {
		return nil, fmt.Errorf("user %s: %w", known.Username, err)
	}
	return &User{UID: uid, GID: gid}, nil
}

// Credential returns the credential of a process that runs as the user. It has
// no further groups.
func (u User) Credential() *syscall.Credential {
	return &syscall.Credential{Uid: uint32(u.UID), Gid: uint32(u.GID)}
}

// needed are the capabilities of root that a manager cannot do without when its
// workers are of another user; CAP_SYS_RESOURCE and CAP_SYS_PTRACE, which
// containers mostly lack, are not among them.
var needed = []cap.Value{cap.SETUID, cap.SETGID, cap.CHOWN, cap.FOWNER, cap.DAC_OVERRIDE, cap.KILL}

// Usable reports whether this process can run workers as the user, with their files
// in dir. The error says what stands in the way.
func (u User) Usable(dir string) error {
	mine := cap.GetProc()
	for _, c := range needed {
		if has, err := mine.GetFlag(cap.Effective, c); err != nil || !has {
			return errors.Join(fmt.Errorf("this process lacks %s", c), err)
		}
	}
	return u.CanEnter(dir)
}

// CanEnter asks the kernel whether the user may use names in dir, which needs
// more than dir's own mode. The error says what stands in the way.
func (u User) CanEnter(dir string) error {
	if fi, err := os.Stat(dir); err != nil || !fi.IsDir() {
		return errors.Join(fmt.Errorf("%s is not a directory", dir), err)
	}
	// A process of the user enters the directory and is about to execute what
	// cannot be there. So nothing is executed, and this process stays who it is.
	const nothing = "/dev/null/nothing"
	_, err := syscall.ForkExec(nothing, []string{nothing}, &syscall.ProcAttr{Dir: dir, Sys: &syscall.SysProcAttr{Credential: u.Credential()}})
	if errors.Is(err, syscall.ENOTDIR) {
		return nil
	}
	return fmt.Errorf("enter %s as uid %d: %w", dir, u.UID, err)
}
