package mirror

import (
	"context"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/rs/zerolog"

	"whatsapp-manager/worker/inbound"
)

// tally counts what one connection pool asks of Postgres.
type tally struct {
	mu    sync.Mutex
	inTx  map[*pgx.Conn]bool
	begun int // transactions
	alone int // statements and batches outside of one, each a transaction of its own
}

func (t *tally) note(conn *pgx.Conn, sql string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch word, _, _ := strings.Cut(strings.TrimSpace(strings.ToLower(sql)), " "); {
	case word == "begin":
		t.begun, t.inTx[conn] = t.begun+1, true
	case word == "commit" || word == "rollback":
		delete(t.inTx, conn)
	case !t.inTx[conn]:
		t.alone++
	}
}

func (t *tally) TraceQueryStart(ctx context.Context, conn *pgx.Conn, q pgx.TraceQueryStartData) context.Context {
	t.note(conn, q.SQL)
	return ctx
}

func (t *tally) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

func (t *tally) TraceBatchStart(ctx context.Context, conn *pgx.Conn, _ pgx.TraceBatchStartData) context.Context {
	t.note(conn, "batch")
	return ctx
}

func (t *tally) TraceBatchQuery(context.Context, *pgx.Conn, pgx.TraceBatchQueryData) {}
func (t *tally) TraceBatchEnd(context.Context, *pgx.Conn, pgx.TraceBatchEndData)     {}

// counted returns a mirror of its own pool, and what that asks of Postgres.
func (b *bench) counted() (*Mirror, *tally) {
	b.Helper()
	config, counted := b.pool.Config(), &tally{inTx: map[*pgx.Conn]bool{}}
	config.ConnConfig.Tracer = counted
	pool, err := pgxpool.NewWithConfig(b.ctx, config)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(pool.Close)
	m := New(pool, instance, 2, zerolog.Nop())
	if err := m.Load(b.ctx); err != nil {
		b.Fatal(err)
	}
	return m, counted
}

func (t *tally) reset() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.begun, t.alone = 0, 0
}

func (t *tally) transactions() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.begun + t.alone
}

// An incoming text costs one transaction. The first of a chat, since the worker
// began, costs two look-ups beside it, of the chat and of who it is.
func TestATextCostsOneTransaction(t *testing.T) {
	b := newBench(t)
	m, counted := b.counted()
	for i, sender := range []string{annaID, annaID, bertID, annaID} {
		counted.reset()
		change := inbound.Change{Account: us, Op: from(sender, name(i), "hello", int64(1000+i)), Contacts: []inbound.Contact{{ID: sender, PushName: "Somebody"}}}
		if err := m.Apply(b.ctx, change); err != nil {
			t.Fatal(err)
		}
		cost := 1
		if i == 0 || i == 2 {
			cost = 3
		}
		if n := counted.transactions(); n != cost {
			t.Errorf("text %d: %d transactions and statements of their own, want %d in all", i, n, cost)
		}
	}
}
