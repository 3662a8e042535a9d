package localpg

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

func query[T any](t *testing.T, c *Cluster, sql string) (v T) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), c.URL())
	must(t, err)
	defer conn.Close(context.Background())
	must(t, conn.QueryRow(t.Context(), sql).Scan(&v))
	return v
}

func execute(t *testing.T, c *Cluster, sql string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), c.URL())
	must(t, err)
	defer conn.Close(context.Background())
	_, err = conn.Exec(t.Context(), sql)
	must(t, err)
}

func TestLifeOfACluster(t *testing.T) {
	cfg := config(filepath.Join(newDir(t), "not", "yet"))
	cfg.Throwaway = false
	cfg.MaxConnections = 0
	c := ensureCluster(t, cfg)
	if c.Adopted() {
		t.Error("a new cluster says it is adopted")
	}
	for setting, want := range map[string]string{
		"listen_addresses": "", "max_connections": "1000", "fsync": "on", "synchronous_commit": "on", "server_encoding": "UTF8", "timezone": "UTC",
	} {
		if got := query[string](t, c, "show "+setting); got != want {
			t.Errorf("%s: got %q, want %q", setting, got, want)
		}
	}
	execute(t, c, "create table kept (v text)")
	execute(t, c, "insert into kept values ('Ä')")
	if query[string](t, c, "select lower(v) from kept") != "ä" {
		t.Error("case is folded for ASCII only")
	}

	again, err := Ensure(t.Context(), cfg)
	must(t, err)
	if !again.Adopted() || again.PID() != c.PID() || again.URL() != c.URL() {
		t.Errorf("got %d at %s, want the running %d at %s", again.PID(), again.URL(), c.PID(), c.URL())
	}
	open, err := pgx.Connect(t.Context(), c.URL())
	must(t, err)
	defer open.Close(context.Background())
	must(t, again.Stop(t.Context())) // does not wait for open sessions
	<-c.Exited()
	must(t, c.Stop(t.Context()))
	if err := syscall.Kill(c.PID(), 0); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("the postmaster is still there: %v", err)
	}

	next := ensureCluster(t, cfg)
	if next.Adopted() || next.PID() == c.PID() || next.URL() != c.URL() {
		t.Errorf("got %d, adopted %t, at %s", next.PID(), next.Adopted(), next.URL())
	}
	if query[int](t, next, "select count(*) from kept") != 1 {
		t.Error("the data is gone")
	}
	must(t, next.Kill(t.Context())) // a crash
	if query[int](t, ensureCluster(t, cfg), "select count(*) from kept") != 1 {
		t.Error("the data is gone after a crash")
	}
}

func TestReleaseLeavesItRunning(t *testing.T) {
	dir := newDir(t)
	c, err := Ensure(t.Context(), config(dir))
	must(t, err)
	c.Release()
	c.Release()
	if err := c.Stop(t.Context()); err == nil {
		t.Error("a released cluster was stopped")
	}
	if next := ensureCluster(t, config(dir)); !next.Adopted() || next.PID() != c.PID() {
		t.Errorf("got %d, adopted %t", next.PID(), next.Adopted())
	}
}

func TestAdoptAfterTheStarterWasKilled(t *testing.T) {
	dir := newDir(t)
	m := startManager(t, dir, nil)
	pid, adopted := m.ready(t)
	if adopted {
		t.Error("adopted from nobody")
	}
	session, err := pgx.Connect(t.Context(), ownerURL(t, dir))
	must(t, err)
	defer session.Close(context.Background())
	m.kill()
	c := ensureCluster(t, config(dir))
	if !c.Adopted() || c.PID() != pid {
		t.Errorf("got %d, adopted %t; want the running %d", c.PID(), c.Adopted(), pid)
	}
	if _, err := session.Exec(t.Context(), "select 1"); err != nil {
		t.Errorf("a worker's session broke: %v", err)
	}
	must(t, c.Stop(t.Context()))
}

// Killed at random moments of making and starting a cluster, the next manager
// always gets a cluster, and never a second postmaster.
func TestKilledWhileStarting(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 0))
	for range 2 {
		dir := newDir(t)
		for range 3 {
			m := startManager(t, dir, nil)
			<-time.After(time.Duration(rnd.Int64N(int64(1500 * time.Millisecond)))) // the moment of the fault
			m.kill()
		}
		c := ensureCluster(t, config(dir))
		if query[int](t, c, "select 1") != 1 {
			t.Error("no answer")
		}
		if pids := processesBelow(dir); len(pids) != 1 || pids[0] != c.PID() {
			t.Errorf("postmasters: %v, ours is %d", pids, c.PID())
		}
		if left, _ := filepath.Glob(filepath.Join(dir, "new-*")); len(left) > 0 {
			t.Errorf("left behind: %v", left)
		}
	}
}

