package mirror

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/rs/zerolog"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
	"google.golang.org/protobuf/proto"

	payload "whatsapp-manager/proto/event"
	"whatsapp-manager/supervisor/store/storetest"
	"whatsapp-manager/worker/inbound"
	"whatsapp-manager/worker/shape"
)

func TestMain(m *testing.M) { storetest.Main(m, library) }

const instance = "abcdefghijkl"

var (
	us   = inbound.Account{JID: types.NewJID("4900", types.DefaultUserServer), LID: types.NewJID("900", types.HiddenUserServer), PushName: "Me"}
	anna = types.NewJID("4911", types.DefaultUserServer)
	bert = types.NewJID("4922", types.DefaultUserServer)
)

const (
	annaID  = "4911@c.us"
	bertID  = "4922@c.us"
	groupID = "12036@g.us"
)

// bench is one account's mirror on a database of its own.
type bench struct {
	testing.TB
	*Mirror
	ctx     context.Context
	pool    *pgxpool.Pool // with a worker's rights
	manager *pgxpool.Pool
}

func newPool(t testing.TB, url string) *pgxpool.Pool {
	t.Helper()
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		t.Fatal(err)
	}
	config.MaxConns = 3
	pool, err := pgxpool.NewWithConfig(context.Background(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	return pool
}

func newBench(t testing.TB) *bench {
	t.Helper()
	url := storetest.NewURL(t)
	manager := newPool(t, url)
	ctx := context.Background()
	for _, sql := range []string{
		`insert into users (id, email, password_hash, role, created_at) values ('u', 'u@example.org', '', 'user', now())`,
		`insert into instances (id, owner_id, name, created_at, updated_at) values ('` + instance + `', 'u', 'x', now(), now())`,
	} {
		if _, err := manager.Exec(ctx, sql); err != nil {
			t.Fatal(err)
		}
	}
	_, url = storetest.NewWorkers(t, url).Raise(instance)
	b := &bench{TB: t, ctx: ctx, pool: newPool(t, url), manager: manager}
	b.Mirror = b.reopen(1)
	if err := b.SetAccount(ctx, us); err != nil {
		t.Fatal(err)
	}
	return b
}

// reopen is what a restarted worker of that generation has.
func (b *bench) reopen(generation uint64) *Mirror {
	b.Helper()
	m := New(b.pool, instance, generation, zerolog.Nop())
	if err := m.Load(b.ctx); err != nil {
		b.Fatal(err)
	}
	return m
}

func (b *bench) apply(op inbound.Op) {
	b.Helper()
	if err := b.Apply(b.ctx, inbound.Change{Account: us, Op: op}); err != nil {
		b.Fatalf("apply %T: %v", op, err)
	}
}

// itsPayload selects the payload of event e, which may be that of the next one.
const itsPayload = `case when e.payload::text <> '` + payload.Next + `' then e.payload
	else (select n.payload from events n where n.instance_id = e.instance_id and n.seq = e.seq + 1) end`

// told is one row of the feed.
type told struct {
	Seq        int64
	Type, Lane string
	Key        string
	Args       []json.RawMessage
}

// feed returns the events after a sequence number and checks that it is dense.
func (b *bench) feed(after uint64) []told {
	b.Helper()
	rows, err := b.pool.Query(b.ctx, `select seq, type, lane, key, `+itsPayload+` from events e where instance_id = $1 and seq > $2 order by seq`, instance, after)
	if err != nil {
		b.Fatal(err)
	}
	defer rows.Close()
	var all []told
	want := int64(after) + 1
	for rows.Next() {
		var e told
		var raw []byte
		if err := rows.Scan(&e.Seq, &e.Type, &e.Lane, &e.Key, &raw); err != nil {
			b.Fatal(err)
		}
		var body struct {
			Args []json.RawMessage
		}
		if err := json.Unmarshal(raw, &body); err != nil {
			b.Fatal(err)
		}
		if e.Seq != want {
			b.Errorf("feed jumps to %d, want %d", e.Seq, want)
		}
		want++
		e.Args = body.Args
		all = append(all, e)
	}
	if rows.Err() != nil {
		b.Fatal(rows.Err())
	}
	return all
}

func (b *bench) types(after uint64) string {
	b.Helper()
	s := ""
	for _, e := range b.feed(after) {
		s += e.Type + " "
	}
	return s
}

// expect runs f and checks which events it told.
func (b *bench) expect(want string, f func()) []told {
	b.Helper()
	before := b.Head()
	f()
	if got := b.types(before); got != want {
		b.Errorf("told %q, want %q", got, want)
	}
	if n := uint64(len(b.feed(before))); b.Head() != before+n {
		b.Errorf("head is %d after %d events from %d", b.Head(), n, before)
	}
	return b.feed(before)
}

func text(s string) *waE2E.Message { return &waE2E.Message{Conversation: proto.String(s)} }

func from(sender, id, body string, at int64) *inbound.Message {
	return &inbound.Message{
		Chat: sender, ID: id, Sender: sender, At: time.Unix(at, 0), Raw: text(body), Ack: 1,
	}
}

func sent(chat, id, body string, at int64) *inbound.Message {
	return &inbound.Message{
		Chat: chat, ID: id, FromMe: true, Sender: "4900@c.us", At: time.Unix(at, 0), Raw: text(body), Ack: 1, Sent: true,
	}
}

func (b *bench) message(id string) shape.Message {
	b.Helper()
	r, err := b.Message(b.ctx, id)
	if err != nil {
		b.Fatalf("message %s: %v", id, err)
	}
	return r.Shape
}

func decode[T any](t testing.TB, raw json.RawMessage) T {
	t.Helper()
	var v T
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

func name(i int) string { return fmt.Sprintf("ID%06d", i) }

// library is the schema of whatsmeow's, which workers look into first. The
// mirror needs none of its tables.
func library(ctx context.Context, url string) error {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	_, err = conn.Exec(ctx, "create schema whatsmeow")
	return err
}
