package roles_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"whatsapp-manager/supervisor/store/roles"
	"whatsapp-manager/supervisor/store/storetest"
)

// Policies are asked once for a statement, and the index is used: a policy that
// compares row by row took the database from 1,820 transactions a second to 56.
func TestPoliciesUseTheIndex(t *testing.T) {
	w := newWorld(t)
	w.exec("insert into messages (instance_id, chat, id, from_me, sender, timestamp, type, body, ack) select i, 'c' || g % 50, 'm' || g, false, 's', g, 'chat', 'word ' || g, 1 from generate_series(1, 5000) g, unnest($1::text[]) i", []string{mine, other})
	w.exec("insert into whatsmeow.whatsmeow_sessions select j, 'p' || g, null from generate_series(1, 5000) g, unnest($1::text[]) j", []string{jidA, jidB})
	w.exec("analyze messages, whatsmeow.whatsmeow_sessions")
	for name, sql := range map[string]string{
		"one message":   "select * from messages where instance_id = '" + mine + "' and id = 'm77' and chat = 'c27'",
		"newest":        "select * from messages where instance_id = '" + mine + "' and chat = 'c7' and (timestamp, position) < (1000, 5) order by timestamp desc, position desc limit 10",
		"several":       "select * from messages where instance_id = '" + mine + "' and chat = 'c7' and id = any('{m1,m7}')",
		"a change":      "update messages set ack = 2 where instance_id = '" + mine + "' and id = 'm77' and chat = 'c27'",
		"a session":     "select session from whatsmeow.whatsmeow_sessions where our_jid = '" + jidA + "' and their_id = 'p7'",
		"many sessions": "select session from whatsmeow.whatsmeow_sessions where our_jid = '" + jidA + "' and their_id = any('{p7,p8}')",
	} {
		t.Run(name, func(t *testing.T) {
			rows, err := w.a.Query(t.Context(), "explain (costs off) "+sql)
			if err != nil {
				t.Fatal(err)
			}
			lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
			if err != nil {
				t.Fatal(err)
			}
			plan := strings.Join(lines, "\n")
			if !strings.Contains(plan, "InitPlan") || strings.Contains(plan, "Seq Scan on messages") || strings.Contains(plan, "Seq Scan on whatsmeow_sessions") || strings.Contains(plan, "SubPlan") {
				t.Errorf("the plan:\n%s", plan)
			}
			for _, line := range lines {
				if strings.Contains(line, "Filter:") && strings.Contains(line, "SESSION_USER") && !strings.Contains(line, "devices") {
					t.Errorf("the role is asked for each row:\n%s", plan)
				}
			}
		})
	}
}

func TestEveryTableHasADecision(t *testing.T) {
	w := newWorld(t)
	undecided := value[[]string](w, w.admin, `select coalesce(array_agg(c.oid::regclass::text), '{}') from pg_class c join pg_namespace n on n.oid = c.relnamespace
		where n.nspname in ('public', 'whatsmeow') and c.relkind in ('r', 'p', 'v', 'm', 'f') and not (c.relname = any($1))`, roles.Decided())
	if len(undecided) > 0 {
		t.Errorf("nobody decided what workers may do with %s: see tables.go", undecided)
	}
	for _, table := range roles.Decided() {
		if there := value[bool](w, w.admin, "select coalesce(to_regclass($1), to_regclass('whatsmeow.' || $1)) is not null", table); !there {
			t.Errorf("%s was decided on and is not there", table)
		}
	}
	// What comes later is closed until then.
	w.exec("create table whatsmeow.whatsmeow_new (our_jid text)")
	w.exec("create table anew (instance_id text)")
	w.exec("create function anew() returns int language sql as 'select 1'")
	storetest.NewWorkers(t, w.url)
	for _, sql := range []string{"select * from whatsmeow.whatsmeow_new", "select * from anew", "select anew()"} {
		w.refused(denied, sql)
	}
}

func TestDecisionsNameWhatWorkersNeed(t *testing.T) {
	for table := range ownRows {
		if !slices.Contains(roles.Decided(), table) {
			t.Errorf("%s has no decision", table)
		}
	}
	for table := range libraryTables {
		if !slices.Contains(roles.Decided(), table) {
			t.Errorf("%s has no decision", table)
		}
	}
}
