package storetest

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

func TestMain(m *testing.M) { Main(m) }

func TestDatabasesAreSeparate(t *testing.T) {
	for range 3 {
		began := time.Now()
		u := NewURL(t)
		t.Log(u, time.Since(began))
		conn, err := pgx.Connect(context.Background(), u)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Exec(context.Background(), "insert into settings values ('k', 'v')"); err != nil {
			t.Error(err)
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
