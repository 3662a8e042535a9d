package supervisor

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
	"google.golang.org/protobuf/proto"

	workerv1 "whatsapp-manager/proto/worker/v1"
)

// spawn starts a worker that outlives us: a session of its own, no descriptor
// in common but its log, no variable inherited but the search path. It returns as soon as the
// program runs; whether it gets the lock and serves is for the caller to watch.
// logFrom is where its output begins in its log.
//
// The bootstrap document waits complete in a pipe before the process exists and
// our end of it is closed, so that we can neither block on it nor die half way.
//
// file is the kept copy of the program; people see the installed one's name.
// databaseURL is for this worker alone.
func spawn(cfg Config, file string, id ID, generation uint64, databaseURL string) (p *process, logFrom int64, err error) {
	dir := filepath.Join(cfg.RunDir, string(id))
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, 0, fmt.Errorf("make run directory: %w", err)
	}
	// One that was there keeps its mode; whoever reaches its socket can send messages.
	if err := os.Chmod(dir, 0o700); err != nil {
		return nil, 0, fmt.Errorf("protect run directory: %w", err)
	}
	if err := errors.Join(clearLinks(dir), cfg.giveTo(dir)); err != nil {
		return nil, 0, err
	}
	stdin, err := bootstrap(cfg, id, generation, databaseURL, dir)
	if err != nil {
		return nil, 0, err
	}
	defer stdin.Close()
	log, logFrom, err := openLog(logPath(cfg, id))
	if err != nil {
		return nil, 0, err
	}
	defer log.Close()

	sys := &syscall.SysProcAttr{Setsid: true}
	if cfg.WorkerUser != nil {
		sys.Credential = cfg.WorkerUser.Credential()
		if home := filepath.Dir(file); cfg.WorkerUser.CanEnter(home) != nil {
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
	pid, err := syscall.ForkExec(file, []string{cfg.WorkerPath}, &syscall.ProcAttr{
		Dir:   dir,
		Env:   environment(dir),
		Files: []uintptr{stdin.Fd(), log.Fd(), log.Fd()},
		Sys:   sys,
	})
	if err != nil {
		return nil, 0, fmt.Errorf("start %s: %w", file, err)
	}
	if pidfd < 0 {
		// Without it nothing below is safe. The child has no lock yet and is ours, so its PID is certain.
		_ = syscall.Kill(pid, syscall.SIGKILL)
		_, _ = syscall.Wait4(pid, nil, 0, nil)
		return nil, 0, fmt.Errorf("start %s: the kernel has no pidfd (Linux 5.4 is needed)", file)
	}
	p, err = newProcess(pid, pidfd)
	if err != nil {
		_ = syscall.Kill(pid, syscall.SIGKILL)
		_, _ = syscall.Wait4(pid, nil, 0, nil)
		return nil, 0, err
	}
	// The kernel's last word, where no cgroup limits the worker. Failing to set
	// it is no reason not to run: the worker does so itself, and the guard looks anyway.
	limit := dataLimit(cfg.MemoryLimit)
	_ = unix.Prlimit(pid, unix.RLIMIT_DATA, &unix.Rlimit{Cur: limit, Max: limit}, nil)
	return p, logFrom, nil
}

// dataLimit is 1.5 L, but leaves room for the 130 MB of address space that an
// idle Go process reserves without using it.
func dataLimit(memory uint64) uint64 {
	return memory + max(memory/2, 256<<20)
}

func logPath(cfg Config, id ID) string { return filepath.Join(cfg.LogDir, string(id)+".log") }

func environment(dir string) []string {
	return []string{
		workerv1.CookieKey + "=" + workerv1.CookieValue,
		"PLUGIN_PROTOCOL_VERSIONS=" + strconv.Itoa(workerv1.Protocol),
		"PLUGIN_UNIX_SOCKET_DIR=" + dir,
		"PATH=" + cmp.Or(os.Getenv("PATH"), "/usr/local/bin:/usr/bin:/bin"), // ffmpeg is found by it
		"GOMAXPROCS=2",       // idle memory and threads grow with it
		"GOTRACEBACK=single", // the trace goes to the log, from where its first line becomes the reason
	}
}

// sealKeys are the instance's own: a worker that was taken over opens nothing of
// another one's.
func sealKeys(cfg Config, id ID) (keys []*workerv1.SealKey) {
	if cfg.Keys == nil {
		return nil
	}
	for _, k := range cfg.Keys().Instance(string(id)).Keys() {
		keys = append(keys, &workerv1.SealKey{Id: k.ID, Key: k.Secret})
	}
	return keys
}

// The smallest pipe Linux gives an unprivileged user beyond its soft limit is
// one page; the document stays below it, so writing never blocks.
const maxBootstrap = 4096

func bootstrap(cfg Config, id ID, generation uint64, databaseURL, dir string) (*os.File, error) {
	var manager *uint32
	if cfg.WorkerUser != nil {
		manager = proto.Uint32(uint32(os.Geteuid()))
	}
	doc, err := protojson.Marshal(&workerv1.Bootstrap{
		Version: 1, Instance: string(id), Generation: generation, Node: cfg.Node, RunDir: dir,
		DatabaseUrl: databaseURL, WhatsappEndpoint: cfg.WhatsAppEndpoint,
		MemoryLimitBytes: cfg.MemoryLimit, LogLevel: cfg.LogLevel, DeviceName: cfg.DeviceName, MediaNetworks: cfg.MediaNetworks,
		InboundPerSecond: uint32(cfg.InboundPerSecond), WhatsmeowMethods: cfg.WhatsmeowMethods, SealKeys: sealKeys(cfg, id),
		DataLimitBytes: dataLimit(cfg.MemoryLimit), ManagerUid: manager, EgressSocket: cfg.egressSocket(), ResolverDir: cfg.resolverDir(),
	})
	if err != nil {
		return nil, fmt.Errorf("encode bootstrap: %w", err)
	}
	if len(doc) > maxBootstrap {
		return nil, fmt.Errorf("encode bootstrap: %d bytes are more than the %d a pipe surely holds", len(doc), maxBootstrap)
	}
	r, w, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("make bootstrap pipe: %w", err)
	}
	if _, err := w.Write(doc); err != nil {
		w.Close()
		r.Close()
		return nil, fmt.Errorf("write bootstrap: %w", err)
	}
	if err := w.Close(); err != nil {
		r.Close()
		return nil, fmt.Errorf("close bootstrap: %w", err)
	}
	return r, nil
}
