package localpg

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/rs/zerolog"

	"whatsapp-manager/proto/process"
)

const (
	database = "whatsapp_manager"
	owner    = "whatsapp_manager"

	defaultMaxConnections = 1000
	defaultFallbackDir    = "/var/lib/whatsapp-manager"

	abandonTimeout = 10 * time.Second
)

// Config says where a cluster lives and how large it may get. Only DataDir is
// required.
type Config struct {
	DataDir        string // ours alone; made when missing
	Log            zerolog.Logger
	MaxConnections int    // 1000 when 0; holds from the next start of the postmaster
	User           string // who runs the cluster when we are root; postgres, else nobody, when empty
	FallbackDir    string // parent of the cluster when User cannot reach DataDir; /var/lib/whatsapp-manager when empty

	// Throwaway trades durability for speed: a crash of the operating system
	// loses the cluster, one of Postgres still loses nothing. For tests.
	Throwaway bool
	// ManyDatabases lets the owner make further databases, each of which it owns.
	// For tests.
	ManyDatabases bool
	// Settings are further Postgres settings; they win over all others.
	Settings map[string]string

	searchPath string   // instead of PATH, in tests
	searchDirs []string // instead of packageDirs, in tests
}

// Cluster is a running private Postgres. Its methods may be called from any
// goroutine.
type Cluster struct {
	place   place
	socket  string // directory
	owner   login
	proc    *process.Process
	adopted bool
	log     zerolog.Logger
}

// Ensure returns the cluster of cfg.DataDir, ready for connections: it adopts
// the running one, or makes and starts it. Managers that race for the same
// directory get the same postmaster. It ends with ctx; a recovery after a crash
// of the host may take minutes, so give it time. One that outlasts ctx's
// deadline goes on, and the next Ensure adopts it.
//
// The postmaster is not bound to the caller's life: only Stop ends it.
func Ensure(ctx context.Context, cfg Config) (*Cluster, error) {
	c, err := ensure(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("ensure private postgres: %w", err)
	}
	return c, nil
}

func ensure(ctx context.Context, cfg Config) (*Cluster, error) {
	if cfg.MaxConnections == 0 {
		cfg.MaxConnections = defaultMaxConnections
	}
	if cfg.FallbackDir == "" {
		cfg.FallbackDir = defaultFallbackDir
	}
	if cfg.searchDirs == nil {
		cfg.searchDirs = packageDirs
		cfg.searchPath = os.Getenv("PATH")
	}
	dataDir, err := canonicalDir(cfg.DataDir)
	if err != nil {
		return nil, fmt.Errorf("make data directory: %w", err)
	}
	unlock, err := lockFile(ctx, filepath.Join(dataDir, "lock"))
	if err != nil {
		return nil, fmt.Errorf("wait for another manager: %w", err)
	}
	defer unlock()

	p, err := remembered(dataDir)
	if err != nil {
		return nil, err
	}
	c, err := adoptOrStart(ctx, p, dataDir, cfg)
	if err != nil {
		return nil, err
	}
	if err := c.secure(ctx, cfg); err != nil {
		return nil, errors.Join(err, c.abandon(ctx, err))
	}
	cfg.Log.Info().Int("pid", c.PID()).Bool("adopted", c.adopted).Str("directory", p.home).Msg("private postgres is ready")
	return c, nil
}

// adoptOrStart takes turns between looking for a running postmaster and
// claiming the cluster for a new one: one that an earlier manager launched just
// before it died holds the claim before it can be found by its files.
func adoptOrStart(ctx context.Context, p place, dataDir string, cfg Config) (*Cluster, error) {
	waiting := time.NewTicker(lockInterval)
	defer waiting.Stop()
	for told := false; ; told = true {
		c, err := adopt(ctx, p, cfg)
		if err != nil {
			return nil, fmt.Errorf("adopt: %w", err)
		}
		if c != nil {
			return c, nil
		}
		life, err := claim(dataDir)
		if err == nil {
			defer life.Close() // the postmaster inherits it
			return makeAndStart(ctx, p, dataDir, life, cfg)
		}
		if !errors.Is(err, errClaimed) {
			return nil, fmt.Errorf("claim cluster: %w", err)
		}
		if !told {
			cfg.Log.Warn().Str("directory", p.home).Msg("waiting for postgres processes of an earlier run or of another container")
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("claim cluster: %w: %w", err, ctx.Err())
		case <-waiting.C:
		}
	}
}

