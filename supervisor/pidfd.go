package supervisor

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// process is one process pinned by a pidfd, so that neither a signal nor the
// news of its end can concern a later process with the same PID. All methods
// are safe for concurrent use.
type process struct {
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

// pin opens a pidfd on a live process. The caller makes sure by other means
// (the lock, asked again afterwards) that the PID is the one it meant.
func pin(pid int) (*process, error) {
	fd, err := unix.PidfdOpen(pid, unix.PIDFD_NONBLOCK)
	if err != nil {
		return nil, fmt.Errorf("open pidfd of %d: %w", pid, err)
	}
	return newProcess(pid, fd)
}

// newProcess takes ownership of fd and starts to watch it.
func newProcess(pid, fd int) (*process, error) {
	// Non-blocking, so that Go waits for it in its poller and not in a thread.
	if err := unix.SetNonblock(fd, true); err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("set pidfd non-blocking: %w", err)
	}
	file := os.NewFile(uintptr(fd), "pidfd:"+strconv.Itoa(pid))
	raw, err := file.SyscallConn()
	if err != nil {
		file.Close()
		return nil, fmt.Errorf("watch pidfd of %d: %w", pid, err)
	}
	p := &process{pid: pid, fd: file, raw: raw, done: make(chan struct{}), watched: make(chan struct{})}
	go p.watch()
	return p, nil
}

func (p *process) watch() {
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

// reap collects the exit status when the process was our child (launched by us,
// or by the image that we replaced through exec).
func (p *process) reap(fd int) {
	// The look by pidfd tells whether it is ours at all; only then the PID is
	// certain to be still taken by it.
	if err := unix.Waitid(unix.P_PIDFD, fd, nil, unix.WEXITED|unix.WNOHANG|unix.WNOWAIT, nil); err != nil {
		return
	}
	if got, err := unix.Wait4(p.pid, &p.status, unix.WNOHANG, nil); err == nil && got == p.pid {
		p.child = true
	}
}

// ended reports whether the process is gone, at this moment.
func (p *process) ended() bool {
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

// signal sends through the pidfd; a process that is gone is not an error.
func (p *process) signal(sig unix.Signal) error {
	var serr error
	err := p.raw.Control(func(fd uintptr) { serr = unix.PidfdSendSignal(int(fd), sig, nil, 0) })
	if err = errors.Join(err, serr); err != nil && !errors.Is(err, unix.ESRCH) {
		return fmt.Errorf("send %s to %d: %w", unix.SignalName(sig), p.pid, err)
	}
	return nil
}

// release lets go of the process without touching it, and waits until it is no
// longer watched. done stays open when the process lives.
func (p *process) release() {
	p.once.Do(func() { p.fd.Close() })
	<-p.watched
}

func readable(fd int) bool {
	fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	for {
		n, err := unix.Poll(fds, 0)
		if err == unix.EINTR {
			continue
		}
		return err == nil && n > 0
	}
}

// identify returns what makes the process unmistakable beyond its PID.
func identify(pid int) (Proc, error) {
	st, err := readStat(pid)
	if err != nil {
		return Proc{}, err
	}
	boot, err := bootID()
	if err != nil {
		return Proc{}, err
	}
	return Proc{PID: pid, StartTicks: st.startTicks, BootID: boot}, nil
}

func bootID() (string, error) {
	b, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return "", fmt.Errorf("read boot id: %w", err)
	}
	return strings.TrimSpace(string(b)), nil
}

// stat is the part of /proc/PID/stat that we use.
type stat struct {
	comm       string
	state      byte
	ppid       int
	startTicks uint64
}

func readStat(pid int) (stat, error) {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return stat{}, fmt.Errorf("read stat of %d: %w", pid, err)
	}
	// The name stands in parentheses and may itself contain any character.
	open, end := strings.IndexByte(string(b), '('), strings.LastIndexByte(string(b), ')')
	if open < 0 || end < open {
		return stat{}, fmt.Errorf("read stat of %d: no command name", pid)
	}
	f := strings.Fields(string(b[end+1:])) // f[0] is field 3
	if len(f) < 20 {
		return stat{}, fmt.Errorf("read stat of %d: %d fields", pid, len(f))
	}
	ppid, perr := strconv.Atoi(f[1])
	ticks, terr := strconv.ParseUint(f[19], 10, 64)
	if err := errors.Join(perr, terr); err != nil {
		return stat{}, fmt.Errorf("read stat of %d: %w", pid, err)
	}
	return stat{comm: string(b[open+1 : end]), state: f[0][0], ppid: ppid, startTicks: ticks}, nil
}
