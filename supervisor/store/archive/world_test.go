package archive

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	_ "github.com/jackc/pgx/v5/stdlib"
	"go.mau.fi/whatsmeow/store/sqlstore"

	"whatsapp-manager/proto/fault"
	"whatsapp-manager/supervisor"
	"whatsapp-manager/supervisor/store"
	"whatsapp-manager/supervisor/store/storetest"
)

func TestMain(m *testing.M) { storetest.Main(m) }

const (
	phrase = "a long enough passphrase"
	quick  = 10 // scrypt's factor where it is not what is tested

	mine       supervisor.ID = "mine00000000"
	other      supervisor.ID = "other0000000"
	mineJID                  = "15550000001:7@s.whatsapp.net"
	otherJID                 = "15550000002:3@s.whatsapp.net"
	ownerEmail               = "owner@example.org"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 123456000, time.UTC)

// world is a database with users, whatsmeow's tables, and perhaps instances.
type world struct {
	t  *testing.T
	st *store.Store
}

func newWorld(t *testing.T, emails ...string) *world {
	t.Helper()
	url := storetest.NewURL(t)
	st, err := store.Open(t.Context(), url, store.WithMaxConns(4))
	must(t, err)
	t.Cleanup(st.Close)
	w := &world{t: t, st: st}
	for i, email := range emails {
		must(t, st.CreateUser(t.Context(), store.User{ID: fmt.Sprintf("user%d", i), Email: email, PasswordHash: "h", Role: "user", CreatedAt: noon}))
	}
	w.exec("create schema whatsmeow")
	lib, err := sql.Open("pgx", url+"&search_path=whatsmeow")
	if !strings.Contains(url, "?") {
		lib, err = sql.Open("pgx", url+"?search_path=whatsmeow")
	}
	must(t, err)
	defer lib.Close()
	must(t, sqlstore.NewWithDB(lib, "postgres", nil).Upgrade(t.Context()))
	return w
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (w *world) exec(sql string, args ...any) {
	w.t.Helper()
	if _, err := w.st.Pool().Exec(context.Background(), sql, args...); err != nil {
		w.t.Fatalf("%s: %v", sql, err)
	}
}

func (w *world) count(sql string, args ...any) (n int) {
	w.t.Helper()
	must(w.t, w.st.Pool().QueryRow(w.t.Context(), sql, args...).Scan(&n))
	return n
}

// difficult is text with everything that COPY has to escape.
const difficult = "a\tb\nc\\d\re\\.\n\\.\nN\\N 'quoted' \"ü\" 😀"

// instance fills every table for an instance, in one way or another.
func (w *world) instance(id supervisor.ID, jid string, seed int) {
	w.t.Helper()
	must(w.t, w.st.CreateInstance(w.t.Context(),
		store.Instance{ID: id, OwnerID: "user0", Name: "name " + difficult, Description: difficult, SendsPerMinute: 7, CreatedAt: noon},
		store.APIKey{ID: "key-" + string(id), Hash: []byte("hash-" + id), Name: difficult, Prefix: "wam_1234", CreatedAt: noon}))
	i := string(id)
	w.exec("update instances set generation = 4, device_jid = $2, desired = 'run', node_id = 'node1' where id = $1", i, jid)
	w.exec("update feeds set head = 3, generation = 4 where instance_id = $1", i)
	for n := range 3 {
		w.exec("insert into events values ($1, $2, $3, 'message', 'chat', $4, $5)", i, n+1, fmt.Sprint("k", n), `{"data": "b",  "a":`+fmt.Sprint(n)+`}`, noon)
	}
	w.exec("insert into webhook_endpoints (id, instance_id, url, events, headers, secret, cursor, created_at, updated_at) values ($1, $2, 'https://example.org', '{message,\"a b\"}', '{\"X\": \"y\"}', '\\x0001ff5c', 2, $3, $3)", "hook-"+i, i, noon)
	w.exec("insert into webhook_backlog (endpoint_id, seq, lane, next_at) values ($1, 1, 'chat', $2)", "hook-"+i, noon)
	w.exec("insert into webhook_attempts (endpoint_id, seq, at, duration_ms) values ($1, 1, $2, 5)", "hook-"+i, noon)
	w.exec("insert into workers (instance_id, generation, node_id, pid, start_ticks, boot_id, socket, build, protocol, started_at) values ($1, 4, 'node1', 1, 1, 'b', 's', 'dev', 1, $2)", i, noon)
	w.exec("insert into instance_history (instance_id, generation, from_state, to_state, why, at) values ($1, 1, 'stopped', 'starting', $2, $3), ($1, 1, 'starting', 'running', '', $3)", i, difficult, noon)
	w.exec("insert into accounts values ($1, '15550000001@c.us', '99001@lid', 'me', 'android')", i)
	w.exec("insert into contacts (instance_id, id, lid, name) values ($1, $2, $3, $4)", i, fmt.Sprintf("1777%d@c.us", seed), fmt.Sprintf("8877%d@lid", seed), difficult)
	w.exec("insert into lid_pairs values ($1, $2, $3, false), ($1, $4, $5, true)", i, fmt.Sprintf("9900%d", seed), fmt.Sprintf("1555000000%d", seed), fmt.Sprintf("8877%d", seed), fmt.Sprintf("1777%d", seed))
	w.exec("insert into hidden_people values ($1, '770011@lid')", i)
	w.exec("insert into chats (instance_id, id, name, metadata) values ($1, 'g@g.us', $2, '{\"b\":1, \"a\":2}')", i, difficult)
	for n := range 5 { // all of one second: their order is that of arrival
		w.exec("insert into messages (instance_id, chat, id, from_me, sender, timestamp, type, body, ack, raw) values ($1, 'g@g.us', $2, false, 's@c.us', 1000, 'chat', $3, 1, $4)",
			i, fmt.Sprintf("M%d", (n*7)%5), difficult, []byte{0, 1, '\\', '\n', byte(n)})
	}
	w.exec("insert into messages (instance_id, chat, id, from_me, sender, timestamp, type, ack, raw) values ($1, 'g@g.us', 'revoked', true, '', 1001, 'revoked', 3, null)", i)
	w.exec("insert into receipts values ($1, 'g@g.us', 'M1', 'p@c.us', 1, 2, 3)", i)
	w.exec("insert into reactions values ($1, 'g@g.us', 'M1', 's@c.us', '👍', 'R1', true, 5)", i)
	w.exec("insert into votes values ($1, 'g@g.us', 'M1', 's@c.us', array['\\x00ff'::bytea, '\\x5c0a'], 5)", i)
	w.exec("insert into event_responses values ($1, 'g@g.us', 'M1', 's@c.us', 'E1', false, 'going', 2, 5)", i)
	w.exec("insert into pins values ($1, 'g@g.us', 'M1', true, 1, 0)", i)
	w.exec("insert into early_changes values ($1, 'g@g.us', 'M9', 'E2', false, 's@c.us', true, '', 5, 6)", i)
	w.exec("insert into labels values ($1, '1', $2, 3)", i, difficult)
	w.exec("insert into label_chats values ($1, 'g@g.us', '1')", i)
	w.exec("insert into customer_notes values ($1, 'g@g.us', 'n', 'unstructured', $2, 1, 2)", i, difficult)
	w.exec("insert into preferences values ($1, 'autoDownload', true)", i)
	w.exec("insert into number_standing values ($1, '{\"b\": 1,  \"a\": 2}', $2)", i, noon)
	w.exec("insert into number_refusals values ($1, '2026-11-29', 463, 2), ($1, '2026-11-30', 429, 1)", i)
	w.exec("insert into sends (instance_id, key, method, digest, message_id, state, params, send_at, created_at) values ($1, 'k2', 'sendMessage', '\\x01', 'S2', 'queued', '[1, 2]', $2, $2), ($1, 'k1', 'sendMessage', '\\x02', 'S1', 'queued', '[]', $2, $2)", i, noon)
	w.exec("insert into send_files (id, instance_id, key, upload, size, created_at) values ('file' || $1, $1, 'k2', 'ab', 3, $2)", i, noon)
	w.exec("insert into send_file_parts values ($1, 'file' || $1, 0, '\\x010203')", i)
	w.exec("insert into send_pauses values ($1, $2, 'temporary_ban')", i, noon)
	w.device(jid, seed)
}

func (w *world) device(jid string, seed int) {
	w.t.Helper()
	b := func(n int) []byte { return bytes.Repeat([]byte{byte(seed), '\\'}, n/2) }
	const s = "insert into whatsmeow.whatsmeow_"
	w.exec(s+`device (jid, lid, registration_id, noise_key, identity_key, signed_pre_key, signed_pre_key_id, signed_pre_key_sig, adv_key, adv_details, adv_account_sig, adv_account_sig_key, adv_device_sig, push_name)
		values ($1, $2, 5, $3, $3, $3, 1, $4, $3, $3, $4, $3, $4, $5)`, jid, fmt.Sprintf("9900%d:7@lid", seed), b(32), b(64), difficult)
	w.exec(s+"identity_keys values ($1, $2, $3)", jid, fmt.Sprintf("6600%d_1:0", seed), b(32))
	w.exec(s+"pre_keys values ($1, 1, $2, true), ($1, 2, $2, false)", jid, b(32))
	w.exec(s+"sessions values ($1, $2, $3)", jid, fmt.Sprintf("6611%d_1:0", seed), b(500))
	w.exec(s+"sender_keys values ($1, 'g@g.us', $2, $3)", jid, fmt.Sprintf("6622%d_1:0", seed), b(200))
	w.exec(s+"app_state_sync_keys values ($1, $2, $2, 1, $2)", jid, b(10))
	w.exec(s+"app_state_version values ($1, 'regular', 3, $2)", jid, b(128))
	w.exec(s+"app_state_mutation_macs values ($1, 'regular', 3, $2, $2)", jid, b(32))
	w.exec(s+"contacts values ($1, $2, 'a', 'b', null, null, null)", jid, fmt.Sprintf("6633%d@s.whatsapp.net", seed))
	w.exec(s+"chat_settings values ($1, 'g@g.us', 0, true, false)", jid)
	w.exec(s+"message_secrets values ($1, 'g@g.us', 's', 'M1', $2)", jid, b(32))
	w.exec(s+"privacy_tokens values ($1, $2, $3, 1, null)", jid, fmt.Sprintf("6644%d@s.whatsapp.net", seed), b(8))
	w.exec(s+"nct_salt values ($1, $2)", jid, b(8))
	w.exec(s+"event_buffer values ($1, $2, null, 1, 2)", jid, b(32))
	w.exec(s+"retry_buffer values ($1, 'g@g.us', 'M1', 'f', $2, 1)", jid, b(8))
}

// export returns the instance as a file.
func (w *world) export(kind Kind) []byte {
	w.t.Helper()
	var file bytes.Buffer
	_, err := export(w.t.Context(), w.st, &file, phrase, quick, mine, kind, supervisor.Run)
	must(w.t, err)
	return file.Bytes()
}

func (w *world) take(file []byte, into Into) (Summary, error) {
	w.t.Helper()
	return Import(w.t.Context(), w.st, bytes.NewReader(file), phrase, into)
}

// content is the rows of every table that goes along, as text, in an order of
// their own, without what is of one server only.
func (w *world) content(id supervisor.ID, jid string) map[string][]string {
	w.t.Helper()
	h := Header{Instance: id, Device: jid}
	all := map[string][]string{}
	must(w.t, pgx.BeginFunc(w.t.Context(), w.st.Pool(), func(tx pgx.Tx) error {
		for _, t := range tables {
			columns, err := t.columns(w.t.Context(), tx)
			if err != nil {
				return err
			}
			order := ""
			if t.order != "" {
				order = " order by " + t.order
			}
			rows, err := tx.Query(w.t.Context(), h.literal("select row("+quoted(columns)+")::text from "+t.qualified()+" where "+t.where+order))
			if err != nil {
				return err
			}
			if all[t.name], err = pgx.CollectRows(rows, pgx.RowTo[string]); err != nil {
				return err
			}
			if t.order == "" {
				slices.Sort(all[t.name])
			}
		}
		return nil
	}))
	return all
}

// untouched fails when anything at all was left by an import.
func (w *world) untouched() {
	w.t.Helper()
	for _, t := range tables {
		if n := w.count("select count(*) from " + t.qualified()); n != 0 {
			w.t.Errorf("%d rows are left in %s", n, t.name)
		}
	}
	if n := w.count("select count(*) from audit_log"); n != 0 {
		w.t.Errorf("%d rows are left in audit_log", n)
	}
}

func wantFault(t *testing.T, err error, kind fault.Kind, code string) {
	t.Helper()
	var f *fault.Error
	if !errors.As(err, &f) || f.Kind != kind || f.Code != code {
		t.Errorf("got %v, want a fault of kind %s and code %q", err, kind, code)
	}
}
