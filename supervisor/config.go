package supervisor

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"whatsapp-manager/proto/seal"
	"whatsapp-manager/supervisor/workeruser"
)

// Config is everything a Supervisor needs to know. Zero durations and counts
// take the defaults named here; New makes the directories.
type Config struct {
	Node   string // this manager's node id
	Build  string // told to workers in Hello
	RunDir string // closed to others, short (see New), not below a private /tmp; one directory per instance
	LogDir string // <instance>.log per worker

	// ProgramDir keeps copies of the worker's builds, so that a new one can be
	// tried and left again. Empty: none is kept, WorkerPath itself is launched,
	// and workers of an older build live on until they end for another reason.
	ProgramDir string

	WorkerConfig
	Timing
	Policy Policy

	MaxStarting int // workers being launched at a time: 8
	MaxAdopting int // workers being attached to at a time after a restart: 16
}

// WorkerConfig says how workers are started, and what they are handed unopened.
type WorkerConfig struct {
	WorkerPath  string // binary to launch, without arguments
	MemoryLimit uint64 // bytes per worker: 512 MiB
	MaxFile     int64  // bytes of a file that is sent or received: 2 GiB

	// WorkerUser is who runs the workers, where we are root. Nil: our own user. New
	// does without one that cannot enter RunDir, unless it was Chosen.
	WorkerUser *workeruser.User

	// MediaNetworks are internal networks that we connect workers to, beside public
	// addresses, when a user names a file there.
	MediaNetworks []string

	// Keys returns the installation's present keys; a worker is handed what is
	// derived of them for its instance. nil: none, and workers seal nothing.
	Keys func() *seal.Ring `json:"-"` // no data

	WhatsAppEndpoint string
	DeviceName       string
	LogLevel         string
	WhatsmeowMethods []string // that are off and that the operator opens
	InboundPerSecond int      // messages each worker takes from WhatsApp; 0: no limit
}

// Timing says how often workers are looked at and how long each step may take.
type Timing struct {
	HealthInterval time.Duration // a full look at every worker, recorded: 30 s
	GuardInterval  time.Duration // memory and Ping: 5 s
	StartTimeout   time.Duration // from launch to Hello: 30 s
	AttachTimeout  time.Duration // one try to attach: 2 s
	AttachBudget   time.Duration // all tries on a live worker, then it is replaced: 15 s
	StopGrace      time.Duration // for the Stop call: 10 s
	TermGrace      time.Duration // after SIGTERM, before SIGKILL: 3 s
	PingTimeout    time.Duration // 2 s
	HangAfter      time.Duration // without an answer to at least three Pings a worker is killed: 30 s
	LockWait       time.Duration // for a predecessor to let go of the run directory: 10 s
	RecoverBudget  time.Duration // Recovered is closed at the latest after this: 10 s
	CallTimeout    time.Duration // of a call through Worker whose context has no deadline: 60 s
	ReturnTimeout  time.Duration // for a worker of a new build to be back in its former state: 90 s
	CanaryWatch    time.Duration // that the first worker of a new build has to stay there: 5 s
}

const (
	maxSocketPath = 107
	// Below RunDir: separator, instance, separator, go-plugin's random socket name.
	socketPathBelowRunDir = 1 + 12 + 1 + len("plugin") + 10
)

func (c Config) withDefaults() (Config, error) {
	var errs error
	for name, v := range map[string]string{"Node": c.Node, "RunDir": c.RunDir, "LogDir": c.LogDir, "WorkerPath": c.WorkerPath} {
		if v == "" {
			errs = errors.Join(errs, fmt.Errorf("%s is empty", name))
		}
	}
	if errs != nil {
		return c, errs
	}
	// Workers are told these paths, and they do not share our working directory for ever.
	for _, p := range []*string{&c.RunDir, &c.LogDir, &c.WorkerPath, &c.ProgramDir} {
		if *p == "" {
			continue
		}
		abs, err := filepath.Abs(*p)
		if err != nil {
			return c, fmt.Errorf("make %s absolute: %w", *p, err)
		}
		*p = abs
	}
	if n := len(c.RunDir) + socketPathBelowRunDir; n > maxSocketPath {
		return c, fmt.Errorf("RunDir is %d bytes too long for unix sockets below it", n-maxSocketPath)
	}
	for d, def := range map[*time.Duration]time.Duration{
		&c.HealthInterval: 30 * time.Second, &c.GuardInterval: 5 * time.Second,
		&c.StartTimeout: 30 * time.Second, &c.AttachTimeout: 2 * time.Second, &c.AttachBudget: 15 * time.Second,
		&c.StopGrace: 10 * time.Second, &c.TermGrace: 3 * time.Second,
		&c.PingTimeout: 2 * time.Second, &c.HangAfter: 30 * time.Second,
		&c.LockWait: 10 * time.Second, &c.RecoverBudget: 10 * time.Second, &c.CallTimeout: 60 * time.Second,
		&c.ReturnTimeout: 90 * time.Second, &c.CanaryWatch: 5 * time.Second,
	} {
		if *d == 0 {
			*d = def
		}
	}
	if c.MemoryLimit == 0 {
		c.MemoryLimit = 512 << 20
	}
	if c.MaxFile == 0 {
		c.MaxFile = 2 << 30
	}
	if c.MaxStarting <= 0 {
		c.MaxStarting = 8
	}
	if c.MaxAdopting <= 0 {
		c.MaxAdopting = 16
	}
	c.Policy = c.Policy.withDefaults()
	return c, nil
}

// makeDirs makes the directories, readable by nobody else: whoever can
// reach a socket in RunDir can send messages, whoever reads LogDir sees who does.
// A worker of another user passes through RunDir to its own directory, and
// cannot list it.
func (c Config) makeDirs() error {
	for _, d := range []string{c.RunDir, c.LogDir, c.resolverDir()} {
		if err := os.MkdirAll(d, 0o700); err != nil {
			return fmt.Errorf("make directory: %w", err)
		}
	}
	mode := os.FileMode(0o700)
	if c.WorkerUser != nil {
		mode = 0o711
	}
	if err := os.Chmod(c.RunDir, mode); err != nil {
		return fmt.Errorf("close run directory to others: %w", err)
	}
	if err := os.Chmod(c.resolverDir(), mode|0o055); err != nil {
		return fmt.Errorf("open resolver directory: %w", err)
	}
	return nil
}
