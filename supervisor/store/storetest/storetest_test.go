package storetest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sys/unix"
)

const abandonEnv = "WAM_STORETEST_ABANDON"

func TestMain(m *testing.M) {
	if os.Getenv(abandonEnv) != "" {
		abandon()
	}
	Main(m)
}

// abandon is a test that starts a server and never ends by itself.
func abandon() {
	g, err := startGuard()
	if err != nil {
		fmt.Println("error", err)
		os.Exit(1)
	}
	fmt.Println(g.cmd.Process.Pid, g.url)
	select {}
}

func TestNothingOutlivesAKilledTest(t *testing.T) {
	test := exec.Command("/proc/self/exe")
	test.Env = append(os.Environ(), abandonEnv+"=1")
	out, err := test.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := test.Start(); err != nil {
		t.Fatal(err)
	}
	var pid int
	var u string
	_, serr := fmt.Fscan(out, &pid, &u)
	guard, ferr := unix.PidfdOpen(pid, 0)
	if err := errors.Join(serr, ferr, test.Process.Kill()); err != nil {
		t.Fatal(err)
	}
	defer unix.Close(guard)
	_ = test.Wait()
	if n, err := unix.Poll([]unix.PollFd{{Fd: int32(guard), Events: unix.POLLIN}}, 30_000); n != 1 {
		t.Fatalf("the guard lives on: %v", err)
	}
	conf, err := pgx.ParseConfig(u)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Dir(conf.Host)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("files were left: %v", err)
	}
	if conn, err := pgx.ConnectConfig(t.Context(), conf); err == nil {
		conn.Close(context.Background())
		t.Error("the server lives on")
	}
}

func TestDatabasesAreSeparate(t *testing.T) {
	for range 2 {
		conn, err := pgx.Connect(context.Background(), NewURL(t))
		if err != nil {
			t.Fatal(err)
		}
		// Left open: the database is dropped nevertheless.
		if _, err := conn.Exec(context.Background(), "insert into settings values ('k', 'v')"); err != nil {
			t.Error(err)
		}
	}
}

func TestNewIsAStoreOfItsOwn(t *testing.T) {
	for range 2 {
		st := New(t)
		v, err := st.SettingOrCreate(t.Context(), "k", func() ([]byte, error) { return []byte(t.TempDir()), nil })
		if err != nil || len(v) == 0 {
			t.Errorf("got %q, %v", v, err)
		}
		if n, err := st.CountUsers(t.Context()); n != 0 || err != nil {
			t.Errorf("got %d users, %v", n, err)
		}
	}
}

func TestServerComesBackWithItsData(t *testing.T) {
	p := Server(t)
	u := p.NewURL()
	for i, mode := range []string{"fast", "immediate"} {
		conn, err := pgx.Connect(context.Background(), u)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Exec(context.Background(), "insert into settings values ($1, 'v')", mode); err != nil {
			t.Fatal(err)
		}
		p.Restart(mode)
		conn, err = pgx.Connect(context.Background(), u)
		if err != nil {
			t.Fatal(err)
		}
		var n int
		if err := conn.QueryRow(context.Background(), "select count(*) from settings").Scan(&n); err != nil || n != i+1 {
			t.Fatalf("after %s: %d rows, %v", mode, n, err)
		}
		conn.Close(context.Background())
	}
}
