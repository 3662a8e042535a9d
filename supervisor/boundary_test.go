package supervisor_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
	"golang.org/x/sys/unix"

	workerv1 "whatsapp-manager/proto/worker/v1"
	"whatsapp-manager/supervisor"
)

// What a worker leaves in its run directory leads the manager nowhere: the next
// start is one like any other, soon, and no file of the manager's is touched.
func TestAManagerFollowsNothingInARunDirectory(t *testing.T) {
	for _, tc := range []struct {
		why   string
		leave func(path, bystander string) error
	}{
		{"a link", func(path, bystander string) error { return os.Symlink(bystander, path) }},
		{"a link to what has no end", func(path, _ string) error { return os.Symlink("/dev/zero", path) }},
		{"a pipe that nobody writes to", func(path, _ string) error { return unix.Mkfifo(path, 0o666) }},
		{"a directory", func(path, _ string) error { return os.Mkdir(path, 0o700) }},
		{"a file larger than memory", func(path, _ string) error {
			if err := os.WriteFile(path, nil, 0o600); err != nil {
				return err
			}
			return os.Truncate(path, 1<<40)
		}},
	} {
		t.Run(tc.why, func(t *testing.T) {
			h := newHost(t)
			one := h.instance(1, supervisor.Run, script{})
			dir := filepath.Join(h.cfg.RunDir, string(one))
			bystander := filepath.Join(h.cfg.RunDir, "bystander")
			if err := os.WriteFile(bystander, []byte("the manager's"), 0o600); err != nil {
				t.Fatal(err)
			}
			for _, name := range []string{workerv1.LastWordsFile, "program", workerv1.LastWordsFile + ".new"} {
				if err := tc.leave(filepath.Join(dir, name), bystander); err != nil {
					t.Fatal(err)
				}
			}
			h.manage()
			st := h.running(one)
			kill(t, st.Proc.PID, unix.SIGKILL) // its last words are looked for
			h.await(one, "the next worker", func(s supervisor.Status) bool {
				return s.State == supervisor.Running && s.Proc.PID != st.Proc.PID
			})
			if got, err := os.ReadFile(bystander); err != nil || string(got) != "the manager's" {
				t.Errorf("a file of the manager's is now %q, %v", got, err)
			}
		})
	}
	t.Run("an attach file without an end", func(t *testing.T) {
		h := newHost(t)
		h.cfg.AttachTimeout, h.cfg.AttachBudget = 200*time.Millisecond, 500*time.Millisecond
		one := h.instance(1, supervisor.Run, script{})
		h.manage()
		st := h.running(one)
		h.end()
		attach := filepath.Join(h.cfg.RunDir, string(one), workerv1.AttachFile)
		if err := os.Remove(attach); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink("/dev/zero", attach); err != nil {
			t.Fatal(err)
		}
		h.manage()
		h.await(one, "a worker that can be attached to", func(s supervisor.Status) bool {
			return s.State == supervisor.Running && s.Proc.PID != st.Proc.PID
		})
	})
}

// A worker cannot say which program shall be executed when an upgrade is taken
// back.
func TestAWorkerDoesNotNameItsProgram(t *testing.T) {
	h := newHost(t)
	h.cfg.ProgramDir = filepath.Join(filepath.Dir(h.cfg.RunDir), "programs")
	one := h.instance(1, supervisor.Run, script{})
	h.manage()
	st := h.running(one)
	var own unix.Stat_t
	if err := unix.Stat(filepath.Join(h.cfg.RunDir, string(one)), &own); err != nil {
		t.Fatal(err)
	}
	inside, err := os.ReadDir(filepath.Join(h.cfg.RunDir, string(one)))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range inside {
		b, err := os.ReadFile(filepath.Join(h.cfg.RunDir, string(one), e.Name()))
		if err == nil && bytes.HasPrefix(b, []byte(strconv.Itoa(st.Proc.PID)+" ")) {
			t.Errorf("%s names the program where the worker may write", e.Name())
		}
	}
	note, err := os.ReadFile(filepath.Join(h.cfg.RunDir, string(one)+".program"))
	if err != nil || !strings.HasPrefix(string(note), strconv.Itoa(st.Proc.PID)+" ") {
		t.Errorf("note %q, %v", note, err)
	}
	kept, err := filepath.Glob(filepath.Join(h.cfg.ProgramDir, "*", "*"))
	if err != nil || len(kept) != 1 {
		t.Fatalf("kept programs %q, %v", kept, err)
	}
	for path, want := range map[string]os.FileMode{kept[0]: 0o755, filepath.Dir(kept[0]): 0o711} {
		if fi, err := os.Stat(path); err != nil || fi.Mode().Perm() != want {
			t.Errorf("%s: %v, %v", path, fi.Mode(), err)
		}
	}
}

