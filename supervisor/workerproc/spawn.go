package workerproc

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
	"google.golang.org/protobuf/encoding/protojson"

	"whatsapp-manager/proto/process"
	workerv1 "whatsapp-manager/proto/worker/v1"
	"whatsapp-manager/supervisor/workeruser"
)

// Spec says how one worker is started.
type Spec struct {
	Dir     Dir              // its run directory, made when missing
	Log     string           // file of its output
	Program string           // file to execute, which may be a kept copy
	Name    string           // of the program, as people see it
	User    *workeruser.User // who it runs as; nil: as we do

	// Bootstrap is handed over through its standard input, and may hold secrets
	// that are for this worker alone. The kernel grants the worker its DataLimitBytes.
	Bootstrap *workerv1.Bootstrap
}

// Spawn starts a worker that outlives us. It gets a session of its own, shares
// no descriptor with us but its log, and inherits no variable but the search
// path. Spawn returns as soon as the program runs; whether it gets the lock and
// serves is for the caller to watch. logFrom is where its output begins in its log.
//
// The bootstrap document waits complete in a pipe before the process exists, and
// our end of the pipe is closed. So we can neither block on it nor die half way.
func Spawn(s Spec) (p *process.Process, logFrom int64, err error) {
	if err := s.prepareDir(); err != nil {
		return nil, 0, err
	}
	stdin, err := pipe(s.Bootstrap)
	if err != nil {
		return nil, 0, err
	}
	defer stdin.Close()
	log, logFrom, err := openLog(s.Log)
	if err != nil {
		return nil, 0, err
	}
	defer log.Close()

	file, sys := s.Program, &syscall.SysProcAttr{Setsid: true}
	if s.User != nil {
		sys.Credential = s.User.Credential()
		if home := filepath.Dir(file); s.User.CanEnter(home) != nil {
			// The path leads through directories of ours. The program's own is enough,
			// and its name stays, by which the kernel knows the process.
			dir, err := os.OpenFile(home, unix.O_PATH|unix.O_DIRECTORY, 0)
			if err != nil {
				return nil, 0, fmt.Errorf("start %s: %w", file, err)
			}
			defer dir.Close()
			file = fmt.Sprintf("/proc/self/fd/%d/%s", dir.Fd(), filepath.Base(file))
		}
	}
	// ForkExec and not os.StartProcess: no handle of the library may wait for,
	// or refer to, a process that we let go of.
	pidfd := -1
	sys.PidFD = &pidfd
	pid, err := syscall.ForkExec(file, []string{s.Name}, &syscall.ProcAttr{
		Dir:   string(s.Dir),
		Env:   environment(s.Dir),
		Files: []uintptr{stdin.Fd(), log.Fd(), log.Fd()},
		Sys:   sys,
	})
	if err != nil {
		return nil, 0, fmt.Errorf("start %s: %w", file, err)
	}
	if pidfd < 0 {
		// Without it nothing below is safe. The child has no lock yet and is ours, so its PID is certain.
		endChild(pid)
		return nil, 0, fmt.Errorf("start %s: the kernel has no pidfd (Linux 5.4 is needed)", file)
	}
	p, err = process.WatchFD(pid, pidfd)
	if err != nil {
		endChild(pid)
		return nil, 0, err
	}
	// The kernel's last word, where no cgroup limits the worker. Failing to set
	// it is no reason not to run: the worker does so itself, and the guard looks anyway.
	limit := s.Bootstrap.GetDataLimitBytes()
	_ = unix.Prlimit(pid, unix.RLIMIT_DATA, &unix.Rlimit{Cur: limit, Max: limit}, nil)
	return p, logFrom, nil
}

// endChild ends a process of ours that nobody watches.
func endChild(pid int) {
	_ = syscall.Kill(pid, syscall.SIGKILL)
	_, _ = syscall.Wait4(pid, nil, 0, nil)
}

// prepareDir makes the run directory the worker's own, free of what would keep
// it from starting.
func (s Spec) prepareDir() error {
	dir := string(s.Dir)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make run directory: %w", err)
	}
	// One that was there keeps its mode; whoever reaches its socket can send messages.
	if err := os.Chmod(dir, 0o700); err != nil {
		return fmt.Errorf("protect run directory: %w", err)
	}
	return errors.Join(clearLinks(dir), giveTo(s.User, dir))
}

// DataLimit is what the kernel grants a worker with a memory limit: 1.5 times
// the limit, with room for the 130 MB of address space that an idle Go process
// reserves without using it.
func DataLimit(memory uint64) uint64 {
	return memory + max(memory/2, 256<<20)
}

func environment(dir Dir) []string {
	return []string{
		workerv1.CookieKey + "=" + workerv1.CookieValue,
		"PLUGIN_PROTOCOL_VERSIONS=" + strconv.Itoa(workerv1.Protocol),
		"PLUGIN_UNIX_SOCKET_DIR=" + string(dir),
		"PATH=" + cmp.Or(os.Getenv("PATH"), "/usr/local/bin:/usr/bin:/bin"), // ffmpeg is found by it
		"GOMAXPROCS=2",       // idle memory and threads grow with it
		"GOTRACEBACK=single", // the trace goes to the log, from where its first line becomes the reason
	}
}

// The smallest pipe Linux gives an unprivileged user beyond its soft limit is
// one page; the document stays below it, so writing never blocks.
const maxBootstrap = 4096

// Document encodes a bootstrap document. It fails when the document is larger
// than what a pipe holds.
func Document(bootstrap *workerv1.Bootstrap) ([]byte, error) {
	doc, err := protojson.Marshal(bootstrap)
	if err != nil {
		return nil, fmt.Errorf("encode bootstrap: %w", err)
	}
	if len(doc) > maxBootstrap {
		return nil, fmt.Errorf("encode bootstrap: %d bytes are more than the %d a pipe surely holds", len(doc), maxBootstrap)
	}
	return doc, nil
}

// pipe returns the reading end of a pipe that holds the whole document.
func pipe(bootstrap *workerv1.Bootstrap) (*os.File, error) {
	doc, err := Document(bootstrap)
	if err != nil {
		return nil, err
	}
	r, w, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("make bootstrap pipe: %w", err)
	}
	if _, err := w.Write(doc); err != nil {
		return nil, errors.Join(fmt.Errorf("write bootstrap: %w", err), w.Close(), r.Close())
	}
	if err := w.Close(); err != nil {
		return nil, errors.Join(fmt.Errorf("close bootstrap: %w", err), r.Close())
	}
	return r, nil
}
