package roles_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"whatsapp-manager/supervisor/store/roles"
	"whatsapp-manager/supervisor/store/storetest"
)

// library makes whatsmeow's tables as its own migrations leave them at the
// pinned version; package worker/keystore, which runs those, may not be
// imported here, and cmd/whatsapp-manager's tests hold the two together.
func library(ctx context.Context, url string) error {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	var sql strings.Builder
	sql.WriteString("create schema whatsmeow; set search_path = whatsmeow, public;")
	for table, columns := range libraryTables {
		fmt.Fprintf(&sql, "create table %s (%s);", table, columns)
	}
	_, err = conn.Exec(ctx, sql.String())
	return err
}

var libraryTables = map[string]string{
	"whatsmeow_version":                 "version int",
	"whatsmeow_device":                  "jid text primary key, noise_key bytea",
	"whatsmeow_identity_keys":           "our_jid text, their_id text, primary key (our_jid, their_id)",
	"whatsmeow_pre_keys":                "jid text, key_id int, primary key (jid, key_id)",
	"whatsmeow_sessions":                "our_jid text, their_id text, session bytea, primary key (our_jid, their_id)",
	"whatsmeow_sender_keys":             "our_jid text, chat_id text",
	"whatsmeow_app_state_sync_keys":     "jid text, key_id bytea",
	"whatsmeow_app_state_version":       "jid text, name text",
	"whatsmeow_app_state_mutation_macs": "jid text, name text",
	"whatsmeow_contacts":                "our_jid text, their_jid text",
	"whatsmeow_chat_settings":           "our_jid text, chat_jid text",
	"whatsmeow_message_secrets":         "our_jid text, chat_jid text",
	"whatsmeow_privacy_tokens":          "our_jid text, their_jid text",
	"whatsmeow_nct_salt":                "our_jid text, salt bytea",
	"whatsmeow_event_buffer":            "our_jid text, plaintext bytea",
	"whatsmeow_retry_buffer":            "our_jid text, plaintext bytea",
	"whatsmeow_lid_map":                 "lid text primary key, pn text",
}

func TestMain(m *testing.M) { storetest.Main(m, library) }

const (
	mine, other   = "aaaaaaaaaaaa", "bbbbbbbbbbbb"
	jidA, jidB    = "4911:1@s.whatsapp.net", "4922:2@s.whatsapp.net"
	denied        = "42501"
	notLetIn      = "28"
	deviceTaken   = "WM004"
	laterWorker   = "WM001"
	wrongPassword = "28P01"
)

// world is a database with two instances, each with a row in every table of
// its worker's, and their workers' ways in.
type world struct {
	*testing.T
	workers *storetest.Workers
	url     string
	admin   *pgx.Conn // the manager's
	a, b    *pgx.Conn // workers
	urlA    string
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{T: t, url: storetest.NewURL(t)}
	w.admin = w.dial(w.url)
	w.exec("insert into users (id, email, password_hash, role, created_at) values ('u', 'u@example.org', 'hash', 'user', now())")
	for _, i := range []struct{ id, jid string }{{mine, jidA}, {other, jidB}} {
		w.exec("insert into instances (id, owner_id, name, created_at, updated_at) values ($1, 'u', $1, now(), now())", i.id)
		w.exec("insert into feeds (instance_id) values ($1)", i.id)
		w.exec("select claim_device($1, 1, $2)", i.id, i.jid)
		for table, columns := range ownRows {
			if table != "feeds" {
				w.exec(strings.ReplaceAll("insert into "+table+" "+columns, "$id", "'"+i.id+"'"))
			}
		}
		for table, columns := range libraryTables {
			if key, _, _ := strings.Cut(columns, " "); key == "jid" || key == "our_jid" {
				w.exec("insert into whatsmeow."+table+" ("+key+secondKey(table)+") values ($1"+secondValue(table)+")", i.jid)
			}
		}
	}
	w.exec("insert into settings values ('jwt_secret', 'secret')")
	w.exec("insert into whatsmeow.whatsmeow_lid_map values ('1', '2')")
	w.workers = storetest.NewWorkers(t, w.url)
	_, w.urlA = w.workers.Raise(mine)
	_, urlB := w.workers.Raise(other)
	w.a, w.b = w.dial(w.urlA), w.dial(urlB)
	return w
}

// secondKey is the rest of a primary key.
func secondKey(table string) string {
	return map[string]string{"whatsmeow_identity_keys": ", their_id", "whatsmeow_sessions": ", their_id", "whatsmeow_pre_keys": ", key_id"}[table]
}

