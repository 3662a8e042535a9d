package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"

	"whatsapp-manager/cmd/internal/stack"
)

// counting looks at what one stack has asked of Postgres and of the CPU.
type counting struct {
	stack *stack.Stack
	conn  *pgx.Conn // the superuser's, to the database postgres, which nothing else uses
	// statements tells whether pg_stat_statements is there.
	statements bool
	version    string
}

// statement is one as Postgres normalises it, and whose role ran it.
type statement struct {
	Who  string `json:"who"` // manager or worker
	Text string `json:"text"`
}

// counts are sums since the stack began; only differences say anything.
type counts struct {
	at                    time.Time
	statements            map[statement]float64
	transactions          float64 // of the product's database, those that were rolled back too
	syncs, wal            float64 // of the cluster; wal is bytes
	manager, postgres, us time.Duration
	workers               map[string]time.Duration // by instance
}

// flushed is longer than a backend without work keeps its statistics to itself.
const flushed = 11 * time.Second

// count has the stack's Postgres load pg_stat_statements, which takes a restart.
// Without the extension everything else is still counted.
func count(ctx context.Context, s *stack.Stack) (*counting, error) {
	c := &counting{stack: s}
	if err := c.connect(ctx); err != nil {
		return nil, err
	}
	var there bool
	if err := c.conn.QueryRow(ctx, `select current_setting('server_version'),
		exists (select from pg_available_extensions where name = 'pg_stat_statements')`).Scan(&c.version, &there); err != nil {
		return nil, fmt.Errorf("look for pg_stat_statements: %w", err)
	}
	settings := slices.Clone(quiet)
	if c.statements = there; there {
		settings = append(settings, "shared_preload_libraries = pg_stat_statements")
	}
	for i := range settings {
		settings[i] = "alter system set " + settings[i]
	}
	if err := c.execute(ctx, settings); err != nil {
		return nil, err
	}
	if err := c.restart(ctx); err != nil {
		return nil, fmt.Errorf("restart Postgres: %w", err)
	}
	if there {
		return c, c.execute(ctx, []string{"create extension pg_stat_statements"})
	}
	return c, nil
}

// quiet keeps from the counts what happens now and then whatever is measured:
// vacuuming, and the images of whole pages behind each checkpoint.
var quiet = []string{"autovacuum = off", "checkpoint_timeout = '1h'"}

func (c *counting) execute(ctx context.Context, statements []string) error {
	for _, sql := range statements {
		if _, err := c.conn.Exec(ctx, sql); err != nil {
			return fmt.Errorf("%s: %w", sql, err)
		}
	}
	return nil
}

func (c *counting) restart(ctx context.Context) error {
	c.close(ctx)
	before := c.stack.Postgres()
	if before == 0 {
		return errors.New("the stack has no Postgres of its own")
	}
	if err := syscall.Kill(before, syscall.SIGINT); err != nil {
		return err
	}
	err := until(ctx, "Postgres is back", 20*time.Millisecond, func() (bool, error) {
		now := c.stack.Postgres()
		if now == 0 || now == before {
			return false, nil
		}
		err := c.connect(ctx)
		return err == nil, err
	})
	if err != nil {
		return err
	}
	return c.stack.Ready(ctx)
}

// connect as the superuser, whose password lies beside the cluster.
func (c *counting) connect(ctx context.Context) error {
	home := c.stack.DataDir() + "/postgres"
	password, err := os.ReadFile(filepath.Join(home, "superuser.secret"))
	if err != nil {
		return fmt.Errorf("read superuser's password: %w", err)
	}
	file, err := os.ReadFile(filepath.Join(home, "data", "postmaster.pid"))
	if err != nil {
		return fmt.Errorf("find Postgres' socket: %w", err)
	}
	lines := strings.Split(string(file), "\n")
	if len(lines) < 6 {
		return errors.New("postmaster.pid names no socket yet")
	}
	c.conn, err = pgx.Connect(ctx, (&url.URL{Scheme: "postgres", Path: "/postgres", RawQuery: url.Values{
		"host": {lines[4]}, "port": {"5432"}, "user": {"cluster_admin"},
		"password": {strings.TrimSpace(string(password))},
	}.Encode()}).String())
	if err != nil {
		return errors.New("connect as superuser") // the cause may quote the password
	}
	return nil
}