func makeAndStart(ctx context.Context, p place, dataDir string, life *os.File, cfg Config) (*Cluster, error) {
	acc, err := chooseAccount(p.data(), cfg.User)
	if err != nil {
		return nil, err
	}
	major, err := p.major()
	if err != nil {
		return nil, err
	}
	bin, err := findBinaries(ctx, cfg.searchPath, cfg.searchDirs, major)
	if err != nil {
		return nil, err
	}
	if p, err = reachable(ctx, p, dataDir, cfg.FallbackDir, bin.path("postgres"), acc); err != nil {
		return nil, err
	}
	if major == 0 {
		if err := initialise(ctx, p, bin, acc, cfg); err != nil {
			return nil, err
		}
	}
	return start(ctx, p, bin, acc, life, cfg)
}

// URL returns the connection URL of the cluster's one database, in the form
// pgx and libpq read, as the role that owns it and may make other roles. It
// holds the role's password: show it to nobody. It is the same for the
// cluster's whole life.
func (c *Cluster) URL() string { return socketURL(c.socket, database, c.owner) }

// Adopted tells whether the postmaster was already running.
func (c *Cluster) Adopted() bool { return c.adopted }

// PID returns the process id of the postmaster.
func (c *Cluster) PID() int { return c.proc.PID() }

// Exited is closed when the postmaster has ended, whoever ended it.
func (c *Cluster) Exited() <-chan struct{} { return c.proc.Done() }

// Stop shuts the cluster down: sessions are ended, everything is written, and
// the postmaster is gone when Stop returns nil. When ctx ends first the
// shutdown goes on by itself. Stopping a stopped cluster does nothing.
func (c *Cluster) Stop(ctx context.Context) error {
	if err := stopPostmaster(ctx, c.proc, fast); err != nil {
		return fmt.Errorf("stop private postgres: %w", err)
	}
	c.removeSocketDir()
	c.log.Info().Int("pid", c.PID()).Msg("private postgres has stopped")
	return nil
}

// removeSocketDir tidies up where the directory is not among the cluster's own.
func (c *Cluster) removeSocketDir() {
	if filepath.Dir(c.socket) != c.place.home {
		_ = os.Remove(c.socket) // fails when another postmaster has begun to use it
	}
}

// abandon ends what a failed Ensure started, except when it only ran out of
// time: a recovery that is under way goes on, for the next Ensure to find done.
func (c *Cluster) abandon(ctx context.Context, cause error) error {
	if c.adopted || errors.Is(cause, context.DeadlineExceeded) {
		c.proc.Release()
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), abandonTimeout)
	defer cancel()
	return stopPostmaster(ctx, c.proc, immediate)
}

func socketURL(dir, db string, as login) string {
	q := url.Values{"host": {dir}, "port": {"5432"}, "user": {as.role}}
	if as.password != "" {
		q.Set("password", as.password)
	}
	return (&url.URL{Scheme: "postgres", Path: "/" + db, RawQuery: q.Encode()}).String()
}

func canonicalDir(dir string) (string, error) {
	if dir == "" {
		return "", errors.New("no directory given")
	}
	abs, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	// Others may pass through, since the cluster's user has to; what is inside
	// is closed to them.
	if err := os.MkdirAll(abs, 0o711); err != nil {
		return "", err
	}
	return filepath.EvalSymlinks(abs)
}
