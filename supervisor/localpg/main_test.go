package localpg

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/sys/unix"
)

// The test binary plays three parts: the tests; a manager that ensures a
// cluster and can be killed; and a guard that ends every postmaster below the
// tests' root directory when the tests are gone, however they went.
const (
	roleEnv = "WAM_LOCALPG_TEST_ROLE"
	rootEnv = "WAM_LOCALPG_TEST_ROOT"
)

var root string // below it is everything that the tests make

func TestMain(m *testing.M) {
	switch os.Getenv(roleEnv) {
	case "manager":
		os.Exit(playManager(os.Args[1]))
	case "guard":
		playGuard(os.Getenv(rootEnv))
		os.Exit(0)
	}
	os.Exit(run(m))
}

func run(m *testing.M) int {
	dir, err := os.MkdirTemp(fastDir(), "wampg-")
	if err == nil {
		root, err = filepath.EvalSymlinks(dir)
	}
	if err == nil {
		err = os.Chmod(root, 0o711) // the server's user has to pass
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	guard := exec.Command("/proc/self/exe")
	guard.Env = append(os.Environ(), roleEnv+"=guard", rootEnv+"="+root)
	guard.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	pipe, err := guard.StdinPipe()
	if err == nil {
		err = guard.Start()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	code := m.Run()
	pipe.Close()
	if err := guard.Wait(); err != nil {
		fmt.Fprintln(os.Stderr, "guard:", err)
		code = max(code, 1)
	}
	return code
}

// fastDir is in memory where there is room for many clusters.
func fastDir() string {
	const shm, room = "/dev/shm", 2 << 30
	var st unix.Statfs_t
	if os.Getenv("TMPDIR") == "" && unix.Statfs(shm, &st) == nil && st.Bavail*uint64(st.Bsize) >= room && unix.Access(shm, unix.W_OK) == nil {
		return shm
	}
	return os.TempDir()
}

func playGuard(root string) {
	signal.Ignore(syscall.SIGINT, syscall.SIGHUP, syscall.SIGTERM)
	_, _ = io.Copy(io.Discard, os.Stdin)
	for _, pid := range processesBelow(root) {
		if fd, err := unix.PidfdOpen(pid, 0); err == nil {
			_ = unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0)
			_, _ = unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 5000)
			unix.Close(fd)
		}
	}
	_ = os.RemoveAll(root)
}

// processesBelow returns the processes whose command line names something
// below dir: postmasters and initdb, but not backends, which end with theirs.
func processesBelow(dir string) []int {
	var pids []int
	files, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil || !bytes.Contains(b, []byte("-D\x00"+dir+"/")) {
			continue
		}
		if pid, err := strconv.Atoi(strings.Split(f, "/")[2]); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids
}

// playManager ensures a cluster, says so, and waits to be killed or for the
// end of its stdin.
func playManager(dir string) int {
	gone := make(chan struct{})
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		close(gone)
	}()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() {
		<-gone
		cancel()
	}()
	c, err := Ensure(ctx, config(dir))
	if err != nil {
		fmt.Println("error", strings.ReplaceAll(err.Error(), "\n", "; "))
		return 1
	}
	fmt.Println("ready", c.PID(), c.Adopted())
	<-gone
	return 0
}

// manager is a process that plays the manager.
type manager struct {
	cmd *exec.Cmd
	out *bufio.Reader
}

func startManager(t *testing.T, dir string, cred *syscall.Credential) *manager {
	t.Helper()
	exe := "/proc/self/exe"
	if cred != nil { // go test builds where others may not go
		exe = filepath.Join(newDir(t), "manager")
		b, err := os.ReadFile("/proc/self/exe")
		must(t, err)
		must(t, os.WriteFile(exe, b, 0o755))
	}
	m := &manager{cmd: exec.Command(exe, dir)}
	m.cmd.Dir = "/"
	m.cmd.Env = append(os.Environ(), roleEnv+"=manager")
	m.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Credential: cred}
	in, err := m.cmd.StdinPipe()
	must(t, err)
	out, err := m.cmd.StdoutPipe()
	must(t, err)
	m.out = bufio.NewReader(out)
	must(t, m.cmd.Start())
	t.Cleanup(func() {
		in.Close()
		m.kill()
	})
	return m
}

// ready waits for the manager's cluster and returns its postmaster.
func (m *manager) ready(t *testing.T) (pid int, adopted bool) {
	t.Helper()
	line, err := m.out.ReadString('\n')
	must(t, err)
	if _, err := fmt.Sscanf(line, "ready %d %t", &pid, &adopted); err != nil {
		t.Fatalf("manager: %s", line)
	}
	return pid, adopted
}

func (m *manager) kill() {
	_ = m.cmd.Process.Kill()
	_ = m.cmd.Wait()
}

func config(dir string) Config {
	return Config{DataDir: dir, Log: zerolog.Nop(), MaxConnections: 50, Throwaway: true}
}

// newDir returns an empty directory that the server's user can reach.
func newDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp(root, "t")
	must(t, err)
	must(t, os.Chmod(dir, 0o711))
	return dir
}

// ensure returns the cluster of dir and ends it with the test.
func ensureCluster(t *testing.T, cfg Config) *Cluster {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	c, err := Ensure(ctx, cfg)
	must(t, err)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := c.Kill(ctx); err != nil {
			t.Error(err)
		}
		c.removeSocketDir()
	})
	return c
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// ownerURL is what URL says of the cluster in dir that somebody else ensured.
func ownerURL(t *testing.T, dir string) string {
	t.Helper()
	password, err := os.ReadFile(filepath.Join(dir, "owner.secret"))
	must(t, err)
	return socketURL(filepath.Join(dir, "run"), database, login{owner, strings.TrimSpace(string(password))})
}
