package process

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Process is one process, pinned by a pidfd. Neither a signal nor the news of
// its end can concern a later process with the same PID. All methods are safe
// for concurrent use.
type Process struct {
	pid  int
	fd   *os.File
	raw  syscall.RawConn
	done chan struct{} // closed by watch when the process has ended

	// Written by watch before done is closed.
	child  bool // it was our child, and status is true
	status unix.WaitStatus

	once    sync.Once
	watched chan struct{} // closed by watch when it returns
}

// Watch opens a pidfd on a live process and watches it until it ends, or until
// Release. It fails with ESRCH when the process is gone. The caller makes sure
// by other means, asked again afterwards, that the PID is the one it meant.
func Watch(pid int) (*Process, error) {
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return nil, fmt.Errorf("open pidfd of %d: %w", pid, err)
	}
	return WatchFD(pid, fd)
}

// WatchFD is Watch for a process whose pidfd the caller has. It takes ownership
// of fd, also when it fails.
func WatchFD(pid, fd int) (*Process, error) {
	// Non-blocking, so that Go waits for it in its poller and not in a thread.
	if err := unix.SetNonblock(fd, true); err != nil {
		_ = unix.Close(fd)
		return nil, fmt.Errorf("set pidfd non-blocking: %w", err)
	}
	file := os.NewFile(uintptr(fd), "pidfd:"+strconv.Itoa(pid))
	raw, err := file.SyscallConn()
	if err != nil {
		_ = file.Close()
		return nil, fmt.Errorf("watch pidfd of %d: %w", pid, err)
	}
	p := &Process{pid: pid, fd: file, raw: raw, done: make(chan struct{}), watched: make(chan struct{})}
	go p.watch()
	return p, nil
}

func (p *Process) watch() {
	defer close(p.watched)
	err := p.raw.Read(func(fd uintptr) bool {
		if !readable(int(fd)) {
			return false
		}
		p.reap(int(fd))
		return true
	})
	if err == nil {
		close(p.done)
	}
}

// reap collects the exit status when the process was our child: started by us,
// or by the program that this process was before it replaced itself by exec.
func (p *Process) reap(fd int) {
	// The look through the pidfd tells whether it is ours at all. Only then is
	// the PID still taken by it for certain.
	if err := unix.Waitid(unix.P_PIDFD, fd, nil, unix.WEXITED|unix.WNOHANG|unix.WNOWAIT, nil); err != nil {
		return
	}
	if got, err := unix.Wait4(p.pid, &p.status, unix.WNOHANG, nil); err == nil && got == p.pid {
		p.child = true
	}
}

// PID returns the process ID. It names this process only until it has ended.
func (p *Process) PID() int { return p.pid }

// Done is closed when the process has ended. After Release it stays open when
// the process lives.
func (p *Process) Done() <-chan struct{} { return p.done }

// ExitStatus returns how the process ended, once Done is closed. It is not
// known of a process that was not our child.
func (p *Process) ExitStatus() (status unix.WaitStatus, known bool) {
	select {
	case <-p.done:
		return p.status, p.child
	default:
		return 0, false
	}
}

// Ended reports whether the process is gone at this moment, which Done may tell
// an instant later.
func (p *Process) Ended() bool {
	select {
	case <-p.done:
		return true
	default:
	}
	gone := false
	if err := p.raw.Control(func(fd uintptr) { gone = readable(int(fd)) }); err != nil {
		return false
	}
	return gone
}

// AwaitEnd waits for the end of the process, at most for grace, and reports
// whether it came. It reports false when ctx ends first.
func (p *Process) AwaitEnd(ctx context.Context, grace time.Duration) bool {
	t := time.NewTimer(grace)
	defer t.Stop()
	select {
	case <-p.done:
		return true
	case <-t.C:
	case <-ctx.Done():
	}
	return false
}

// Signal sends a signal through the pidfd. It is not an error that the process
// is gone; it is one that the process was released.
func (p *Process) Signal(sig unix.Signal) error {
	var serr error
	err := p.raw.Control(func(fd uintptr) { serr = unix.PidfdSendSignal(int(fd), sig, nil, 0) })
	if err = errors.Join(err, serr); err != nil && !errors.Is(err, unix.ESRCH) {
		return fmt.Errorf("send %s to %d: %w", unix.SignalName(sig), p.pid, err)
	}
	return nil
}

// Kill ends the process at once and waits until it is gone. An error means that
// it may live: the signal could not be sent, or ctx ended.
func (p *Process) Kill(ctx context.Context) error {
	if p.seenOut() {
		return nil
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("kill %d: %w", p.pid, err)
	}
	if err := p.Signal(unix.SIGKILL); err != nil {
		return err
	}
	select {
	case <-p.done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("kill %d: %w", p.pid, ctx.Err())
	}
}

// Terminate asks the process to end by SIGTERM, kills it when grace is over or
// it could not be asked, and waits until it is gone. An error means the same as
// that of Kill.
func (p *Process) Terminate(ctx context.Context, grace time.Duration) (killed bool, err error) {
	if err := ctx.Err(); err != nil && !p.seenOut() {
		return false, fmt.Errorf("terminate %d: %w", p.pid, err)
	}
	if p.Signal(unix.SIGTERM) == nil && p.AwaitEnd(ctx, grace) || p.seenOut() {
		return false, nil
	}
	err = p.Kill(ctx)
	return err == nil, err
}

// seenOut is Ended, and returns true only when Done is closed as well.
func (p *Process) seenOut() bool {
	if !p.Ended() {
		return false
	}
	<-p.watched
	return true
}

// Release ends the watching without touching the process, and returns when
// nothing watches it any more. Further calls do nothing.
func (p *Process) Release() {
	p.once.Do(func() { _ = p.fd.Close() })
	<-p.watched
}

func readable(fd int) bool {
	fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	for {
		n, err := unix.Poll(fds, 0)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		return err == nil && n > 0
	}
}
