package stack

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// Options say how a stack is made. Bin holds whatsapp-manager and
// whatsapp-worker; Endpoint is the simulator's.
type Options struct {
	Bin      string
	Endpoint string
	Env      []string // settings beyond the stack's own, WAM_NAME=value
	// Descriptors is how many the manager may have; 0: what the test may have.
	Descriptors int
	// Volume may put a file system of its own where the data directory will be;
	// release takes it away after the end. May be nil.
	Volume func(dataDir string) (release func() error, err error)
	// Empty has the manager begin with no data directory at all. Without it, it
	// begins with a copy of one that it has made and left before, which saves most
	// of the time of a start. A Volume always begins empty.
	Empty bool
}

// Stack is one installation: a data directory and the manager process that
// serves it. Its methods are not safe for concurrent use, except Client's.
type Stack struct {
	Dir     string
	Client  *Client
	opts    Options
	listen  string
	manager *exec.Cmd
	log     *os.File
	exited  chan struct{} // closed when the present manager has been reaped
	stopped bool
	release func() error // of the volume
}

const (
	adminEmail    = "admin@example.org"
	adminPassword = "correct horse battery"
)

// Start makes a stack in a new directory and waits until it is ready and
// logged in to. The caller ends it with Close.
func Start(ctx context.Context, opts Options) (*Stack, error) {
	dir, err := os.MkdirTemp("", "wam")
	if err != nil {
		return nil, fmt.Errorf("make directory: %w", err)
	}
	// The private Postgres runs as another user when the test runs as root.
	if err := os.Chmod(dir, 0o755); err != nil {
		return nil, fmt.Errorf("open directory: %w", err)
	}
	log, err := os.OpenFile(filepath.Join(dir, "manager.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open log: %w", err)
	}
	listen, err := freeAddress()
	if err != nil {
		return nil, err
	}
	s := &Stack{
		Dir: dir, opts: opts, listen: listen, log: log,
		Client: &Client{Base: "http://" + listen, HTTP: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 128}}},
	}
	if opts.Volume != nil {
		if s.release, err = opts.Volume(s.DataDir()); err != nil {
			return nil, errors.Join(err, s.Close())
		}
	}
	if opts.Volume == nil && !opts.Empty {
		if err := prepare(ctx, opts, s.DataDir()); err != nil {
			return nil, errors.Join(err, s.Close())
		}
	}
	if err := s.StartManager(); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	if err := s.Ready(ctx); err != nil {
		return nil, errors.Join(err, s.Tail(), s.Close())
	}
	if err := s.Client.Login(ctx, adminEmail, adminPassword); err != nil {
		return nil, errors.Join(err, s.Tail(), s.Close())
	}
	return s, nil
}

func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("find a free port: %w", err)
	}
	defer l.Close()
	return l.Addr().String(), nil
}

// DataDir is the installation's data directory.
func (s *Stack) DataDir() string { return filepath.Join(s.Dir, "data") }

// StartManager starts the manager's process and returns at once.
func (s *Stack) StartManager() error {
	cmd := s.program(context.Background(), "serve")
	cmd.Stdout, cmd.Stderr = s.log, s.log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start manager: %w", err)
	}
	exited := make(chan struct{})
	s.manager, s.exited = cmd, exited
	go func() {
		_ = cmd.Wait() // its status is in cmd.ProcessState
		close(exited)
	}()
	return nil
}

// program is the manager's, with the settings of this stack.
func (s *Stack) program(ctx context.Context, args ...string) *exec.Cmd {
	path := filepath.Join(s.opts.Bin, "whatsapp-manager")
	cmd := exec.CommandContext(ctx, path, args...)
	if n := s.opts.Descriptors; n > 0 {
		cmd = exec.CommandContext(ctx, "/bin/sh", append([]string{
			"-c", fmt.Sprintf(`ulimit -n %d && exec "$0" "$@"`, n),
			path,
		}, args...)...)
	}
	cmd.Env = append([]string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + s.Dir, "WAM_LOG_FORMAT=json", "WAM_LOG_LEVEL=debug",
		"WAM_LISTEN=" + s.listen, "WAM_DATA_DIR=" + s.DataDir(), "WAM_WHATSAPP_ENDPOINT=" + s.opts.Endpoint,
		"WAM_ADMIN_EMAIL=" + adminEmail, "WAM_ADMIN_PASSWORD=" + adminPassword,
		"WAM_WEBHOOK_NETWORKS=127.0.0.0/8", // where the receivers of tests listen
	}, s.opts.Env...)
	return cmd
}

