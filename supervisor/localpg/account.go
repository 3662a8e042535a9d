package localpg

import (
	"bufio"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"strconv"
	"strings"
	"syscall"
)

// account is the system user the cluster runs as.
type account struct {
	uid, gid int
	name     string
	drop     bool // we are root and must become it
}

// credential is nil when the child simply stays who we are.
func (a account) credential() *syscall.Credential {
	if !a.drop {
		return nil
	}
	return &syscall.Credential{Uid: uint32(a.uid), Gid: uint32(a.gid)}
}

// own gives path to the cluster's user.
func (a account) own(path string) error {
	if !a.drop {
		return nil
	}
	return os.Lchown(path, a.uid, a.gid)
}

// chooseAccount says who runs the cluster: we ourselves, or as root the owner
// of the existing data, else the wanted user, else postgres, nobody, or any
// other unprivileged user the system has.
func chooseAccount(dataDir, wanted string) (account, error) {
	if uid := os.Geteuid(); uid != 0 {
		return account{uid: uid, gid: os.Getegid(), name: strconv.Itoa(uid)}, nil
	}
	if st, err := os.Stat(dataDir); err == nil {
		if uid, gid := ownerOf(st); uid != 0 {
			return account{uid: uid, gid: gid, name: strconv.Itoa(uid), drop: true}, nil
		}
	}
	names := []string{"postgres", "nobody"}
	if wanted != "" {
		names = []string{wanted}
	}
	for _, name := range names {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, uerr := strconv.Atoi(u.Uid)
		gid, gerr := strconv.Atoi(u.Gid)
		if uerr != nil || gerr != nil || uid == 0 {
			continue
		}
		return account{uid: uid, gid: gid, name: name, drop: true}, nil
	}
	if wanted != "" {
		return account{}, fmt.Errorf("choose postgres user: there is no unprivileged user %q", wanted)
	}
	return anyUnprivileged("/etc/passwd")
}

func anyUnprivileged(passwd string) (account, error) {
	f, err := os.Open(passwd)
	if err != nil {
		return account{}, fmt.Errorf("choose postgres user: %w", err)
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		p := strings.Split(s.Text(), ":")
		if len(p) < 4 {
			continue
		}
		uid, uerr := strconv.Atoi(p[2])
		gid, gerr := strconv.Atoi(p[3])
		if uerr == nil && gerr == nil && uid != 0 {
			return account{uid: uid, gid: gid, name: p[0], drop: true}, nil
		}
	}
	return account{}, fmt.Errorf("choose postgres user: PostgreSQL does not run as root and %s names no other user; create one: useradd --system postgres", passwd)
}

func ownerOf(st fs.FileInfo) (uid, gid int) {
	sys, ok := st.Sys().(*syscall.Stat_t)
	if !ok {
		return -1, -1
	}
	return int(sys.Uid), int(sys.Gid)
}