func secondValue(table string) string {
	if secondKey(table) == "" {
		return ""
	}
	return ", '1'"
}

// ownRows is one row of an instance in each of our tables that workers use.
var ownRows = map[string]string{
	"accounts":       "(instance_id, id) values ($id, 'me')",
	"chats":          "(instance_id, id) values ($id, 'c')",
	"contacts":       "(instance_id, id) values ($id, 'p')",
	"customer_notes": "values ($id, 'c', 'n', 'k', 'x', 1, 1)",
	"events":         "values ($id, 1, 'k', 'message', '', '{}', now())",
	"feeds":          "(instance_id) values ($id)",
	"label_chats":    "values ($id, 'c', 'l')",
	"labels":         "values ($id, 'l', 'l', 1)",
	"messages":       "(instance_id, chat, id, from_me, sender, timestamp, type, body, ack) values ($id, 'c', 'm', false, 's', 1, 'chat', 'secret words', 1)",
	"pins":           "values ($id, 'c', 'm', true, 1, 0)",
	"preferences":    "values ($id, 'p', true)",
	"reactions":      "(instance_id, chat, message_id, sender, reaction, id, from_me, timestamp) values ($id, 'c', 'm', 's', 'x', 'r', false, 1)",
	"receipts":       "(instance_id, chat, message_id, participant) values ($id, 'c', 'm', 'p')",
	"votes":          "values ($id, 'c', 'm', 'v', '{}', 1)",
	"lid_pairs":      "(instance_id, lid, pn) values ($id, '1', '2')",
}

func (w *world) dial(url string) *pgx.Conn {
	w.Helper()
	conn, err := pgx.Connect(w.Context(), url)
	if err != nil {
		w.Fatal(err)
	}
	w.Cleanup(func() { conn.Close(context.Background()) })
	return conn
}

func (w *world) exec(sql string, args ...any) {
	w.Helper()
	if _, err := w.admin.Exec(w.Context(), sql, args...); err != nil {
		w.Fatalf("%s: %v", sql, err)
	}
}

func value[T any](w *world, conn *pgx.Conn, sql string, args ...any) (v T) {
	w.Helper()
	if err := conn.QueryRow(w.Context(), sql, args...).Scan(&v); err != nil {
		w.Fatalf("%s: %v", sql, err)
	}
	return v
}

// code is why a statement was refused; "" when it was not.
func code(err error) string {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return pg.Code
	}
	if err != nil {
		return err.Error()
	}
	return ""
}

// refused runs a statement as a worker and wants the reason why not.
func (w *world) refused(want, sql string, args ...any) {
	w.Helper()
	tag, err := w.a.Exec(w.Context(), sql, args...)
	if got := code(err); got != want {
		w.Errorf("%.80s: got %q (%s), want %q", sql, got, tag, want)
	}
}

// tables lists all tables of both schemas.
func (w *world) tables() []string {
	w.Helper()
	rows, err := w.admin.Query(w.Context(), `select case when n.nspname = 'whatsmeow' then n.nspname || '.' else '' end || c.relname from pg_class c
		join pg_namespace n on n.oid = c.relnamespace where n.nspname in ('public', 'whatsmeow') and c.relkind in ('r', 'p', 'v', 'm', 'f') order by 1`)
	if err != nil {
		w.Fatal(err)
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		w.Fatal(err)
	}
	return names
}

func TestAWorkerSeesItsOwnRowsOnly(t *testing.T) {
	w := newWorld(t)
	open := map[string]bool{"devices": true, "whatsmeow.whatsmeow_version": true}
	for table := range ownRows {
		open[table] = true
	}
	for table, columns := range libraryTables {
		if strings.HasPrefix(columns, "jid") || strings.HasPrefix(columns, "our_jid") {
			open["whatsmeow."+table] = true
		}
	}
	for _, table := range w.tables() {
		t.Run(table, func(t *testing.T) {
			w := *w
			w.T = t
			if !open[table] {
				w.refused(denied, "select * from "+table)
				w.refused(denied, "insert into "+table+" default values")
				w.refused(denied, "delete from "+table)
				w.refused(denied, "copy "+table+" to stdout")
				w.refused(denied, "select 1; lock table "+table+" in access share mode")
				w.refused(denied, "truncate "+table)
				return
			}
			w.refused(denied, "truncate "+table)
			w.refused(denied, "alter table "+table+" disable row level security")
			switch table {
			case "whatsmeow.whatsmeow_version":
				w.refused(denied, "delete from "+table)
				return
			}
			column, ours, others := keyOf(table)
			if n := value[int](&w, w.a, "select count(*) from "+table); n != 1 {
				t.Errorf("%d rows are seen, want its own alone", n)
			}
			if got := value[string](&w, w.a, "select "+column+" from "+table); got != ours {
				t.Errorf("the row of %s is seen", got)
			}
			if n := value[int](&w, w.b, "select count(*) from "+table+" where "+column+" = $1", ours); n != 0 {
				t.Errorf("the other worker sees it")
			}
			w.untouched(table, column, others)
		})
	}
}

