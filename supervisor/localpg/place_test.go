package localpg

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// uidsOf returns real, effective, saved and file system uid.
func uidsOf(t *testing.T, pid int) []string {
	t.Helper()
	for line := range strings.Lines(read(t, fmt.Sprintf("/proc/%d/status", pid))) {
		if rest, ok := strings.CutPrefix(line, "Uid:"); ok {
			return strings.Fields(rest)
		}
	}
	t.Fatalf("no process %d", pid)
	return nil
}

func mode(t *testing.T, path string) os.FileMode {
	t.Helper()
	st, err := os.Stat(path)
	must(t, err)
	return st.Mode().Perm()
}

// thisAccount is the account in as far as modes depend on it: only root has
// workers of another user.
func thisAccount() account { return account{drop: os.Geteuid() == 0} }

func TestNeverRunsAsRoot(t *testing.T) {
	dir := newDir(t)
	c := ensureCluster(t, config(dir))
	st, err := os.Stat(filepath.Join(dir, "data"))
	must(t, err)
	uid, _ := ownerOf(st)
	for _, u := range uidsOf(t, c.PID()) {
		if u == "0" || u != fmt.Sprint(uid) {
			t.Errorf("the postmaster runs as %s, its files belong to %d", u, uid)
		}
	}
	for sub, want := range map[string]os.FileMode{"data": 0o700, "run": socketDirMode(thisAccount()), "log": 0o700, "superuser.secret": 0o600, "owner.secret": 0o600} {
		if m := mode(t, filepath.Join(dir, sub)); m != want {
			t.Errorf("%s has mode %o", sub, m)
		}
	}
	sid, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", c.PID()))
	must(t, err)
	_, after, _ := strings.Cut(string(sid), ") ")
	if f := strings.Fields(after); f[3] != fmt.Sprint(c.PID()) {
		t.Errorf("the postmaster is in session %s", f[3])
	}
	env := read(t, fmt.Sprintf("/proc/%d/environ", c.PID()))
	if strings.Contains(env, "WAM_") {
		t.Errorf("settings of the manager reached the postmaster: %q", env)
	}
}

// As an ordinary user, and afterwards as root on the same data.
func TestOrdinaryUser(t *testing.T) {
	acc, err := chooseAccount(filepath.Join(root, "none"), "nobody")
	must(t, err)
	dir := newDir(t)
	must(t, acc.own(dir))
	m := startManager(t, dir, acc.credential())
	pid, _ := m.ready(t)
	if got := uidsOf(t, pid); got[1] != fmt.Sprint(acc.uid) {
		t.Errorf("the postmaster runs as %s", got[1])
	}
	m.kill()
	c := ensureCluster(t, config(dir))
	if !c.Adopted() || c.PID() != pid {
		t.Errorf("got %d, adopted %t", c.PID(), c.Adopted())
	}
	must(t, c.Stop(t.Context()))
	c = ensureCluster(t, config(dir))
	if got := uidsOf(t, c.PID()); got[1] != fmt.Sprint(acc.uid) {
		t.Errorf("the owner of the data changed to %s", got[1])
	}
}

func TestAwkwardPaths(t *testing.T) {
	for name, sub := range map[string]string{
		"long":       strings.Repeat("a-long-name/", 15),
		"characters": `it's "50%", a \ [dir] $HOME #1 ä`,
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(newDir(t), sub)
			c := ensureCluster(t, config(dir))
			if query[int](t, c, "select 1") != 1 {
				t.Error("no answer")
			}
			if len(filepath.Join(c.socket, socketName)) > maxSocketPath || mode(t, c.socket) != socketDirMode(thisAccount()) {
				t.Errorf("socket in %s, mode %o", c.socket, mode(t, c.socket))
			}
			if again := ensureCluster(t, config(dir)); !again.Adopted() || again.URL() != c.URL() {
				t.Errorf("adopted %t at %s", again.Adopted(), again.URL())
			}
			must(t, c.Stop(t.Context()))
			if _, err := os.Stat(c.socket); err == nil && filepath.Dir(c.socket) != c.place.home {
				t.Errorf("%s was left behind", c.socket)
			}
		})
	}
}