// The workers' user is changed, or root runs them for the first time as another:
// who lives is adopted, and the next start takes the files over.
func TestTheWorkersUserIsChanged(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root runs workers as another user")
	}
	h := newHost(t)
	h.cfg.AttachTimeout, h.cfg.AttachBudget = 200*time.Millisecond, 500*time.Millisecond
	user := h.cfg.WorkerUser
	h.cfg.WorkerUser = nil
	one := h.instance(1, supervisor.Run, script{})
	dir := filepath.Join(h.cfg.RunDir, string(one))
	h.manage()
	first := h.running(one)
	h.end()
	if err := os.MkdirAll(filepath.Join(dir, "spool"), 0o700); err != nil {
		t.Fatal(err)
	}
	outside := filepath.Join(h.cfg.RunDir, "outside")
	for _, path := range []string{filepath.Join(dir, "spool", "file"), outside} {
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(outside, filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	if err := os.Link(outside, filepath.Join(dir, "second name")); err != nil {
		t.Fatal(err)
	}

	owner := func(path string) int {
		t.Helper()
		var st unix.Stat_t
		if err := unix.Lstat(path, &st); err != nil {
			t.Fatal(err)
		}
		return int(st.Uid)
	}
	h.cfg.WorkerUser = user
	h.manage()
	if st := h.running(one); st.Proc != first.Proc || owner(dir) != 0 {
		t.Errorf("the worker was not adopted as it was: %+v, directory of %d", st, owner(dir))
	}
	if err := h.sup.Restart(t.Context(), one); err != nil {
		t.Fatal(err)
	}
	second := h.await(one, "a worker of the other user", func(s supervisor.Status) bool {
		return s.State == supervisor.Running && s.Proc.PID != first.Proc.PID
	})
	for _, path := range []string{dir, filepath.Join(dir, workerv1.LockFile), filepath.Join(dir, "spool"), filepath.Join(dir, "spool", "file")} {
		if owner(path) != user.UID {
			t.Errorf("%s is of user %d", path, owner(path))
		}
	}
	if owner(outside) != 0 {
		t.Errorf("a file outside of the run directory was given away")
	}
	h.end()

	// And back: a worker of a user that is not known any more is not spoken to.
	h.cfg.WorkerUser = nil
	h.manage()
	h.await(one, "a worker of root", func(s supervisor.Status) bool {
		return s.State == supervisor.Running && s.Proc.PID != first.Proc.PID && s.Proc.PID != second.Proc.PID
	})
	if owner(dir) != 0 {
		t.Errorf("the directory is of user %d", owner(dir))
	}
}

// Where the workers' user cannot get to the run directory, one that the operator
// named stops the start, and the one that was found is done without.
func TestARunDirectoryThatTheWorkersUserCannotReach(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root runs workers as another user")
	}
	h := newHost(t)
	if err := os.Chmod(filepath.Dir(h.cfg.RunDir), 0o700); err != nil {
		t.Fatal(err)
	}
	one := h.instance(1, supervisor.Run, script{})
	h.manage()
	st := h.running(one)
	status, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(st.Proc.PID), "status"))
	if err != nil || !strings.Contains(string(status), "\nUid:\t0\t0\t0\t0\n") {
		t.Errorf("the worker is of another user: %v\n%s", err, status)
	}
	if !strings.Contains(h.log.String(), "workers run as root") {
		t.Error("nobody is told")
	}
	chosen := *h.cfg.WorkerUser
	chosen.Chosen = true
	h.cfg.WorkerUser = &chosen
	if _, err := supervisor.New(h.cfg, h.store, zerolog.Nop(), prometheus.NewRegistry()); err == nil {
		t.Error("a named user that cannot get there was accepted")
	}
}
