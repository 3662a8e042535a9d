package process_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"whatsapp-manager/proto/process"
)

// child starts a program that ends when its input does or at a signal, and
// watches it. Nobody but the watch waits for it.
func child(t *testing.T, name string, args ...string) (*process.Process, io.Closer) {
	t.Helper()
	cmd := exec.Command(name, args...)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err = cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = in.Close() })
	p, err := process.Watch(cmd.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Process.Release(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = p.Kill(context.Background())
		p.Release()
	})
	return p, in
}

func isDone(p *process.Process) bool {
	select {
	case <-p.Done():
		return true
	default:
		return false
	}
}

func TestTheEndOfAChildIsSeenAndItsStatusKept(t *testing.T) {
	p, in := child(t, "sh", "-c", "read line; exit 7")
	if p.Ended() || isDone(p) {
		t.Fatal("it ended before its input did")
	}
	if _, known := p.ExitStatus(); known {
		t.Error("a live process has an exit status")
	}
	if err := in.Close(); err != nil {
		t.Fatal(err)
	}
	<-p.Done()
	if status, known := p.ExitStatus(); !known || status.ExitStatus() != 7 {
		t.Errorf("exit status %v, known %v, want 7", status, known)
	}
	if !p.Ended() {
		t.Error("it lives after its end")
	}
	if err := syscall.Kill(p.PID(), 0); !errors.Is(err, unix.ESRCH) {
		t.Errorf("it was not waited for: %v", err)
	}
	if err := p.Signal(unix.SIGTERM); err != nil {
		t.Errorf("signal to a process that is gone: %v", err)
	}
}

func TestTheEndOfAStrangerIsSeenWithoutAStatus(t *testing.T) {
	// The shell's child becomes nobody's of ours.
	cmd := exec.Command("sh", "-c", "sleep 1000 >/dev/null 2>&1 & echo $!")
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(out)))
	if err != nil {
		t.Fatal(err)
	}
	p, err := process.Watch(pid)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Release()
	if err := p.Kill(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, known := p.ExitStatus(); known {
		t.Error("the exit status of a stranger is known")
	}
}

func TestTerminate(t *testing.T) {
	for name, tc := range map[string]struct {
		script string
		grace  time.Duration
		killed bool
	}{
		"one that heeds the signal": {"echo ready; read line", time.Minute, false},
		"one that ignores it":       {"trap '' TERM; echo ready; read line", 20 * time.Millisecond, true},
	} {
		t.Run(name, func(t *testing.T) {
			cmd := exec.Command("sh", "-c", tc.script)
			in, err := cmd.StdinPipe()
			if err != nil {
				t.Fatal(err)
			}
			defer in.Close()
			out, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
				t.Fatal(err)
			}
			p, err := process.Watch(cmd.Process.Pid)
			if err != nil {
				t.Fatal(err)
			}
			defer p.Release()
			if killed, err := p.Terminate(t.Context(), tc.grace); killed != tc.killed || err != nil {
				t.Errorf("killed %v %v, want %v", killed, err, tc.killed)
			}
			if _, known := p.ExitStatus(); !known {
				t.Error("it is not gone, or its exit status is not known")
			}
		})
	}
	t.Run("without time", func(t *testing.T) {
		p, _ := child(t, "cat")
		over, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := p.Terminate(over, time.Minute); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want the end of the context", err)
		}
		if err := p.Kill(over); !errors.Is(err, context.Canceled) {
			t.Errorf("kill: got %v, want the end of the context", err)
		}
		if p.Ended() {
			t.Error("it ended all the same")
		}
	})
}

