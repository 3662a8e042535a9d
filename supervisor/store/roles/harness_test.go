package roles_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

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
	"accounts":        "(instance_id, id) values ($id, 'me')",
	"chats":           "(instance_id, id) values ($id, 'c')",
	"contacts":        "(instance_id, id) values ($id, 'p')",
	"customer_notes":  "values ($id, 'c', 'n', 'k', 'x', 1, 1)",
	"events":          "values ($id, 1, 'k', 'message', '', '{}', now())",
	"feeds":           "(instance_id) values ($id)",
	"label_chats":     "values ($id, 'c', 'l')",
	"labels":          "values ($id, 'l', 'l', 1)",
	"messages":        "(instance_id, chat, id, from_me, sender, timestamp, type, body, ack) values ($id, 'c', 'm', false, 's', 1, 'chat', 'secret words', 1)",
	"number_refusals": "values ($id, '2026-11-30', 463, 1)",
	"number_standing": "values ($id, '{}', null)",
	"early_changes":   "values ($id, 'c', 'm', 'e', false, 's', true, '', 1, 1)",
	"event_responses": "values ($id, 'c', 'm', 's', 'e', false, 'going', 0, 1)",
	"pins":            "values ($id, 'c', 'm', true, 1, 0)",
	"preferences":     "values ($id, 'p', true)",
	"reactions":       "(instance_id, chat, message_id, sender, reaction, id, from_me, timestamp) values ($id, 'c', 'm', 's', 'x', 'r', false, 1)",
	"receipts":        "(instance_id, chat, message_id, participant) values ($id, 'c', 'm', 'p')",
	"votes":           "values ($id, 'c', 'm', 'v', '{}', 1)",
	"hidden_people":   "(instance_id, lid) values ($id, '1@lid')",
	"lid_pairs":       "(instance_id, lid, pn) values ($id, '1', '2')",
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
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
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

func userOf(url string) string {
	conf, err := pgx.ParseConfig(url)
	if err != nil {
		return err.Error()
	}
	return conf.User
}
