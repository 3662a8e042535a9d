package relaytest

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/rs/zerolog"
	"go.mau.fi/libsignal/logger"
	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/store/sqlstore"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"
	waLog "go.mau.fi/whatsmeow/util/log"

	workerv1 "whatsapp-manager/proto/worker/v1"
	"whatsapp-manager/supervisor/store/storetest"
	"whatsapp-manager/worker/decode"
	"whatsapp-manager/worker/inbound"
	"whatsapp-manager/worker/keystore"
	"whatsapp-manager/worker/lidstore"
	"whatsapp-manager/worker/mirror"
	"whatsapp-manager/worker/relay"
	"whatsapp-manager/worker/relay/media"
	"whatsapp-manager/worker/sealedstore"
	"whatsapp-manager/worker/spool"
	"whatsapp-manager/worker/wasim"
	"whatsapp-manager/worker/wasim/wire"
)

// root is shared by all simulators of a test binary: whatsmeow trusts one root per process.
var root = wire.NewRoot()

// Main is the TestMain of a package whose tests use New: it makes whatsmeow trust
// the simulators, and a database for each test.
func Main(m *testing.M) {
	if decode.Asked() {
		os.Exit(decode.Main())
	}
	whatsmeow.WACertPubKey = root.Public()
	var quiet logger.Loggable = quietLogger{}
	logger.Setup(&quiet)
	storetest.Main(m, keystore.Create)
}

type quietLogger struct{}

func (quietLogger) Debug(string, string)   {}
func (quietLogger) Info(string, string)    {}
func (quietLogger) Warning(string, string) {}
func (quietLogger) Error(string, string)   {}
func (quietLogger) Configure(string)       {}

// Instance is the id of the instance under test.
const Instance = "relaytest001"

// Rig is a paired account on a simulator, its mirror in a real database, and
// the table over both.
type Rig struct {
	*relay.Table
	T      *testing.T
	Ctx    context.Context
	Sim    *wasim.Server
	Me     *wasim.Account
	Pool   *pgxpool.Pool
	Client *whatsmeow.Client
	Mirror *mirror.Mirror
	Files  *media.Files
	// Logouts counts how often the worker was asked to log out.
	Logouts int
	// Ready replaces the check of a method's needs; nil: the real check.
	Ready func(*whatsmeow.Client, relay.Need) error

	heard *recorder
}

// New returns a rig whose table has the methods. Everything ends with the test.
func New(t *testing.T, families ...[]relay.Method) *Rig {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
	t.Cleanup(cancel)
	r := &Rig{T: t, Ctx: ctx, Sim: simulator(t)}
	r.Pool = database(t, ctx)
	r.Mirror = mirror.New(r.Pool, Instance, 1, zerolog.Nop())
	if err := r.Mirror.Load(ctx); err != nil {
		t.Fatal(err)
	}
	var err error
	if r.Me, err = r.Sim.CreateAccount("15550000001", "Alice", wasim.AccountOptions{}); err != nil {
		t.Fatal(err)
	}
	r.Client = r.client()
	r.heard = listen(t, r.Client, r.Mirror)
	r.pair(r.Client)
	r.Files = media.New(media.Config{Spool: openSpool(t), Log: zerolog.Nop()})
	deps := relay.Deps{
		CurrentClient: func() *whatsmeow.Client { return r.Client },
		Mirror:        r.Mirror,
		Link: func() *workerv1.Link {
			return &workerv1.Link{State: workerv1.LinkState_LINK_STATE_ONLINE, WaState: "CONNECTED"}
		},
		Logout: func(context.Context) error { r.Logouts++; return nil },
		Files:  r.Files,
		Log:    zerolog.Nop(),
	}
	deps.Ready = func(cli *whatsmeow.Client, need relay.Need) error {
		if r.Ready != nil {
			return r.Ready(cli, need)
		}
		return deps.Check(cli, need)
	}
	r.Table = relay.New(deps, families...)
	return r
}

func openSpool(t *testing.T) *spool.Spool {
	t.Helper()
	s, err := spool.Open(filepath.Join(t.TempDir(), "spool"), 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func simulator(t *testing.T) *wasim.Server {
	t.Helper()
	sim := &wasim.Server{RootKey: root.PrivateHex()}
	running, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- sim.Run(running) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("simulator: %v", err)
		}
	})
	select {
	case <-sim.Started():
	case err := <-ended:
		ended <- err
		t.Fatalf("simulator did not start: %v", err)
	}
	return sim
}

// database has our schema with the instance in it, and whatsmeow's tables. The
// pool is its worker's, with a worker's rights.
func database(t *testing.T, ctx context.Context) *pgxpool.Pool {
	t.Helper()
	url := storetest.NewURL(t)
	manager, err := pgx.Connect(ctx, url)
	if err != nil {
		t.Fatal(err)
	}
	defer manager.Close(context.WithoutCancel(ctx))
	for _, sql := range []string{
		`insert into users (id, email, password_hash, role, created_at) values ('u', 'u@example.com', '', 'user', now())`,
		`insert into instances (id, owner_id, name, created_at, updated_at) values ('` + Instance + `', 'u', 'test', now(), now())`,
		`insert into feeds (instance_id) values ('` + Instance + `')`,
	} {
		if _, err := manager.Exec(ctx, sql); err != nil {
			t.Fatal(err)
		}
	}
	_, url = storetest.NewWorkers(t, url).Raise(Instance)
	conf, err := pgxpool.ParseConfig(url)
	if err != nil {
		t.Fatal(err)
	}
	keystore.SearchPath(conf)
	pool, err := pgxpool.NewWithConfig(ctx, conf)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	return pool
}