func TestSomebodyElsesSocketDirectoryIsRefused(t *testing.T) {
	acc := account{uid: os.Getuid() + 1, name: "other"}
	dir := newDir(t)
	if err := privateDir(dir, acc); err == nil {
		t.Error("took a directory of another user")
	}
	link := filepath.Join(dir, "link")
	must(t, os.Symlink(newDir(t), link))
	if err := privateDir(link, account{uid: os.Getuid()}); err == nil {
		t.Error("followed a link")
	}
}

func TestUnreachableDataDirectory(t *testing.T) {
	closed := newDir(t)
	dir := filepath.Join(closed, "data")
	cfg := config(dir)
	cfg.FallbackDir = filepath.Join(newDir(t), "fallback")
	must(t, os.Mkdir(dir, 0o700))
	must(t, os.Chmod(closed, 0o700))
	c := ensureCluster(t, cfg)
	execute(t, c, "create table kept (v text)")
	if os.Geteuid() != 0 {
		if c.place.home != dir {
			t.Errorf("an ordinary user's cluster went to %s", c.place.home)
		}
		return
	}
	if filepath.Dir(c.place.home) != cfg.FallbackDir || strings.TrimSpace(read(t, filepath.Join(dir, "location"))) != c.place.home {
		t.Errorf("the cluster is in %s", c.place.home)
	}
	if again := ensureCluster(t, cfg); !again.Adopted() {
		t.Error("not found again")
	}
	must(t, c.Stop(t.Context()))
	must(t, os.Chmod(closed, 0o711)) // reachable now, but the data is where it is
	c = ensureCluster(t, cfg)
	if query[int](t, c, "select count(*) from kept") != 0 {
		t.Error("the data is gone")
	}
	must(t, c.Stop(t.Context()))
	must(t, os.Rename(cfg.FallbackDir, cfg.FallbackDir+"-away"))
	if _, err := Ensure(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), "bring the directory back") {
		t.Errorf("got %v", err)
	}
}

func TestForeignFilesAreNotTouched(t *testing.T) {
	dir := newDir(t)
	must(t, os.Mkdir(filepath.Join(dir, "data"), 0o755))
	must(t, os.WriteFile(filepath.Join(dir, "data", "thesis.txt"), nil, 0o600))
	if _, err := Ensure(t.Context(), config(dir)); err == nil || !strings.Contains(err.Error(), "neither empty nor") {
		t.Errorf("got %v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, "data", "thesis.txt")); err != nil {
		t.Error(err)
	}
	must(t, os.Remove(filepath.Join(dir, "data", "thesis.txt")))
	must(t, os.Mkdir(filepath.Join(dir, "new-123"), 0o700)) // of an initdb that was killed
	ensureCluster(t, config(dir))
	if left, _ := filepath.Glob(filepath.Join(dir, "new-*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestAnyUnprivilegedUser(t *testing.T) {
	passwd := filepath.Join(newDir(t), "passwd")
	must(t, os.WriteFile(passwd, []byte("root:x:0:0::/:/bin/sh\n# comment\nbroken:x\ntoor:x:0:0::/:\ndaemon:x:1:2::/:/bin/false\n"), 0o600))
	acc, err := anyUnprivileged(passwd)
	must(t, err)
	if want := (account{uid: 1, gid: 2, name: "daemon", drop: true}); acc != want {
		t.Errorf("got %+v", acc)
	}
	must(t, os.WriteFile(passwd, []byte("root:x:0:0::/:/bin/sh\n"), 0o600))
	if _, err := anyUnprivileged(passwd); err == nil || !strings.Contains(err.Error(), "useradd") {
		t.Errorf("got %v", err)
	}
	if os.Geteuid() == 0 {
		if _, err := chooseAccount(passwd, "root"); err == nil {
			t.Error("chose root")
		}
		if acc.credential() == nil || (account{}).credential() != (*syscall.Credential)(nil) {
			t.Error("credential")
		}
	}
}