func TestRacingManagersShareOnePostmaster(t *testing.T) {
	dir := newDir(t)
	managers := []*manager{startManager(t, dir, nil), startManager(t, dir, nil)}
	var wg sync.WaitGroup
	var mu sync.Mutex
	pids, starters := map[int]bool{}, 0
	note := func(pid int, adopted bool) {
		mu.Lock()
		defer mu.Unlock()
		pids[pid] = true
		if !adopted {
			starters++
		}
	}
	for range 3 {
		wg.Go(func() {
			c, err := Ensure(t.Context(), config(dir))
			if err != nil {
				t.Error(err)
				return
			}
			defer c.Release()
			note(c.PID(), c.Adopted())
		})
	}
	for _, m := range managers {
		note(m.ready(t))
	}
	wg.Wait()
	if len(pids) != 1 || starters != 1 {
		t.Errorf("postmasters %v, started by %d managers", pids, starters)
	}
	ensureCluster(t, config(dir))
}

// A postmaster.pid of a killed postmaster whose PID has gone to a process of
// the same user.
func TestStalePIDFile(t *testing.T) {
	dir := newDir(t)
	c := ensureCluster(t, config(dir))
	execute(t, c, "create table kept (v text)")
	acc, err := chooseAccount(c.place.data(), "")
	must(t, err)
	must(t, c.proc.Signal(syscall.SIGKILL))
	<-c.Exited()
	stranger := exec.Command("sleep", "600")
	stranger.SysProcAttr = &syscall.SysProcAttr{Credential: acc.credential(), Pdeathsig: syscall.SIGKILL}
	must(t, stranger.Start())
	defer func() {
		_ = stranger.Process.Kill()
		_ = stranger.Wait()
	}()
	b, err := os.ReadFile(c.place.pidFile())
	must(t, err)
	_, rest, _ := strings.Cut(string(b), "\n")
	must(t, os.WriteFile(c.place.pidFile(), []byte(fmt.Sprintf("%d\n%s", stranger.Process.Pid, rest)), 0o600))

	next := ensureCluster(t, config(dir))
	if next.Adopted() || query[int](t, next, "select count(*) from kept") != 0 {
		t.Errorf("adopted %t", next.Adopted())
	}
	must(t, next.Stop(t.Context()))
	must(t, os.WriteFile(c.place.pidFile(), nil, 0o600)) // a crash of the host
	must(t, acc.own(c.place.pidFile()))
	if _, err := Ensure(t.Context(), config(dir)); err == nil || !strings.Contains(err.Error(), "postmaster.pid") {
		t.Errorf("got %v, want Postgres' own advice about an empty postmaster.pid", err)
	}
}

func TestLostSocketRestartsTheCluster(t *testing.T) {
	dir := newDir(t)
	c := ensureCluster(t, config(dir))
	must(t, os.RemoveAll(filepath.Join(dir, "run")))
	next := ensureCluster(t, config(dir))
	if next.Adopted() || next.PID() == c.PID() || query[int](t, next, "select 1") != 1 {
		t.Errorf("got %d, adopted %t", next.PID(), next.Adopted())
	}
	<-c.Exited()
}

func TestEnsureEndsWithItsContext(t *testing.T) {
	dir := newDir(t)
	ctx, cancel := context.WithTimeout(t.Context(), 150*time.Millisecond)
	defer cancel()
	if _, err := Ensure(ctx, config(dir)); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	unlock, err := lockFile(t.Context(), filepath.Join(dir, "lock"))
	must(t, err)
	ctx, cancel = context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := Ensure(ctx, config(dir)); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	unlock()
	life, err := claim(dir)
	must(t, err)
	ctx, cancel = context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := Ensure(ctx, config(dir)); !errors.Is(err, errClaimed) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	must(t, life.Close())
	ensureCluster(t, config(dir))
}

func TestLogsHoldNoValues(t *testing.T) {
	cfg := config(newDir(t))
	c := ensureCluster(t, cfg)
	conn, err := pgx.Connect(t.Context(), c.URL())
	must(t, err)
	execute(t, c, "create table bodies (id int primary key, body text check (body <> 'geheim'))")
	for _, sql := range []string{
		"insert into bodies values (1, 'geheim')", "select 'geheim'::int", "selec geheim", "select '{geheim'::json",
		"do $$ begin raise warning 'geheim'; raise log 'fine'; end $$", "select pg_sleep(0.01), 'geheim'",
	} {
		_, _ = conn.Exec(t.Context(), sql)
	}
	if _, err := conn.Exec(t.Context(), "insert into bodies values (1, $1)", "geheim"); err == nil {
		t.Error("the constraint did not hold")
	}
	conn.Close(context.Background())
	must(t, c.Kill(t.Context()))
	logs := read(t, filepath.Join(cfg.DataDir, "log", "*"))
	if strings.Contains(logs, "geheim") {
		t.Errorf("a value reached the log:\n%s", logs)
	}
	if !strings.Contains(logs, "fine") {
		t.Error("nothing reached the log")
	}
}

func read(t *testing.T, glob string) string {
	t.Helper()
	var b strings.Builder
	files, err := filepath.Glob(glob)
	must(t, err)
	for _, f := range files {
		content, err := os.ReadFile(f)
		must(t, err)
		b.Write(content)
	}
	return b.String()
}
