package decode

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// TestAFileThatTakesOverItsDecoderGetsAtNothing looks from inside of a job at
// what this process, which started it, can see and do.
func TestAFileThatTakesOverItsDecoderGetsAtNothing(t *testing.T) {
	if err := secretsForTest(t); err != nil {
		t.Fatal(err)
	}
	said, out, err := pool(t).onImage(t.Context(), opLook, pixels(t, 3, 3), 64<<10)
	if err != nil {
		t.Fatal(err)
	}
	if said.Open {
		t.Error("the job says that it is not confined")
	}
	var got map[string]string
	if err := json.Unmarshal(out, &got); err != nil {
		t.Fatal(err)
	}
	free := lookAround()
	for what, here := range free {
		switch {
		case got[what] == done:
			t.Errorf("a job could: %s", what)
		case here != done && here != sameForAll:
			t.Errorf("proves nothing: %s fails here as well: %s", what, here)
		default:
			t.Logf("%s: %s", what, got[what])
		}
	}
}

const (
	done       = "done"
	sameForAll = "not tried here"
)

const secretFile = "/tmp/wam-decode-test-secret"

func secretsForTest(t *testing.T) error {
	t.Cleanup(func() { _ = os.Remove(secretFile); _ = os.Remove(secretFile + ".new") })
	return os.WriteFile(secretFile, []byte("of the worker"), 0o600)
}

func lookAround() map[string]string {
	seen := map[string]string{}
	try := func(what string, do func() error) {
		seen[what] = done
		if err := do(); err != nil {
			seen[what] = err.Error()
		}
	}
	try("read a file", func() error { _, err := os.ReadFile(secretFile); return err })
	try("write a file", func() error { return os.WriteFile(secretFile+".new", []byte("x"), 0o600) })
	try("list a directory", func() error { _, err := os.ReadDir("/etc"); return err })
	try("open a TCP socket", func() error {
		s, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
		_ = syscall.Close(s)
		return err
	})
	try("open a unix socket", func() error {
		s, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
		_ = syscall.Close(s)
		return err
	})
	try("resolve a name", func() error {
		l, err := net.ListenPacket("udp", "127.0.0.1:0")
		if err == nil {
			l.Close()
		}
		return err
	})
	try("execute a program", func() error { return exec.Command("/bin/true").Run() })
	try("see another process", func() error { _, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", os.Getppid())); return err })
	try("signal its parent", func() error { return syscall.Kill(os.Getppid(), 0) })
	try("trace its parent", func() error {
		if !Asked() {
			return nil
		}
		if _, _, errno := syscall.RawSyscall(syscall.SYS_PTRACE, syscall.PTRACE_ATTACH, uintptr(os.Getppid()), 0); errno != 0 {
			return errno
		}
		return nil
	})
	try("make a key", func() error {
		if _, _, errno := syscall.RawSyscall6(syscall.SYS_KEYCTL, 0, 0, 0, 0, 0, 0); errno == syscall.EPERM {
			return errno
		}
		return nil
	})
	try("take memory that does not count", func() error {
		m, err := unix.Mmap(-1, 0, 4096, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_ANON)
		if err == nil {
			_ = unix.Munmap(m)
		}
		return err
	})
	try("limit its parent", func() error {
		return unix.Prlimit(os.Getppid(), unix.RLIMIT_CORE, nil, &unix.Rlimit{})
	})
	return seen
}

// TestAJobMayHaveThreads: Go's runtime and ffmpeg make some when they like.
func TestAJobMayHaveThreads(t *testing.T) {
	_, out, err := pool(t).onImage(t.Context(), opThreads, pixels(t, 3, 3), 1<<10)
	if err != nil || string(out) != "8 threads" {
		t.Errorf("%q, %v", out, err)
	}
}

func TestOnlyTheThreeDescriptorsGoIntoAJob(t *testing.T) {
	// Files that this process has open, as a worker has its database's and WhatsApp's.
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	p := pool(t)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		_, _, err := p.onImage(ctx, opHang, pixels(t, 3, 3), 1<<10)
		ended <- err
	}()
	pid := onlyChild(t)
	fds, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	if err != nil {
		t.Fatal(err)
	}
	for _, fd := range fds {
		to, _ := os.Readlink(fmt.Sprintf("/proc/%d/fd/%s", pid, fd.Name()))
		n, _ := strconv.Atoi(fd.Name())
		if n > 2 && !strings.HasPrefix(to, "anon_inode:") { // the runtime's own poller
			t.Errorf("descriptor %d is %s", n, to)
		}
	}
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("called off: %v", err)
	}
	if err := syscall.Kill(pid, 0); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("the job of a call that was called off lives on: %v", err)
	}
}

// onlyChild waits for the one job of this process to be confined.
func onlyChild(t *testing.T) (pid int) {
	t.Helper()
	eventually(t, "a job that is confined", func() bool {
		tasks, _ := filepath.Glob("/proc/self/task/*/children")
		for _, task := range tasks {
			raw, _ := os.ReadFile(task)
			for field := range strings.FieldsSeq(string(raw)) {
				pid, _ = strconv.Atoi(field)
				status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
				if bytes.Contains(status, []byte("Seccomp:\t2\n")) {
					return true
				}
			}
		}
		return false
	})
	return pid
}

// A service that runs nicer than its jobs have to be must not fail at making them so.
func TestAJobIsAtLeastAsNiceAsTheService(t *testing.T) {
	for before, want := range map[int]int{0: niceness, 5: niceness, niceness: niceness, 15: 15, 19: 19} {
		t.Run(strconv.Itoa(before), func(t *testing.T) {
			done := make(chan struct{})
			go func() {
				defer close(done)
				runtime.LockOSThread() // niceness belongs to the thread, which ends with the goroutine
				if err := unix.Setpriority(unix.PRIO_PROCESS, 0, before); err != nil {
					if before < 10 { // the tests themselves run nicer than that
						return
					}
					t.Error(err)
					return
				}
				if err := beNice(); err != nil {
					t.Error(err)
				}
				if now, err := unix.Getpriority(unix.PRIO_PROCESS, 0); err != nil || 20-now != want {
					t.Errorf("niceness %d, want %d; %v", 20-now, want, err)
				}
			}()
			<-done
		})
	}
}
