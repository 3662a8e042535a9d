package supervisor_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	workerv1 "whatsapp-manager/proto/worker/v1"
	"whatsapp-manager/supervisor"
)

func TestLaunchSharesNothing(t *testing.T) {
	t.Setenv("WAM_SECRET_OF_THE_MANAGER", "x")
	h := newHost(t)
	h.store.databaseURL = "postgres://user:topsecret@/db"
	one := h.instance(1, supervisor.Run, script{})
	dir := filepath.Join(h.cfg.RunDir, string(one))
	for _, open := range []string{h.cfg.RunDir, dir} {
		if err := os.Chmod(open, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	h.manage()
	pid := h.running(one).Proc.PID
	proc := func(name string) string {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", pid, name))
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}

	env := strings.Split(strings.TrimRight(proc("environ"), "\x00"), "\x00")
	slices.Sort(env)
	want := []string{
		"PATH=" + os.Getenv("PATH"), "GOMAXPROCS=2", "GOTRACEBACK=single", "PLUGIN_PROTOCOL_VERSIONS=1",
		"PLUGIN_UNIX_SOCKET_DIR=" + dir, workerv1.CookieKey + "=" + workerv1.CookieValue,
	}
	slices.Sort(want)
	if !slices.Equal(env, want) {
		t.Errorf("environment %q, want %q", env, want)
	}
	if st, _ := h.sup.Status(one); st.Confinement != "none" {
		t.Errorf("confinement %q, the worker said none", st.Confinement)
	}
	if strings.Contains(proc("cmdline"), "topsecret") {
		t.Error("the bootstrap shows in the command line")
	}
	if sid, err := unix.Getsid(pid); err != nil || sid != pid {
		t.Errorf("session %d %v, want its own", sid, err)
	}
	if limits := proc("limits"); !regexp.MustCompile(fmt.Sprintf(`(?m)^Max data size +%d +%[1]d `, 768<<20)).MatchString(limits) {
		t.Errorf("want a data limit of 1.5 × 512 MiB:\n%s", limits)
	}
	for _, fd := range []int{1, 2} {
		if to, err := os.Readlink(fmt.Sprintf("/proc/%d/fd/%d", pid, fd)); err != nil || to != filepath.Join(h.cfg.LogDir, string(one)+".log") {
			t.Errorf("descriptor %d leads to %s %v, want the log", fd, to, err)
		}
	}
	// Another user's worker passes through the directory of all, which it cannot list.
	through, asked := os.FileMode(0o700), os.FileMode(0o600)
	uid, gid := os.Getuid(), os.Getgid()
	if u := h.cfg.WorkerUser; u != nil {
		through, asked, uid, gid = 0o711, 0o640, u.UID, u.GID
	}
	for path, want := range map[string]os.FileMode{h.cfg.RunDir: through, dir: 0o700, filepath.Join(h.cfg.RunDir, workerv1.ManagerLock): asked, h.cfg.LogDir: 0o700, filepath.Join(h.cfg.LogDir, string(one)+".log"): 0o600} {
		if fi, err := os.Stat(path); err != nil || fi.Mode().Perm() != want {
			t.Errorf("%s: %v %v, want mode %o", path, fi.Mode(), err, want)
		}
	}
	var st unix.Stat_t
	if err := unix.Stat(dir, &st); err != nil || int(st.Uid) != uid || int(st.Gid) != gid {
		t.Errorf("run directory of %d:%d %v, want %d:%d", st.Uid, st.Gid, err, uid, gid)
	}
	if os.Getuid() == 0 && uid == 0 {
		t.Error("root runs the worker as root")
	}
	for field, want := range map[string]string{
		"Uid": strings.Repeat(fmt.Sprintf("\t%d", uid), 4), "Gid": strings.Repeat(fmt.Sprintf("\t%d", gid), 4),
	} {
		if status := proc("status"); !strings.Contains(status, "\n"+field+":"+want+"\n") {
			t.Errorf("want %s%s in:\n%s", field, want, status)
		}
	}
	if status := proc("status"); uid != 0 && (!strings.Contains(status, "\nCapEff:\t0000000000000000\n") || !strings.Contains(status, "\nCapPrm:\t0000000000000000\n") || !strings.Contains(status, "\nGroups:\t \n")) {
		t.Errorf("another user has capabilities or groups:\n%s", status)
	}
}

// A manager that replaced itself through exec inherits its workers as children:
// those that died meanwhile are zombies that only it can reap.
func TestZombiesOfAFormerImageAreReaped(t *testing.T) {
	h := newHost(t)
	one := h.instance(1, supervisor.Run, script{})
	h.manage()
	pid := h.running(one).Proc.PID
	h.end()
	kill(t, pid, syscall.SIGKILL)
	zombie := func() bool {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		return err == nil && bytes.Contains(b, []byte(") Z "))
	}
	// Its first thread is one before the others have ended, and cannot be waited for yet.
	eventually(t, "the worker can be waited for", func() bool {
		var info unix.Siginfo
		err := unix.Waitid(unix.P_PID, pid, &info, unix.WEXITED|unix.WNOHANG|unix.WNOWAIT, nil)
		return err == nil && info.Signo != 0
	})
	if !zombie() {
		t.Fatal("the worker is no zombie")
	}
	h.manage()
	if zombie() {
		t.Error("the zombie is left")
	}
	second := h.running(one).Proc.PID
	kill(t, second, syscall.SIGKILL)
	h.await(one, "a third worker", func(s supervisor.Status) bool { return s.State == supervisor.Running && s.Proc.PID != second })
	if b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", second)); err == nil {
		t.Errorf("an ended worker is left as %s", b)
	}
}
