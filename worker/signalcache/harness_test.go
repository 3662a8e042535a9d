package signalcache

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"go.mau.fi/whatsmeow/proto/waAdv"
	"go.mau.fi/whatsmeow/store"
	"go.mau.fi/whatsmeow/store/sqlstore"
	"go.mau.fi/whatsmeow/types"

	"whatsapp-manager/supervisor/store/storetest"
	"whatsapp-manager/worker/keystore"
)

// Addresses of libsignal's.
const (
	bob   = "123_1:0"
	carol = "456_1:0"
)

var errRefused = errors.New("refused")

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// world is a device in a real database.
type world struct {
	t    *testing.T
	pool *pgxpool.Pool
	lib  *sqlstore.Container
	jid  types.JID
	said atomic.Int64 // statements and batches
}

func (w *world) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	w.said.Add(1)
	return ctx
}
func (w *world) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}
func (w *world) TraceBatchStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceBatchStartData) context.Context {
	w.said.Add(1)
	return ctx
}
func (w *world) TraceBatchQuery(context.Context, *pgx.Conn, pgx.TraceBatchQueryData) {}
func (w *world) TraceBatchEnd(context.Context, *pgx.Conn, pgx.TraceBatchEndData)     {}

func newWorld(t *testing.T) *world {
	t.Helper()
	url := storetest.NewURL(t)
	must(t, keystore.Create(t.Context(), url))
	cfg, err := pgxpool.ParseConfig(url)
	must(t, err)
	keystore.SearchPath(cfg)
	cfg.MaxConns = 2 // as a worker has
	w := &world{t: t, jid: types.JID{User: "15550001", Device: 1, Server: types.DefaultUserServer}}
	cfg.ConnConfig.Tracer = w
	w.pool, err = pgxpool.NewWithConfig(t.Context(), cfg)
	must(t, err)
	t.Cleanup(w.pool.Close)
	db := stdlib.OpenDBFromPool(w.pool)
	db.SetMaxIdleConns(0)
	t.Cleanup(func() { db.Close() })
	w.lib = sqlstore.NewWithDB(db, "postgres", nil)
	device := w.lib.NewDevice()
	device.ID = &w.jid
	device.Account = &waAdv.ADVSignedDeviceIdentity{
		Details: []byte{1}, AccountSignature: make([]byte, 64), AccountSignatureKey: make([]byte, 32), DeviceSignature: make([]byte, 64),
	}
	must(t, w.lib.PutDevice(t.Context(), device))
	return w
}

type connectionKey struct{}

// by is the context of what comes by a connection.
func by(ctx context.Context, connection string) context.Context {
	return context.WithValue(ctx, connectionKey{}, connection)
}

// worker is the device as a worker that has just begun has it.
func (w *world) worker() (*store.Device, *Cache) {
	w.t.Helper()
	device, err := w.lib.GetDevice(w.t.Context(), w.jid)
	must(w.t, err)
	once := func(_ context.Context, fn func() error) error { return fn() }
	origin := func(ctx context.Context) any { return ctx.Value(connectionKey{}) }
	cache := New(Settings{Pool: w.pool, Device: w.jid.String(), Retry: once, Origin: origin, Abandoned: time.Second}, device)
	cache.Guard(device)
	return device, cache
}

// plain is the device as whatsmeow's own store has it.
func (w *world) plain() *store.Device {
	w.t.Helper()
	device, err := w.lib.GetDevice(w.t.Context(), w.jid)
	must(w.t, err)
	return device
}

// kept is the session as it stands in the table.
func (w *world) kept(address string) string {
	w.t.Helper()
	session, err := w.plain().Sessions.GetSession(w.t.Context(), address)
	must(w.t, err)
	return string(session)
}

func (w *world) exec(sql string, args ...any) {
	w.t.Helper()
	_, err := w.pool.Exec(w.t.Context(), sql, args...)
	must(w.t, err)
}

func (w *world) count(sql string, args ...any) (n int) {
	w.t.Helper()
	must(w.t, w.pool.QueryRow(w.t.Context(), sql, args...).Scan(&n))
	return n
}

// decrypt has the device decrypt a message: the session with bob becomes that one.
func decrypt(ctx context.Context, device *store.Device, session string, plaintext []byte) error {
	return device.EventBuffer.DoDecryptionTxn(ctx, func(ctx context.Context) error {
		if _, err := device.Sessions.GetSession(ctx, bob); err != nil {
			return err
		}
		if err := device.Sessions.PutSession(ctx, bob, []byte(session)); err != nil {
			return err
		}
		return device.EventBuffer.PutBufferedEvent(ctx, [32]byte{1}, plaintext, time.Unix(5, 0))
	})
}

// own reads a session, as its owner.
func own(t *testing.T, read func(context.Context, string) ([]byte, error)) context.Context {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	_, err := read(ctx, bob)
	must(t, err)
	return ctx
}

// text is {"conversation": "a"}, padded.
var text = []byte{0x0a, 1, 'a', 1}

// order is {"protocolMessage": {"type": 5}}, padded.
var order = []byte{0x62, 2, 0x10, 5, 2, 2}
