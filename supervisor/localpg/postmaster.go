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

	"whatsapp-manager/proto/process"
)

// Signals of the postmaster.
const (
	fast      = unix.SIGINT  // end sessions, checkpoint, exit
	immediate = unix.SIGQUIT // exit as in a crash
)

// stopPostmaster sends the signal and waits until the postmaster is gone, whose
// process is then no longer watched. It fails for one that was released.
func stopPostmaster(ctx context.Context, p *process.Process, sig unix.Signal) error {
	if !p.Ended() {
		if err := p.Signal(sig); err != nil {
			return fmt.Errorf("signal postmaster: %w", err)
		}
	}
	select {
	case <-p.Done():
		p.Release()
		return nil
	case <-ctx.Done():
		return fmt.Errorf("wait for postmaster %d: %w", p.PID(), ctx.Err())
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