// client is a client whose every connection goes to the simulator, and which
// answers one retry receipt at a time, as the worker's does.
func (r *Rig) client() *whatsmeow.Client {
	r.T.Helper()
	container := sqlstore.NewWithDB(stdlib.OpenDBFromPool(r.Pool), "postgres", waLog.Noop)
	pairs := lidstore.New(r.Pool, Instance, func(_ context.Context, fn func() error) error { return fn() })
	device := sealedstore.New(container, r.Pool, nil, pairs.Adopt).NewDevice()
	device.LIDs = pairs
	r.Mirror.Consult(pairs)
	cli := whatsmeow.NewClient(device, waLog.Noop)
	cli.PrePairCallback = func(jid types.JID, _, _ string) bool { // as the worker does
		_, err := r.Pool.Exec(r.Ctx, "select claim_device($1, 1, $2)", Instance, jid.String())
		return err == nil
	}
	cli.SynchronousAck, cli.EmitAppStateEventsOnFullSync = true, true
	cli.SetMaxParallelRetryReceiptHandling(1)
	dial := func(ctx context.Context, network, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, network, r.Sim.Address())
	}
	transport := &http.Transport{
		DialContext: dial, DialTLSContext: dial, TLSNextProto: map[string]func(string, *tls.Conn) http.RoundTripper{},
	}
	web := &http.Client{Transport: transport}
	cli.SetWebsocketHTTPClient(web)
	cli.SetPreLoginHTTPClient(web)
	cli.SetMediaHTTPClient(web)
	r.T.Cleanup(func() {
		cli.Disconnect()
		transport.CloseIdleConnections()
	})
	return cli
}

func (r *Rig) pair(cli *whatsmeow.Client) {
	r.T.Helper()
	if err := cli.ConnectContext(r.Ctx); err != nil {
		r.T.Fatal(err)
	}
	qr := Await(r, "QR", func(*events.QR) bool { return true })
	if err := r.Me.ScanQR(r.Ctx, qr.Codes[0]); err != nil {
		r.T.Fatal(err)
	}
	// Raised in a goroutine of its own: before it the mirror does not know whose it is.
	Await(r, "PairSuccess", func(*events.PairSuccess) bool { return true })
	Await(r, "Connected", func(*events.Connected) bool { return true })
	devices := r.Me.Devices()
	if err := devices[len(devices)-1].WaitIdle(r.Ctx); err != nil {
		r.T.Fatal(err)
	}
}

// recorder keeps the events of a client, after the mirror has taken them.
type recorder struct {
	mu     sync.Mutex
	events []any
	more   chan struct{}
}

func listen(t *testing.T, cli *whatsmeow.Client, m *mirror.Mirror) *recorder {
	ctx := t.Context()
	e := &recorder{more: make(chan struct{})}
	cli.AddEventHandlerWithSuccessStatus(func(event any) bool {
		if paired, ok := event.(*events.PairSuccess); ok {
			if m.SetAccount(ctx, inbound.Account{JID: paired.ID, LID: paired.LID, Platform: paired.Platform}) != nil {
				return false
			}
		}
		if !m.Account().JID.IsEmpty() {
			change, ok, err := inbound.Translate(ctx, m.Account(), cli.Store.LIDs, event)
			if err == nil && ok {
				err = m.Apply(ctx, change)
			}
			if err != nil {
				if ctx.Err() == nil {
					t.Logf("%T not taken: %v", event, err)
				}
				return false
			}
		}
		e.mu.Lock()
		defer e.mu.Unlock()
		e.events = append(e.events, event)
		close(e.more)
		e.more = make(chan struct{})
		return true
	})
	return e
}

// Await returns the first event of a kind that fits, past or future.
func Await[T any](r *Rig, what string, fits func(T) bool) T {
	r.T.Helper()
	for seen := 0; ; {
		r.heard.mu.Lock()
		news, more := r.heard.events[seen:], r.heard.more
		seen = len(r.heard.events)
		r.heard.mu.Unlock()
		for _, event := range news {
			if e, ok := event.(T); ok && fits(e) {
				return e
			}
		}
		select {
		case <-more:
		case <-r.Ctx.Done():
			r.T.Fatalf("no %s", what)
		}
	}
}

// Ask asks the table and decodes the answer.
func Ask[T any](r *Rig, method string, params ...any) T {
	r.T.Helper()
	result, err := r.Try("", method, params...)
	if err != nil {
		r.T.Fatalf("%s: %v", method, err)
	}
	var v T
	if err := json.Unmarshal(result, &v); err != nil {
		r.T.Fatalf("%s answered %s: %v", method, result, err)
	}
	return v
}

// Try asks the table under a message id, which may be empty.
func (r *Rig) Try(messageID, method string, params ...any) (json.RawMessage, error) {
	r.T.Helper()
	if params == nil {
		params = []any{}
	}
	encoded, err := json.Marshal(params)
	if err != nil {
		r.T.Fatal(err)
	}
	return r.Call(r.Ctx, method, encoded, messageID)
}

// Feed lists the types of the events in the feed that concern a lane.
func (r *Rig) Feed(lane string) []string {
	r.T.Helper()
	rows, err := r.Pool.Query(r.Ctx, `select type from events where instance_id = $1 and lane = $2 order by seq`, Instance, lane)
	if err != nil {
		r.T.Fatal(err)
	}
	defer rows.Close()
	var kinds []string
	for rows.Next() {
		var kind string
		if err := rows.Scan(&kind); err != nil {
			r.T.Fatal(err)
		}
		kinds = append(kinds, kind)
	}
	return kinds
}