func keyOf(table string) (column, ours, others string) {
	if table, lib := strings.CutPrefix(table, "whatsmeow."); lib {
		column, _, _ = strings.Cut(libraryTables[table], " ")
		return column, jidA, jidB
	}
	return "instance_id", mine, other
}

// untouched tries to write rows of others.
func (w *world) untouched(table, column, others string) {
	w.Helper()
	before := value[int](w, w.admin, "select count(*) from "+table)
	for _, sql := range []string{
		"update " + table + " set " + column + " = " + column + " where " + column + " = $1",
		"delete from " + table + " where " + column + " = $1",
	} {
		tag, err := w.a.Exec(w.Context(), sql, others)
		if c := code(err); c != denied && c != "" || tag.RowsAffected() != 0 {
			w.Errorf("%s: %s %v", sql, tag, err)
		}
	}
	// Its own rows cannot become others', nor can it add to theirs: the key's
	// conflict must not show either.
	tag, err := w.a.Exec(w.Context(), "update "+table+" set "+column+" = $1", others)
	if code(err) != denied {
		w.Errorf("its own row became another's: %s %v", tag, err)
	}
	insert := "insert into " + table + " (" + column + ") values ($1)"
	if row, ok := ownRows[table]; ok {
		insert = strings.ReplaceAll("insert into "+table+" "+row, "$id", "$1")
	} else if t, lib := strings.CutPrefix(table, "whatsmeow."); lib {
		insert = "insert into " + table + " (" + column + secondKey(t) + ") values ($1" + secondValue(t) + ")"
	}
	for _, sql := range []string{insert, insert + " on conflict do nothing"} {
		if _, err := w.a.Exec(w.Context(), sql, others); code(err) != denied {
			w.Errorf("%s: %v", sql, err)
		}
	}
	if after := value[int](w, w.admin, "select count(*) from "+table); after != before {
		w.Errorf("%d rows, were %d", after, before)
	}
}

func TestAWorkerGetsAtNothingElse(t *testing.T) {
	w := newWorld(t)
	roleB := value[string](w, w.b, "select session_user::text")
	pidB := value[int](w, w.b, "select pg_backend_pid()")
	for _, tc := range []struct{ name, want, sql string }{
		{"programs", denied, "copy (select 1) to program 'true'"},
		{"programs, reading", denied, "copy chats from program 'true'"},
		{"files, writing", denied, "copy (select 1) to '/tmp/stolen'"},
		{"files, reading", denied, "copy chats from '/etc/passwd'"},
		{"files, by function", denied, "select pg_read_file('/etc/passwd')"},
		{"files, listed", denied, "select pg_ls_dir('.')"},
		{"large objects", denied, "select lo_creat(-1)"},
		{"large objects from files", denied, "select lo_import('/etc/passwd')"},
		{"other servers", denied, "create extension dblink"},
		{"other servers, foreign data", denied, "create foreign data wrapper w"},
		{"others' locks", denied, "select pg_advisory_lock(1)"},
		{"others' sessions", denied, fmt.Sprintf("select pg_terminate_backend(%d)", pidB)},
		{"others' statements", denied, fmt.Sprintf("select pg_cancel_backend(%d)", pidB)},
		{"tables", denied, "create table public.t (i int)"},
		{"temporary tables", denied, "create temporary table t (i int)"},
		{"schemas", denied, "create schema s"},
		{"functions", denied, "create function f() returns int language sql as 'select 1'"},
		{"code", denied, "do $$ begin end $$"},
		{"triggers", denied, "create trigger t before insert on chats execute function instance_moved()"},
		{"rules", denied, "create rule r as on select to chats do instead select 1"},
		{"policies", denied, "create policy p on chats using (true)"},
		{"publications", denied, "create publication p for table chats"},
		{"subscriptions", denied, "create subscription s connection 'dbname=x' publication p"},
		{"roles", denied, "create role r"},
		{"another password", denied, "alter role " + roleB + " password 'x'"},
		{"more connections", denied, "alter role " + value[string](w, w.a, "select session_user::text") + " connection limit 1000"},
		{"another's role", denied, "set role " + roleB},
		{"another's session", denied, "set session authorization " + roleB},
		{"passwords", denied, "select rolpassword from pg_authid"},
		{"the servers' settings", denied, "alter system set fsync = off"},
		{"the files of temporary data", denied, "set temp_file_limit = -1"},
		{"functions of another instance, claim", denied, "select claim_device('" + other + "', 1, 'x')"},
		{"functions of another instance, release", denied, "select release_device('" + other + "', '" + jidB + "')"},
		{"functions of another instance, device", denied, "select worker_device('" + other + "')"},
		{"functions of another instance, search", denied, "select * from find_messages('" + other + "', '', 'secret', 10, 0)"},
		{"functions that are not for it", denied, "select forget_device('" + jidB + "')"},
		{"another's feed", laterWorker, "select feed_advance('" + other + "', 1, 0, 0)"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := *w
			w.T = t
			w.refused(tc.want, tc.sql)
		})
	}
	if n := value[int](w, w.a, "select count(*) from find_messages($1, '', 'secret', 10, 0)", mine); n != 1 {
		t.Errorf("its own search finds %d messages", n)
	}
	// As the group it has no instance, and the group's tables.
	if _, err := w.a.Exec(t.Context(), "set role "+value[string](w, w.admin, "select rolname::text from pg_roles where rolname like 'wam\\_%\\_workers' and starts_with(rolname, 'wam_' || substr(md5(current_database()), 1, 8))")); err == nil {
		if got := value[string](w, w.a, "select string_agg(instance_id, ',') from chats"); got != mine {
			t.Errorf("as the group it sees the rows of %q", got)
		}
	}
	for _, db := range []string{"postgres", "template1", "whatsapp_manager"} {
		if conn, err := pgx.Connect(t.Context(), strings.Replace(w.urlA, value[string](w, w.a, "select current_database()"), db, 1)); code(err) != denied {
			t.Errorf("another database, %s: %v", db, err)
			if err == nil {
				conn.Close(context.Background())
			}
		}
	}
	if err := w.b.Ping(t.Context()); err != nil {
		t.Errorf("the other worker's session: %v", err)
	}
}

