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
	fd     int
	exited chan struct{}
}

// hold opens the process; it fails with ESRCH when it is gone.
func hold(pid int) (*process, error) {
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return nil, err
	}
	return &process{pid: pid, fd: fd, exited: make(chan struct{})}, nil
}

// release gives up a process nobody watches.
func (p *process) release() { unix.Close(p.fd) }

// watch closes exited when the process has ended. The goroutine lives as long
// as the postmaster: whoever calls stop waits for it, and a manager that leaves
// the postmaster running leaves the goroutine with it.
func (p *process) watch() {
	go func() {
		defer close(p.exited)
		for {
			_, err := unix.Poll([]unix.PollFd{{Fd: int32(p.fd), Events: unix.POLLIN}}, -1)
			if err == nil {
				break
			}
			if !errors.Is(err, unix.EINTR) {
				return
			}
		}
		// Reaps it where it is our child: started by us, or by the program this
		// process was before it re-executed itself. Anything else is not ours to reap.
		_ = unix.Waitid(unix.P_PIDFD, p.fd, nil, unix.WEXITED, nil)
	}()
}

func (p *process) stop(ctx context.Context, sig unix.Signal) error {
	err := unix.PidfdSendSignal(p.fd, sig, nil, 0)
	if err != nil && !errors.Is(err, unix.ESRCH) {
		return fmt.Errorf("signal postmaster %d: %w", p.pid, err)
	}
	select {
	case <-p.exited:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("wait for postmaster %d: %w", p.pid, ctx.Err())
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
