package localpg

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// Signals of the postmaster.
const (
	fast      = unix.SIGINT  // end sessions, checkpoint, exit
	immediate = unix.SIGQUIT // exit as in a crash
)

// process is a live postmaster held by a pidfd, so that no signal can reach a
// stranger who got the same PID later.
type process struct {
	pid    int
	exited chan struct{} // closed by the watcher when the process has ended

	mu    sync.Mutex
	fd    int           // -1: given up; written by the watcher as its last act
	wake  int           // eventfd that ends the watcher
	watch chan struct{} // closed when the watcher has returned
}

// hold opens the process and watches it until it ends or release is called; it
// fails with ESRCH when the process is gone.
func hold(pid int) (*process, error) {
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return nil, err
	}
	wake, err := unix.Eventfd(0, unix.EFD_CLOEXEC)
	if err != nil {
		unix.Close(fd)
		return nil, err
	}
	p := &process{pid: pid, fd: fd, wake: wake, exited: make(chan struct{}), watch: make(chan struct{})}
	go p.watcher()
	return p, nil
}

func (p *process) watcher() {
	defer close(p.watch)
	ended := p.await()
	p.mu.Lock()
	defer p.mu.Unlock()
	if ended {
		// Reaps it where it is our child: started by us, or by the program this
		// process was before it re-executed itself. Else it is not ours to reap.
		_ = unix.Waitid(unix.P_PIDFD, p.fd, nil, unix.WEXITED, nil)
		close(p.exited)
	}
	unix.Close(p.fd)
	unix.Close(p.wake)
	p.fd, p.wake = -1, -1
}

// await returns true when the process has ended, false when it was released.
func (p *process) await() bool {
	fds := []unix.PollFd{{Fd: int32(p.fd), Events: unix.POLLIN}, {Fd: int32(p.wake), Events: unix.POLLIN}}
	for {
		_, err := unix.Poll(fds, -1)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		return err == nil && fds[0].Revents != 0
	}
}

// release stops watching and returns when the watcher has. The process lives on.
func (p *process) release() {
	p.mu.Lock()
	if p.wake >= 0 {
		_, _ = unix.Write(p.wake, []byte{1, 0, 0, 0, 0, 0, 0, 0}) // any 64-bit number wakes
	}
	p.mu.Unlock()
	<-p.watch
}

func (p *process) signal(sig unix.Signal) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.fd < 0 {
		return unix.ESRCH
	}
	return unix.PidfdSendSignal(p.fd, sig, nil, 0)
}

func (p *process) stop(ctx context.Context, sig unix.Signal) error {
	if err := p.signal(sig); err != nil && !errors.Is(err, unix.ESRCH) {
		return fmt.Errorf("signal postmaster %d: %w", p.pid, err)
	}
	select {
	case <-p.exited:
		<-p.watch
		return nil
	case <-p.watch:
		return p.releasedOrNil()
	case <-ctx.Done():
		return fmt.Errorf("wait for postmaster %d: %w", p.pid, ctx.Err())
	}
}

// releasedOrNil tells the two reasons apart for which a watcher returns.
func (p *process) releasedOrNil() error {
	if p.hasExited() {
		return nil
	}
	return fmt.Errorf("postmaster %d was released", p.pid)
}

func (p *process) hasExited() bool {
	select {
	case <-p.exited:
		return true
	default:
		return false
	}
}

// pidFile is what the postmaster writes into its data directory.
type pidFile struct {
	pid    int
	socket string // directory
}

// errNoPID: the file is still being written, or its host crashed meanwhile.
var errNoPID = errors.New("postmaster.pid names no process")

func readPIDFile(path string) (pidFile, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return pidFile{}, err
	}
	lines := strings.Split(string(b), "\n")
	pid, err := strconv.Atoi(strings.TrimSpace(lines[0]))
	if err != nil || pid <= 0 {
		return pidFile{}, errNoPID
	}
	f := pidFile{pid: pid}
	if len(lines) > 5 { // a complete line; written a moment after the others
		f.socket = lines[4]
	}
	return f, nil
}

// isPostmaster tells whether the process is a postmaster of the data
// directory, and not one that got the PID of a dead one. Its working directory
// is its data directory, which we may look at as root or as the same user; its
// command line, open to everybody, names it as well.
func isPostmaster(pid int, data string) bool {
	dir := filepath.Join("/proc", strconv.Itoa(pid))
	cmdline, err := os.ReadFile(filepath.Join(dir, "cmdline"))
	if err != nil || len(cmdline) == 0 { // gone, or a zombie
		return false
	}
	args := strings.Split(string(bytes.TrimRight(cmdline, "\x00")), "\x00")
	if name := filepath.Base(args[0]); name != "postgres" && name != "postmaster" {
		return false
	}
	cwd, cerr := os.Stat(filepath.Join(dir, "cwd"))
	own, derr := os.Stat(data)
	if cerr == nil && derr == nil {
		return os.SameFile(cwd, own)
	}
	i := slices.Index(args, "-D")
	return i > 0 && i+1 < len(args) && args[i+1] == data
}

func detached(acc account) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setsid: true, Credential: acc.credential()}
}
