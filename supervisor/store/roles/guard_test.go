package roles_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/rs/zerolog"

	"whatsapp-manager/supervisor/store/roles"
)

func (w *world) guard() *roles.Guard {
	w.Helper()
	r, err := roles.Arrange(w.Context(), w.url, "")
	if err != nil {
		w.Fatal(err)
	}
	pool, err := pgxpool.New(w.Context(), w.url)
	if err != nil {
		w.Fatal(err)
	}
	w.Cleanup(pool.Close)
	return roles.NewGuard(r, pool, zerolog.New(zerolog.NewTestWriter(w)))
}

// untilEnded looks again and again, since what it looks for takes a moment.
func untilEnded(ended <-chan error, look func()) error {
	for {
		select {
		case err := <-ended:
			return err
		default:
			look()
		}
	}
}

// A worker can lift the limit of its statements, but not the guard's.
func TestTheGuardEndsStatementsOfAnHour(t *testing.T) {
	w := newWorld(t)
	g := w.guard()
	g.Longest(time.Millisecond)
	if got := value[string](w, w.a, "show statement_timeout"); got != "2min" {
		t.Errorf("a worker's statement may take %s", got)
	}
	w.refused("", "set statement_timeout = 0")
	ended := make(chan error, 1)
	go func() {
		_, err := w.a.Exec(context.Background(), "select pg_sleep(3600)")
		ended <- err
	}()
	idle, err := w.dial(w.urlA).Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for value[int](w, w.admin, "select count(*) from pg_stat_activity where query = 'select pg_sleep(3600)' and state = 'active'") == 0 {
	}
	if err := untilEnded(ended, func() { roles.LookOnce(g, t.Context()) }); code(err) != "57P01" {
		t.Errorf("the statement of an hour: %v", err)
	}
	if _, err := idle.Exec(t.Context(), "select 1"); err == nil {
		t.Error("the open transaction goes on")
	}
	for _, conn := range []*pgx.Conn{w.b, w.admin, w.dial(w.urlA)} { // it may come again
		if err := conn.Ping(t.Context()); err != nil {
			t.Errorf("somebody who did nothing: %v", err)
		}
	}
}

func TestTheGuardEndsWhoLocksTables(t *testing.T) {
	w := newWorld(t)
	g := w.guard()
	tx, err := w.a.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), "lock table messages in access exclusive mode"); err != nil {
		t.Fatal(err)
	}
	waits := make(chan error, 1)
	go func() {
		_, err := w.b.Exec(context.Background(), "update messages set ack = 2")
		waits <- err
	}()
	if err := untilEnded(waits, func() { roles.LookAtLocks(g, t.Context()) }); err != nil {
		t.Errorf("who waited for the lock: %v", err)
	}
	if _, err := pgx.Connect(t.Context(), w.urlA); !strings.HasPrefix(code(err), notLetIn) {
		t.Errorf("who locked comes again: %v", err)
	}
	roles.LookAtLocks(g, t.Context())
	if err := w.b.Ping(t.Context()); err != nil {
		t.Errorf("the other worker: %v", err)
	}
}

func TestTheGuardRemovesWhatIsLeftOver(t *testing.T) {
	w := newWorld(t)
	g := w.guard()
	former := userOf(w.urlA)
	w.exec("update instances set generation = 7 where id = $1", mine)
	gone := value[string](w, w.b, "select session_user::text")
	w.exec("delete from instances where id = $1", other)
	group := value[string](w, w.admin, "select g.rolname::text from pg_roles r join pg_auth_members m on m.member = r.oid join pg_roles g on g.oid = m.roleid where r.rolname = $1", former)
	w.exec("create role " + strings.Replace(former, mine, "probe0000000", 1) + " login valid until '2020-01-01'")
	w.exec("create role " + strings.Replace(gone, other, "probe0000000", 1) + "00 login valid until '2120-01-01'") // another manager's, under way
	w.exec("create role bystander" + group + " login")
	roles.LookOnce(g, t.Context())
	left := value[[]string](w, w.admin, "select array_agg(rolname::text order by length(rolname::text)) from pg_roles where rolname::text like '%'||$1||'%'", strings.TrimSuffix(group, "_workers"))
	want := []string{group, strings.Replace(gone, other, "probe0000000", 1) + "00", "bystander" + group}
	if strings.Join(left, " ") != strings.Join(want, " ") {
		t.Errorf("roles %v, want %v", left, want)
	}
	w.exec("drop role bystander" + group)
}
