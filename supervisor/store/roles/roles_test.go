package roles_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
)

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

// A device that came in by a file is whoever's WhatsApp gives it to.
func TestAnUnprovenDeviceIsTakenOver(t *testing.T) {
	w := newWorld(t)
	keys := func(jid string) int {
		return value[int](w, w.admin, "select (select count(*) from whatsmeow.whatsmeow_device where jid = $1)::int", jid)
	}
	w.exec("update devices set proven = false where instance_id = $1", other)
	w.refused("", "select claim_device($1, 1, $2)", mine, jidB)
	if got := value[string](w, w.a, "select worker_device($1)", mine); got != jidB {
		t.Errorf("the winner's device is %q", got)
	}
	if a, b := keys(jidA), keys(jidB); a != 0 || b != 0 {
		t.Errorf("%d keys of the winner's former device and %d of the file are left", a, b)
	}
	if !value[bool](w, w.admin, "select jid is null and proven and lost_at is not null from devices where instance_id = $1", other) {
		t.Error("the loser is not told")
	}
	if got := value[string](w, w.admin, "select device_jid from instances where id = $1", other); got != "" {
		t.Errorf("the loser's device is %q", got)
	}
	if n := value[int](w, w.admin, "select count(*)::int from audit_log where action = 'instance.device_taken' and target = $1", other); n != 1 {
		t.Errorf("%d lines in the audit log", n)
	}
	// The loser goes without it, whatever its worker does.
	w.refused("", "insert into whatsmeow.whatsmeow_device values ($1, 'the winner''s')", jidB)
	if n := value[int](w, w.b, "select count(*)::int from whatsmeow.whatsmeow_device"); n != 0 {
		t.Errorf("the loser sees %d devices", n)
	}
	for sql, want := range map[string]string{
		"select prove_device($1, 1, $2)":                                                   deviceTaken,
		"select claim_device($1, 1, $2)":                                                   deviceTaken,
		"select release_device($1, $2)":                                                    "",
		"delete from whatsmeow.whatsmeow_device where $1 <> '' and jid = $2":               "",
		"insert into whatsmeow.whatsmeow_device select $2, 'the loser''s' where $1 <> 'x'": denied,
	} {
		if _, err := w.b.Exec(t.Context(), sql, other, jidB); code(err) != want {
			t.Errorf("%s, as the loser: got %v, want %q", sql, err, want)
		}
	}
	if keys(jidB) != 1 {
		t.Error("the winner's keys are gone")
	}
	// It pairs again, and is as any other.
	if _, err := w.b.Exec(t.Context(), "select claim_device($1, 1, $2)", other, jidA); err != nil {
		t.Errorf("the loser pairs: %v", err)
	}
	if !value[bool](w, w.admin, "select proven and lost_at is null and jid = $2 from devices where instance_id = $1", other, jidA) {
		t.Error("the loser is not as any other after its pairing")
	}
}

func TestALoginProvesADevice(t *testing.T) {
	w := newWorld(t)
	w.exec("update devices set proven = false")
	w.refused(denied, "select prove_device($1, 1, $2)", other, jidB)
	w.refused(deviceTaken, "select prove_device($1, 1, $2)", mine, jidB)
	w.refused("", "select prove_device($1, 1, $2)", mine, jidA)
	w.refused("", "select prove_device($1, 1, $2)", mine, jidA) // again
	if n := value[int](w, w.a, "select count(*)::int from whatsmeow.whatsmeow_device"); n != 1 {
		t.Errorf("%d devices after the proof", n)
	}
	if _, err := w.b.Exec(t.Context(), "select claim_device($1, 1, $2)", other, jidA); code(err) != deviceTaken {
		t.Errorf("a proven device: %v", err)
	}
	w.refused(denied, "update devices set proven = true")
	// A device that is paired anew under the address of a file has none of its keys.
	if _, err := w.b.Exec(t.Context(), "select claim_device($1, 1, $2)", other, jidB); err != nil {
		t.Errorf("its own: %v", err)
	}
	if n := value[int](w, w.b, "select count(*)::int from whatsmeow.whatsmeow_device"); n != 0 {
		t.Errorf("%d devices of a file are left", n)
	}
	w.exec("update feeds set generation = 9 where instance_id = $1", mine)
	w.refused(laterWorker, "select prove_device($1, 1, $2)", mine, jidA)
}

// A worker cannot see link pages, and still ends those of its account when that is ready.
func TestAWorkersReadyEndsTheLinkPagesOfItsInstance(t *testing.T) {
	w := newWorld(t)
	for _, id := range []string{mine, other} {
		w.exec(`insert into link_pages (id, instance_id, token_hash, made_at_seq, created_at, expires_at)
			values ($1, $1, $1::text::bytea, 1, now(), now() + interval '1 hour')`, id)
	}
	w.refused(denied, "select from link_pages")
	w.refused(denied, "insert into events values ($1, 2, 'r', 'ready', '', '{}', now())", other)
	w.refused("", "insert into events values ($1, 2, 'q', 'qr', '', '{}', now())", mine)
	endedBy := func(id string) string {
		return value[string](w, w.admin, "select ended_by from link_pages where id = $1", id)
	}
	if got := endedBy(mine); got != "" {
		t.Errorf("another event ended it: %q", got)
	}
	w.refused("", "insert into events values ($1, 3, 'r', 'ready', '', '{}', now())", mine)
	if ours, others := endedBy(mine), endedBy(other); ours != "ready" || others != "" {
		t.Errorf("ended by %q, the other instance's by %q", ours, others)
	}
}
