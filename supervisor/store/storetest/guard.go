package storetest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/sys/unix"

	"whatsapp-manager/proto/process"
	"whatsapp-manager/supervisor/localpg"
)

const (
	guardEnv     = "WAM_STORETEST_GUARD"
	startTimeout = 2 * time.Minute
)

// The role is taken in init, before any TestMain, so that a test package
// needs no code of its own to host the guard.
func init() {
	if os.Getenv(guardEnv) != "" {
		os.Exit(guard())
	}
}

// guard obeys the lines of its stdin (start, "stop fast", "stop immediate"),
// answers each with one line, and cleans up at the end of stdin.
func guard() int {
	// The guard has to outlive what ends the test.
	signal.Ignore(syscall.SIGINT, syscall.SIGHUP, syscall.SIGTERM, syscall.SIGPIPE)
	dir, err := os.MkdirTemp(fastDir(), "wampg-")
	if err != nil {
		fmt.Println("error " + err.Error())
		return 1
	}
	g := &server{dir: dir}
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		answer, err := g.obey(in.Text())
		if err != nil {
			answer = "error " + strings.ReplaceAll(err.Error(), "\n", "; ")
		}
		fmt.Println(answer)
	}
	if err := errors.Join(g.stop("immediate"), os.RemoveAll(dir)); err != nil {
		return 1
	}
	return 0
}

// fastDir is in memory where there is room, since what is thrown away anyway
// need not go through a disk that other tests use.
func fastDir() string {
	const shm, room = "/dev/shm", 2 << 30
	var st unix.Statfs_t
	if os.Getenv("TMPDIR") == "" && unix.Statfs(shm, &st) == nil && st.Bavail*uint64(st.Bsize) >= room && unix.Access(shm, unix.W_OK) == nil {
		return shm
	}
	return os.TempDir()
}

// throwaway is a cluster that is fast and need not outlive the test.
func throwaway(dir string) localpg.Config {
	return localpg.Config{
		DataDir:        dir,
		Log:            zerolog.Nop(),
		MaxConnections: 300,
		Throwaway:      true,
		ManyDatabases:  true,
		Settings:       map[string]string{"autovacuum": "off", "logging_collector": "off"},
	}
}

type server struct {
	dir     string
	filled  bool // with the prepared cluster, or with none
	cluster *localpg.Cluster
}

func (s *server) obey(line string) (string, error) {
	verb, mode, _ := strings.Cut(line, " ")
	if verb == "stop" {
		return "ok", s.stop(mode)
	}
	if err := os.Chmod(s.dir, 0o711); err != nil { // the server's user has to pass
		return "", err
	}
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	if !s.filled {
		if err := copyPrepared(ctx, s.dir); err != nil {
			return "", err
		}
		s.filled = true
	}
	c, err := localpg.Ensure(ctx, throwaway(s.dir))
	if err != nil {
		return "", err
	}
	s.cluster = c
	return "ok " + c.URL(), nil
}

func (s *server) stop(mode string) error {
	if s.cluster == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	c := s.cluster
	s.cluster = nil
	if mode == "immediate" {
		return crash(ctx, c)
	}
	return c.Stop(ctx)
}

// crash ends the cluster at once; the next start recovers from the write-ahead log.
func crash(ctx context.Context, c *localpg.Cluster) error {
	p, err := process.Watch(c.PID())
	if errors.Is(err, unix.ESRCH) {
		return nil
	}
	if err != nil {
		return err
	}
	defer p.Release()
	if err := p.Signal(unix.SIGQUIT); err != nil {
		return err
	}
	select {
	case <-c.Exited():
		return nil
	case <-ctx.Done():
		return fmt.Errorf("wait for postgres: %w", ctx.Err())
	}
}
