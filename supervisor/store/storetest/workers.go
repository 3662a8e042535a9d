package storetest

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"

	"whatsapp-manager/supervisor"
	"whatsapp-manager/supervisor/store"
	"whatsapp-manager/supervisor/store/roles"
)

// Workers lets tests into a database as workers are let in: each by a role of
// its own, for one generation of one instance.
type Workers struct {
	t   testing.TB
	url string
	st  *store.Store
}

// NewWorkers opens the database of url to workers, which has all tables that
// they are to use.
func NewWorkers(t testing.TB, url string) *Workers {
	t.Helper()
	r, err := roles.Arrange(context.Background(), url, "")
	if err != nil {
		t.Fatalf("arrange roles: %v", err)
	}
	st, err := store.Open(context.Background(), url, store.WithRoles(r), store.WithMaxConns(2))
	if err != nil {
		t.Fatalf("open store: %v", err)
	}
	t.Cleanup(func() {
		st.Close()
		w := &Workers{t: t, url: url}
		w.drop()
	})
	return &Workers{t: t, url: url, st: st}
}

// Raise raises the generation of an instance, as before a start, and returns
// it with the URL for its worker. Those of earlier ones are good for nothing
// any more.
func (w *Workers) Raise(instance string) (generation uint64, url string) {
	w.t.Helper()
	generation, url, err := w.st.Supervision().RaiseGeneration(context.Background(), supervisor.ID(instance), "test")
	if err != nil {
		w.t.Fatalf("raise generation: %v", err)
	}
	return generation, url
}

// drop removes the roles of the database, which would outlive it.
func (w *Workers) drop() {
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, w.url)
	if err != nil {
		return // the server is gone, with its roles
	}
	defer conn.Close(ctx)
	rows, err := conn.Query(ctx, "select rolname::text from pg_roles where starts_with(rolname::text, 'wam_' || substr(md5(current_database()), 1, 8))")
	if err != nil {
		w.t.Errorf("list roles: %v", err)
		return
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		w.t.Errorf("list roles: %v", err)
	}
	for _, name := range names { // the manager may do so without being a member only of what it made itself
		for _, sql := range []string{"grant " + name + " to current_user", "select pg_terminate_backend(pid, 5000) from pg_stat_activity where usename = '" + name + "'", "drop owned by " + name, "drop role " + name} {
			if _, err := conn.Exec(ctx, sql); err != nil {
				w.t.Errorf("%s: %v", sql, err)
			}
		}
	}
}
