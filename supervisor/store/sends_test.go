package store_test

import (
	"os"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"whatsapp-manager/supervisor"
)

// What shows that WhatsApp has a message: the server's ack of it, or a receipt.
func TestWhatShowsThatASendWasSent(t *testing.T) {
	const b = supervisor.ID("bbbbbbbbbbbb")
	st, ctx := setUp(t, a, b)
	for _, sql := range []string{
		`insert into messages (instance_id, chat, id, from_me, sender, timestamp, type, ack) values
			($1, '1@c.us', 'ACKED', true, 'me', 1, 'chat', 1), ($1, '1@c.us', 'READ', true, 'me', 1, 'chat', 3),
			($1, '1@c.us', 'PENDING', true, 'me', 1, 'chat', 0), ($1, '1@c.us', 'ERROR', true, 'me', 1, 'chat', -1),
			($1, '1@c.us', 'THEIRS', false, '1@c.us', 1, 'chat', 1)`,
		`insert into receipts (instance_id, chat, message_id, participant, delivered_at) values ($1, '1@c.us', 'RECEIVED', '1@c.us', 1)`,
	} {
		_, err := st.Pool().Exec(ctx, sql, a)
		must(t, err)
	}
	for id, want := range map[string]bool{"ACKED": true, "READ": true, "RECEIVED": true, "PENDING": false, "ERROR": false, "THEIRS": false, "NEVER": false} {
		got, err := st.WasSent(ctx, a, id)
		must(t, err)
		equal(t, id, got, want)
		got, err = st.WasSent(ctx, b, id)
		must(t, err)
		equal(t, id+" of another instance", got, false)
	}
}

// The look-up may not wade through all receipts of an instance.
func TestASendIsLookedUpByIndex(t *testing.T) {
	st, ctx := setUp(t, a)
	_, err := st.Pool().Exec(ctx, `insert into receipts (instance_id, chat, message_id, participant)
		select $1, g % 100 || '@c.us', md5(g::text), g % 100 || '@c.us' from generate_series(1, 20000) g`, a)
	must(t, err)
	_, err = st.Pool().Exec(ctx, "analyze receipts")
	must(t, err)
	queries, err := os.ReadFile("queries/sends.sql")
	must(t, err)
	_, query, _ := strings.Cut(string(queries), "-- name: OwnMessage :one\n")
	query, _, _ = strings.Cut(query, "-- name:")
	rows, err := st.Pool().Query(ctx, "explain "+query, a, "NEVER")
	must(t, err)
	plan, err := pgx.CollectRows(rows, pgx.RowTo[string])
	must(t, err)
	if text := strings.Join(plan, "\n"); !strings.Contains(text, "using receipts_message") {
		t.Error(text)
	}
}