func TestReleaseLeavesTheProcessAlone(t *testing.T) {
	p, _ := child(t, "cat")
	p.Release()
	p.Release()
	if isDone(p) || p.Ended() {
		t.Error("a released process counts as ended")
	}
	if err := p.Signal(0); err == nil {
		t.Error("a released process can be signalled")
	}
	again, err := process.Watch(p.PID())
	if err != nil {
		t.Fatal(err)
	}
	defer again.Release()
	if err := again.Kill(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestWatchOfNobodyFails(t *testing.T) {
	p, in := child(t, "cat")
	_ = in.Close()
	<-p.Done()
	if _, err := process.Watch(p.PID()); !errors.Is(err, unix.ESRCH) {
		t.Errorf("got %v, want ESRCH", err)
	}
}

func TestIdentityOutlivesNothing(t *testing.T) {
	p, in := child(t, "cat")
	id, err := process.Identify(p.PID())
	if err != nil {
		t.Fatal(err)
	}
	if !id.Lives() {
		t.Error("it does not live")
	}
	for name, other := range map[string]process.Identity{
		"nobody":            {},
		"another start":     {PID: id.PID, StartTicks: id.StartTicks + 1, BootID: id.BootID},
		"another boot":      {PID: id.PID, StartTicks: id.StartTicks, BootID: "other"},
		"its PID of before": {PID: id.PID},
	} {
		if other.Lives() || other.Remains(t.Context(), time.Minute) {
			t.Errorf("%s lives", name)
		}
	}
	_ = in.Close()
	<-p.Done()
	if id.Lives() {
		t.Error("it lives after its end")
	}
}

// A process that is about to end, but has not ended yet, does not remain.
func TestAProcessAboutToEndDoesNotRemain(t *testing.T) {
	cmd := exec.Command("cat")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err = cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p, err := process.Identify(cmd.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	remains := make(chan bool)
	go func() { remains <- p.Remains(t.Context(), 10*time.Second) }()
	select {
	case <-remains:
		t.Fatal("told before the process had ended")
	case <-time.After(50 * time.Millisecond):
	}
	in.Close()
	if <-remains {
		t.Error("it remains after its end")
	}
	_ = cmd.Wait()
	if p.Remains(t.Context(), 10*time.Second) {
		t.Error("it remains after it was waited for")
	}
}

func TestStatOfOurselves(t *testing.T) {
	st, err := process.ReadStat(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if st.Parent != os.Getppid() || st.StartTicks == 0 || st.Name == "" || !strings.ContainsRune("RSD", rune(st.State)) {
		t.Errorf("implausible %+v", st)
	}
}

// lockEnv makes this test binary hold a lock on the file that it names.
const lockEnv = "PROCESS_TEST_LOCK"

func TestMain(m *testing.M) {
	path := os.Getenv(lockEnv)
	if path == "" {
		os.Exit(m.Run())
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err == nil {
		var taken bool
		if taken, err = process.TryLock(f); taken {
			err = errors.New("taken")
		}
	}
	if err != nil {
		_, _ = os.Stderr.WriteString(err.Error())
		os.Exit(1)
	}
	_, _ = os.Stdout.WriteString("locked\n")
	_, _ = io.Copy(io.Discard, os.Stdin) // until the test lets go
	os.Exit(0)
}

func TestLockHolder(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if pid, held, err := process.LockHolder(f); pid != 0 || held || err != nil {
		t.Errorf("a free file: held %v by %d, %v", held, pid, err)
	}

	holder := exec.Command("/proc/self/exe")
	holder.Env = append(os.Environ(), lockEnv+"="+path)
	holder.Stderr = os.Stderr
	in, err := holder.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := holder.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := holder.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	if pid, held, err := process.LockHolder(f); pid != holder.Process.Pid || !held || err != nil {
		t.Errorf("held %v by %d, %v, want by %d", held, pid, err, holder.Process.Pid)
	}
	if taken, err := process.TryLock(f); !taken || err != nil {
		t.Errorf("taken %v %v while another process holds it", taken, err)
	}
	_ = in.Close()
	if err := holder.Wait(); err != nil {
		t.Fatal(err)
	}
	if taken, err := process.TryLock(f); taken || err != nil {
		t.Errorf("taken %v %v after its holder ended", taken, err)
	}
}

func TestALockOfAnOpenFileHasNoNamedHolder(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	owner, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer owner.Close()
	lock := unix.Flock_t{Type: unix.F_WRLCK, Whence: io.SeekStart}
	if err := unix.FcntlFlock(owner.Fd(), unix.F_OFD_SETLK, &lock); err != nil {
		t.Fatal(err)
	}
	asker, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer asker.Close()
	if pid, held, err := process.LockHolder(asker); pid != 0 || !held || err != nil {
		t.Errorf("held %v by %d, %v, want held by nobody named", held, pid, err)
	}
}