// Run runs one of the operator's commands to its end and returns what it said.
func (s *Stack) Run(ctx context.Context, args ...string) (string, error) {
	out, err := s.program(ctx, args...).CombinedOutput()
	if err != nil {
		err = fmt.Errorf("whatsapp-manager %s: %w: %s", args[0], err, out)
	}
	return string(out), err
}

// Ready waits until the manager has found every worker again.
func (s *Stack) Ready(ctx context.Context) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		answer, err := s.Client.Do(ctx, http.MethodGet, "/api/health/ready", nil)
		if err == nil && answer.Status == http.StatusOK {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for the manager: %w (last answer %d %s, %v)", ctx.Err(), answer.Status, answer.Body, err)
		case <-s.exited:
			return fmt.Errorf("the manager ended: %v", s.manager.ProcessState)
		case <-tick.C:
		}
	}
}

// Login gives the client a new token of the administrator's.
func (s *Stack) Login(ctx context.Context, c *Client) error {
	return c.Login(ctx, adminEmail, adminPassword)
}

// ManagerPID is the PID of the present manager.
func (s *Stack) ManagerPID() int { return s.manager.Process.Pid }

// KillManager ends the manager with SIGKILL and waits until it is gone.
func (s *Stack) KillManager() { s.Signal(syscall.SIGKILL); <-s.exited }

// Signal sends sig to the manager.
func (s *Stack) Signal(sig os.Signal) {
	// An error means that it is gone already, which is what callers wait for next.
	_ = s.manager.Process.Signal(sig)
}

// WaitManager waits until the manager has ended by itself.
func (s *Stack) WaitManager(ctx context.Context) error {
	select {
	case <-s.exited:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("the manager does not end: %w", ctx.Err())
	}
}

// Stop ends manager, workers and Postgres the way a person does (SIGINT) and
// leaves the directory as they left it. Close is all that can follow.
func (s *Stack) Stop(ctx context.Context) error {
	if s.manager == nil || s.stopped {
		return nil
	}
	s.stopped = true
	var errs []error
	select {
	case <-s.exited: // it was killed: the next one cleans up
		if err := s.StartManager(); err != nil {
			return err
		}
		errs = append(errs, s.Ready(ctx))
	default:
	}
	s.Signal(syscall.SIGINT)
	if err := s.WaitManager(ctx); err != nil {
		errs = append(errs, err)
		s.KillManager()
	}
	return errors.Join(errs...)
}

// Close is Stop; then it reports what is left of the processes, ends that too,
// and removes the directory.
func (s *Stack) Close() error {
	var errs []error
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	if err := s.Stop(ctx); err != nil {
		errs = append(errs, err)
	}
	for _, p := range s.Processes() {
		errs = append(errs, fmt.Errorf("process left behind: %d %s", p.PID, p.Command))
		_ = syscall.Kill(p.PID, syscall.SIGKILL)
	}
	if len(errs) > 0 {
		errs = append(errs, s.Tail())
	}
	if s.release != nil {
		errs = append(errs, s.release())
	}
	errs = append(errs, s.log.Close(), os.RemoveAll(s.Dir))
	return errors.Join(errs...)
}

// Tail returns the end of the manager's log as an error, for failing tests.
func (s *Stack) Tail() error {
	text, err := os.ReadFile(filepath.Join(s.Dir, "manager.log"))
	if err != nil {
		return err
	}
	lines := bytes.Split(text, []byte("\n"))
	if len(lines) > 40 {
		lines = lines[len(lines)-40:]
	}
	return fmt.Errorf("manager.log:\n%s", bytes.Join(lines, []byte("\n")))
}

// Logs returns everything that manager, workers and Postgres logged.
func (s *Stack) Logs() (map[string][]byte, error) {
	logs := map[string][]byte{}
	err := filepath.WalkDir(s.Dir, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.Contains(filepath.Base(path), ".log") {
			return nil //nolint:nilerr // a file that went away while walking is no log
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return fmt.Errorf("read log: %w", err)
		}
		logs[strings.TrimPrefix(path, s.Dir+"/")] = text
		return nil
	})
	return logs, err
}