func TestDevicesBelongToOneInstance(t *testing.T) {
	w := newWorld(t)
	w.refused(deviceTaken, "select claim_device($1, 1, $2)", mine, jidB)
	w.refused("", "select claim_device($1, 1, $2)", mine, jidA) // again
	if got := value[string](w, w.a, "select worker_device($1)", mine); got != jidA {
		t.Errorf("its device is %q", got)
	}
	// Another one of its own: the former one's keys go, and it is free.
	const next = "4911:5@s.whatsapp.net"
	w.exec("insert into whatsmeow.whatsmeow_device values ($1, 'left by somebody')", next)
	w.refused("", "select claim_device($1, 1, $2)", mine, next)
	if n := value[int](w, w.admin, "select count(*) from whatsmeow.whatsmeow_device where jid in ($1, $2)", jidA, next); n != 0 {
		t.Errorf("%d keys of former devices are left", n)
	}
	if got := value[string](w, w.admin, "select device_jid from instances where id = $1", mine); got != next {
		t.Errorf("the instance's device is %q", got)
	}
	w.refused("", "insert into whatsmeow.whatsmeow_device values ($1, 'mine')", next)
	w.refused(denied, "insert into whatsmeow.whatsmeow_device values ($1, 'mine')", jidA)
	if _, err := w.b.Exec(t.Context(), "select claim_device($1, 1, $2)", other, jidA); err != nil {
		t.Errorf("a device that is free: %v", err)
	}
	// What a deleted instance left is nobody's, and its keys are not inherited.
	w.exec("insert into whatsmeow.whatsmeow_device values ($1, 'of the deleted one')", jidA)
	w.exec("update instances set deleted_at = now() where id = $1", other)
	w.refused("", "select claim_device($1, 1, $2)", mine, jidA)
	if n := value[int](w, w.a, "select count(*) from whatsmeow.whatsmeow_device"); n != 0 {
		t.Error("the keys of a deleted instance were inherited")
	}
	w.refused("", "select release_device($1, $2)", mine, jidA)
	if got := value[string](w, w.admin, "select device_jid from instances where id = $1", mine); got != "" {
		t.Errorf("after its removal the device is %q", got)
	}
	w.exec("update feeds set generation = 9 where instance_id = $1", mine)
	w.refused(laterWorker, "select claim_device($1, 1, $2)", mine, jidA)
}

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

func userOf(url string) string {
	conf, err := pgx.ParseConfig(url)
	if err != nil {
		return err.Error()
	}
	return conf.User
}

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
