package localpg

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"

	"whatsapp-manager/proto/process"
)

// start runs the postmaster in a session of its own and waits until it takes
// connections. life is the claimed lock it inherits.
func start(ctx context.Context, p place, bin binaries, acc account, life *os.File, cfg Config) (*Cluster, error) {
	socket, err := p.socketDir(acc)
	if err != nil {
		return nil, err
	}
	if err := privateDir(p.log(), acc); err != nil {
		return nil, fmt.Errorf("make log directory: %w", err)
	}
	if err := writeTuned(p, cfg); err != nil {
		return nil, fmt.Errorf("write settings: %w", err)
	}
	out, err := os.OpenFile(p.startLog(), os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open start log: %w", err)
	}
	defer out.Close()

	settings := fixed(p, socket, acc)
	if cfg.Throwaway {
		settings["fsync"], settings["full_page_writes"] = "off", "off"
	}
	maps.Copy(settings, cfg.Settings)
	//nolint:noctx // it outlives whoever starts it
	cmd := exec.Command(bin.path("postgres"), append([]string{"-D", p.data()}, arguments(settings)...)...)
	cmd.Dir = p.home
	cmd.Env = environment()
	if stale, err := readPIDFile(p.pidFile()); err == nil {
		// Postgres takes a process with the PID in a stale postmaster.pid for a
		// running postmaster, unless told that it is its grandparent. Removing the
		// file instead would also remove Postgres' guard against backends that
		// outlived their postmaster.
		cmd.Env = append(cmd.Env, "PG_GRANDPARENT_PID="+strconv.Itoa(stale.pid))
	}
	cmd.Stdout, cmd.Stderr = out, out
	cmd.ExtraFiles = []*os.File{life}
	cmd.SysProcAttr = detached(acc)
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start postmaster: %w", err)
	}
	// Our unreaped child: the PID cannot have been reused yet.
	proc, err := process.Watch(cmd.Process.Pid)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("hold postmaster: %w", err), cmd.Process.Kill(), cmd.Wait())
	}
	_ = cmd.Process.Release()
	c := &Cluster{place: p, socket: socket, proc: proc, log: cfg.Log}
	if err := c.ready(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("start postmaster: %w", err), c.abandon(ctx, err))
	}
	return c, nil
}

func writeTuned(p place, cfg Config) error {
	return writeLike(filepath.Join(p.data(), tunedFile), configFile(tuned(cfg.MaxConnections)), p.data())
}

// adopt returns the running cluster of p, or nil when there is none to adopt.
// One that is on its way down is waited for; one whose socket was deleted by
// somebody cleaning up is unreachable for ever and is stopped.
func adopt(ctx context.Context, p place, cfg Config) (*Cluster, error) {
	f, err := readPIDFile(p.pidFile())
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, errNoPID) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	proc, err := process.Watch(f.pid)
	if err != nil {
		return nil, nil //nolint:nilerr // gone: the file is stale
	}
	// Looked at after the pidfd pinned it.
	if !isPostmaster(f.pid, p.data()) {
		proc.Release()
		return nil, nil
	}
	if f.socket == "" {
		proc.Release()
		return nil, nil // just starting; it holds the claim, so we come back
	}
	c := &Cluster{place: p, socket: f.socket, proc: proc, adopted: true, log: cfg.Log}
	err = c.ready(ctx)
	switch {
	case err == nil:
		return c, nil
	case errors.Is(err, errEnded):
		proc.Release()
		return nil, nil
	case errors.Is(err, errNoSocket):
		cfg.Log.Warn().Int("pid", f.pid).Str("directory", f.socket).Msg("the socket of the running postgres is gone; restarting it")
		return nil, stopPostmaster(ctx, proc, fast)
	default:
		proc.Release()
		return nil, err
	}
}
