package outbox_test

import (
	"crypto/sha256"
	"encoding/hex"
	"testing"

	"github.com/jackc/pgx/v5"
)

// Everybody in the database may notify, a worker that was taken over, too:
// nobody stops the queue of all accounts by that.
func TestWhoeverIsInTheDatabaseCannotStopTheQueue(t *testing.T) {
	r, run := newRig(t, -1)
	run()
	r.queue("before", "before", nil)
	r.state("before", "sent")
	conn, err := pgx.ConnectConfig(t.Context(), r.store.Pool().Config().ConnConfig)
	must(t, err)
	defer conn.Close(t.Context())
	sum := sha256.Sum256([]byte("Node 1"))
	for _, topic := range []string{"river_control", "public.river_control"} {
		for _, queue := range []string{"*", "sends-" + hex.EncodeToString(sum[:8])} {
			_, err := conn.Exec(t.Context(), "select pg_notify($1, $2)", topic, `{"action":"pause","queue":"`+queue+`"}`)
			must(t, err)
		}
	}
	r.queue("after", "after", nil)
	r.state("after", "sent")
}