func (c *counting) close(ctx context.Context) { _ = c.conn.Close(context.WithoutCancel(ctx)) }

// look waits until every backend has told what it did, and counts.
func (c *counting) look(ctx context.Context) (counts, error) {
	select {
	case <-time.After(flushed):
	case <-ctx.Done():
		return counts{}, ctx.Err()
	}
	n := counts{at: time.Now(), statements: map[statement]float64{}, workers: map[string]time.Duration{}}
	if err := c.conn.QueryRow(ctx, `select d.xact_commit + d.xact_rollback, w.wal_sync, w.wal_bytes::float8
		from pg_stat_database d, pg_stat_wal w where d.datname = 'whatsapp_manager'`).
		Scan(&n.transactions, &n.syncs, &n.wal); err != nil {
		return n, fmt.Errorf("read Postgres' counters: %w", err)
	}
	if c.statements {
		if err := c.lookAtStatements(ctx, n.statements); err != nil {
			return n, fmt.Errorf("read pg_stat_statements: %w", err)
		}
	}
	return n, c.lookAtProcesses(&n)
}

func (c *counting) lookAtStatements(ctx context.Context, into map[statement]float64) error {
	rows, err := c.conn.Query(ctx, `select case r.rolname when 'whatsapp_manager' then 'manager' else 'worker' end,
			s.query, sum(s.calls)::float8
		from pg_stat_statements s join pg_database d on d.oid = s.dbid left join pg_roles r on r.oid = s.userid
		where d.datname = 'whatsapp_manager' group by 1, 2`)
	if err != nil {
		return err
	}
	var s statement
	var calls float64
	_, err = pgx.ForEachRow(rows, []any{&s.Who, &s.Text, &calls}, func() error {
		s.Text = strings.Join(strings.Fields(s.Text), " ")
		into[s] += calls
		return nil
	})
	return err
}

func (c *counting) lookAtProcesses(n *counts) error {
	var err error
	for id, pids := range c.stack.Workers() {
		for _, pid := range pids {
			own, _, rerr := computed(pid)
			n.workers[id] += own
			err = errors.Join(err, rerr)
		}
	}
	var merr, uerr error
	n.manager, _, merr = computed(c.stack.ManagerPID())
	n.us, _, uerr = computed(os.Getpid())
	if err = errors.Join(err, merr, uerr); err != nil {
		return fmt.Errorf("read CPU time: %w", err)
	}
	postmaster := c.stack.Postgres()
	for _, pid := range family(postmaster) {
		own, ended, err := computed(pid)
		if err != nil {
			continue // a backend that ended counts among the postmaster's
		}
		n.postgres += own
		if pid == postmaster {
			n.postgres += ended
		}
	}
	return nil
}

// computed is the CPU time of a process, and that of its children that have ended.
func computed(pid int) (own, ended time.Duration, err error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, 0, err
	}
	// The name stands in parentheses and may itself contain any character.
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	const first, ticks = 11, 100 // utime, stime, cutime, cstime; ticks a second
	if len(fields) < first+4 {
		return 0, 0, fmt.Errorf("/proc/%d/stat has %d fields", pid, len(fields))
	}
	var sum [4]time.Duration
	for i := range sum {
		n, err := strconv.ParseInt(fields[first+i], 10, 64)
		if err != nil {
			return 0, 0, err
		}
		sum[i] = time.Duration(n) * time.Second / ticks
	}
	return sum[0] + sum[1], sum[2] + sum[3], nil
}
