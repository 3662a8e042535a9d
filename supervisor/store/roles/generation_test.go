package roles_test

import (
	"context"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
)

func TestALateWriteIsRefused(t *testing.T) {
	w := newWorld(t)
	idle := w.dial(w.urlA)
	tx, err := w.a.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), "insert into chats (instance_id, id) values ($1, 'late')", mine); err != nil {
		t.Fatal(err)
	}
	busy := make(chan error, 1)
	third := w.dial(w.urlA)
	go func() {
		_, err := third.Exec(context.Background(), "select pg_sleep(60)")
		busy <- err
	}()
	for value[int](w, w.admin, "select count(*) from pg_stat_activity where query = 'select pg_sleep(60)' and state = 'active'") == 0 {
	}
	generation, next := w.workers.Raise(mine)
	if generation != 2 {
		t.Errorf("generation %d", generation)
	}
	if n := value[int](w, w.admin, "select count(*) from pg_stat_activity where usename = $1", strings.Replace(userOf(next), "_2", "_1", 1)); n != 0 {
		t.Errorf("%d sessions of the former worker live on", n)
	}
	if err := tx.Commit(t.Context()); err == nil {
		t.Error("the open transaction was committed")
	}
	if err := <-busy; err == nil {
		t.Error("the running statement ended well")
	}
	if _, err := idle.Exec(t.Context(), "insert into chats (instance_id, id) values ($1, 'later')", mine); err == nil {
		t.Error("a late write succeeded")
	}
	if _, err := pgx.Connect(t.Context(), w.urlA); !strings.HasPrefix(code(err), notLetIn) {
		t.Errorf("the former worker comes in: %v", err)
	}
	now := w.dial(next)
	if n := value[int](w, now, "select count(*) from chats"); n != 1 {
		t.Errorf("%d chats, want the one from before", n)
	}
	left := value[string](w, w.admin, "select string_agg(rolname::text, ' ') from pg_roles where rolname::text like '%'||$1||'%' and starts_with(rolname, 'wam_' || substr(md5(current_database()), 1, 8))", mine)
	if left != userOf(next) {
		t.Errorf("roles %s", left)
	}
	if err := w.b.Ping(t.Context()); err != nil {
		t.Errorf("the other worker's session: %v", err)
	}
}
