package storetest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"whatsapp-manager/supervisor/store/migrations"
)

// Postgres is a server of a test's own, to be stopped and started at will. Its
// connection URLs stay the same throughout. Methods fail the test on errors.
type Postgres struct {
	t testing.TB
	g *guarded
}

// Server starts a Postgres that only this test uses; it is gone when the test
// ends.
func Server(t testing.TB) *Postgres {
	t.Helper()
	g, err := startGuard()
	if err != nil {
		t.Fatalf("start postgres: %v", err)
	}
	t.Cleanup(func() {
		if err := g.end(); err != nil {
			t.Errorf("end postgres: %v", err)
		}
	})
	return &Postgres{t: t, g: g}
}

// NewURL is NewURL for this server. The database goes with the server.
func (p *Postgres) NewURL() string {
	p.t.Helper()
	_, u, err := p.g.create(context.Background())
	if err != nil {
		p.t.Fatalf("create database: %v", err)
	}
	return u
}

// Stop ends the server: "fast" ends sessions in order, "immediate" is a crash.
func (p *Postgres) Stop(mode string) {
	p.t.Helper()
	if _, err := p.g.ask("stop " + mode); err != nil {
		p.t.Fatalf("stop postgres: %v", err)
	}
}

// Start starts the stopped server and returns when it takes connections.
func (p *Postgres) Start() {
	p.t.Helper()
	if _, err := p.g.ask("start"); err != nil {
		p.t.Fatalf("start postgres: %v", err)
	}
}

// Restart is Stop and Start.
func (p *Postgres) Restart(mode string) {
	p.t.Helper()
	p.Stop(mode)
	p.Start()
}

// guarded is the test's end of a guard.
type guarded struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader

	mu  sync.Mutex // one question at a time
	url string

	template sync.Mutex
	made     bool
	strategy string // of copying the template, as part of the statement
	count    atomic.Int64
}

func startGuard() (*guarded, error) {
	exe, err := os.Executable()
	if err != nil {
		return nil, err
	}
	g := &guarded{cmd: exec.Command(exe)}
	g.cmd.Env = append(os.Environ(), guardEnv+"=1")
	g.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // out of reach of Ctrl-C
	if g.in, err = g.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := g.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	g.out = bufio.NewReader(out)
	if err := g.cmd.Start(); err != nil {
		return nil, err
	}
	if g.url, err = g.ask("start"); err != nil {
		return nil, errors.Join(err, g.end())
	}
	return g, nil
}

func (g *guarded) ask(line string) (string, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if _, err := fmt.Fprintln(g.in, line); err != nil {
		return "", err
	}
	answer, err := g.out.ReadString('\n')
	if err != nil {
		return "", fmt.Errorf("read from guard: %w", err)
	}
	verdict, rest, _ := strings.Cut(strings.TrimSpace(answer), " ")
	if verdict != "ok" {
		return "", errors.New(rest)
	}
	return rest, nil
}

func (g *guarded) end() error {
	return errors.Join(g.in.Close(), g.cmd.Wait())
}

const template = "wam_template"

// duplicateDatabase is PostgreSQL's code (Appendix A of its manual).
const duplicateDatabase = "42P04"

// create makes a database with our schema by copying one that has it.
func (g *guarded) create(ctx context.Context) (name, dbURL string, err error) {
	if err := g.makeTemplate(ctx); err != nil {
		return "", "", fmt.Errorf("make template: %w", err)
	}
	name = fmt.Sprintf("t%d", g.count.Add(1))
	return name, g.urlOf(name), g.exec(ctx, "create database "+name+" template "+template+g.strategy)
}

func (g *guarded) makeTemplate(ctx context.Context) error {
	g.template.Lock()
	defer g.template.Unlock()
	if g.made {
		return nil
	}
	var duplicate *pgconn.PgError
	err := g.exec(ctx, "create database "+template)
	if errors.As(err, &duplicate) && duplicate.Code == duplicateDatabase {
		err = nil // the cluster came prepared
	}
	if err != nil {
		return err
	}
	for _, make := range append([]func(context.Context, string) error{migrations.Up}, schemas...) {
		if err := make(ctx, g.urlOf(template)); err != nil {
			return err
		}
	}
	g.made = true
	return g.chooseStrategy(ctx)
}

// chooseStrategy takes the way to copy a database that costs half as much where nothing
// is written through to a disk. PostgreSQL 14 has no other, and no word for it.
func (g *guarded) chooseStrategy(ctx context.Context) error {
	conn, err := pgx.Connect(ctx, g.url)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	var version int
	if err := conn.QueryRow(ctx, "select current_setting('server_version_num')::int").Scan(&version); err != nil {
		return err
	}
	if version >= 150000 {
		g.strategy = " strategy file_copy"
	}
	return nil
}

func (g *guarded) drop(ctx context.Context, name string) error {
	return g.exec(ctx, "drop database if exists "+name+" with (force)")
}

func (g *guarded) exec(ctx context.Context, sql string) error { return execute(ctx, g.url, sql) }

func execute(ctx context.Context, url, sql string) error {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	_, err = conn.Exec(ctx, sql)
	return err
}

func (g *guarded) urlOf(db string) string { return databaseOf(g.url, db) }

// databaseOf is the URL of another database of the same server.
func databaseOf(server, db string) string {
	u, err := url.Parse(server)
	if err != nil {
		panic(err) // made by localpg
	}
	u.Path = "/" + db
	return u.String()
}
