package e2e

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"whatsapp-manager/cmd/internal/stack"
	"whatsapp-manager/supervisor/localpg"
	"whatsapp-manager/worker/wasim"
)

// A dump holds no roles: after it was restored, the workers that live are let
// in no more. Each gets another role with its next start, and no message is lost.
func TestADatabaseThatLostItsRoles(t *testing.T) {
	t.Parallel()
	s := start(t)
	alice, bob := link(t, s, person(t, "Alice", wasim.AccountOptions{})),
		link(t, s, person(t, "Bob", wasim.AccountOptions{}))
	ann := person(t, "Ann", wasim.AccountOptions{})
	before := oneEach(t, s, alice, bob)
	s.KillManager()
	url, err := localpg.Look(filepath.Join(s.DataDir(), "postgres"))
	must(t, err)
	conn, err := pgx.Connect(t.Context(), url)
	must(t, err)
	defer conn.Close(t.Context())
	rows, err := conn.Query(t.Context(),
		"select rolname::text from pg_roles where rolname ~ '^wam_[0-9a-f]{8}_"+alice.id+"_[0-9]+$'")
	must(t, err)
	roles, err := pgx.CollectRows(rows, pgx.RowTo[string])
	must(t, err)
	if len(roles) != 1 {
		t.Fatalf("roles of the worker: %v", roles)
	}
	for _, sql := range []string{
		"alter role " + roles[0] + " nologin",
		"select pg_terminate_backend(pid, 5000) from pg_stat_activity where usename = '" + roles[0] + "'",
		"drop role " + roles[0],
	} {
		_, err := conn.Exec(t.Context(), sql)
		must(t, err)
	}
	say(t, ann, alice.PN(), "while nobody is let in")
	must(t, s.StartManager())
	must(t, s.Ready(deadline(t, 30*time.Second)))
	in, err := s.Client.Until(deadline(t, time.Minute), alice.id, "another worker", func(in stack.Instance) bool {
		return in.Status == "ready" && in.PID != before[alice.id]
	})
	must(t, err)
	if in.Generation != 2 {
		t.Errorf("%+v", in)
	}
	say(t, ann, alice.PN(), "afterwards")
	eventually(t, 30*time.Second, "both texts arrived, once", func() bool {
		got := alice.events(t)
		return count(got, "message", "while nobody is let in") == 1 && count(got, "message", "afterwards") == 1
	})
	if after := oneEach(t, s, alice, bob); after[bob.id] != before[bob.id] {
		t.Error("a worker that the database lets in was replaced, too")
	}
}
