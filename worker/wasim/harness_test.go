package wasim_test

import (
	"context"
	"database/sql"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"
	"github.com/rs/zerolog"
	"go.mau.fi/libsignal/logger"
	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/store/sqlstore"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"
	waLog "go.mau.fi/whatsmeow/util/log"

	"whatsapp-manager/supervisor/store/storetest"
	"whatsapp-manager/worker/wasim"
	"whatsapp-manager/worker/wasim/control"
	"whatsapp-manager/worker/wasim/wire"
)

// root is shared by all simulators of this binary, since whatsmeow trusts one
// root per process.
var root = wire.NewRoot()

func TestMain(m *testing.M) {
	whatsmeow.WACertPubKey = root.Public()
	// Clients give a dead connection up in seconds instead of minutes. Set once:
	// the clients' goroutines read these at any time.
	whatsmeow.KeepAliveResponseDeadline = time.Second
	whatsmeow.KeepAliveIntervalMin, whatsmeow.KeepAliveIntervalMax = 200*time.Millisecond, 400*time.Millisecond
	whatsmeow.KeepAliveMaxFailTime = 4 * time.Second
	var quiet logger.Loggable = quietLogger{}
	logger.Setup(&quiet)
	storetest.Main(m)
}

// quietLogger keeps libsignal from printing every message it cannot decrypt.
type quietLogger struct{}

func (quietLogger) Debug(string, string)   {}
func (quietLogger) Info(string, string)    {}
func (quietLogger) Warning(string, string) {}
func (quietLogger) Error(string, string)   {}
func (quietLogger) Configure(string)       {}

// rig is a running simulator and a store for the clients of one test.
type rig struct {
	*wasim.Server
	t         *testing.T
	ctx       context.Context
	container *sqlstore.Container
	syncAck   bool // new clients acknowledge after their handlers
}

func newRig(t *testing.T, settings func(*wasim.Server)) *rig {
	t.Helper()
	t.Parallel()
	server := &wasim.Server{RootKey: root.PrivateHex()}
	if testing.Verbose() {
		server.Log = zerolog.New(zerolog.NewTestWriter(t))
	}
	server.Control = control.Handler(server)
	if settings != nil {
		settings(server)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 90*time.Second)
	t.Cleanup(cancel)
	running, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- server.Run(running) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("simulator: %v", err)
		}
	})
	select {
	case <-server.Started():
	case <-ctx.Done():
		t.Fatal("simulator did not start")
	}
	return &rig{Server: server, t: t, ctx: ctx}
}

// store opens the database at the first client.
func (r *rig) store() *sqlstore.Container {
	r.t.Helper()
	if r.container == nil {
		db, err := sql.Open("pgx", storetest.NewURL(r.t))
		if err != nil {
			r.t.Fatalf("open database: %v", err)
		}
		r.t.Cleanup(func() { db.Close() })
		r.container = sqlstore.NewWithDB(db, "postgres", waLog.Noop)
		if err = r.container.Upgrade(r.ctx); err != nil {
			r.t.Fatalf("create whatsmeow tables: %v", err)
		}
	}
	return r.container
}

func (r *rig) account(number, name string) *wasim.Account {
	r.t.Helper()
	a, err := r.CreateAccount(number, name, wasim.AccountOptions{})
	if err != nil {
		r.t.Fatal(err)
	}
	return a
}

// client is an unmodified whatsmeow client and all events it raised.
type client struct {
	*whatsmeow.Client
	rig *rig

	mu     sync.Mutex
	events []any
	more   chan struct{}
	refuse func(any) bool
}

// newClient makes an unpaired client whose every connection goes to the simulator.
func (r *rig) newClient() *client {
	r.t.Helper()
	log := waLog.Noop
	if testing.Verbose() {
		log = testLog{r.t}
	}
	c := &client{Client: whatsmeow.NewClient(r.store().NewDevice(), log), rig: r, more: make(chan struct{})}
	dial := func(ctx context.Context, network, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, network, r.Address())
	}
	transport := &http.Transport{
		DialContext: dial, DialTLSContext: dial,
		TLSNextProto: map[string]func(string, *tlsConn) http.RoundTripper{},
	}
	web := &http.Client{Transport: transport}
	c.SetWebsocketHTTPClient(web)
	c.SetPreLoginHTTPClient(web)
	c.SetMediaHTTPClient(web)
	c.SynchronousAck, c.EnableDecryptedEventBuffer = r.syncAck, r.syncAck
	c.AddEventHandlerWithSuccessStatus(c.record)
	r.t.Cleanup(func() {
		c.Disconnect()
		transport.CloseIdleConnections()
	})
	return c
}

func (c *client) record(event any) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.refuse != nil && c.refuse(event) {
		return false
	}
	c.events = append(c.events, event)
	close(c.more)
	c.more = make(chan struct{})
	return true
}

// await returns the first event of a kind that fits, past or future.
func await[T any](c *client, what string, fits func(T) bool) T {
	c.rig.t.Helper()
	seen := 0
	for {
		c.mu.Lock()
		events, more := c.events[seen:], c.more
		seen = len(c.events)
		c.mu.Unlock()
		for _, event := range events {
			if e, ok := event.(T); ok && (fits == nil || fits(e)) {
				return e
			}
		}
		select {
		case <-more:
		case <-c.rig.ctx.Done():
			c.rig.t.Fatalf("no %s; had %s", what, c.heard())
		}
	}
}

func (c *client) heard() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var kinds []string
	for _, event := range c.events {
		kinds = append(kinds, fmt.Sprintf("%T", event))
	}
	return strings.Join(kinds, " ")
}

// count counts the events of a kind that fit so far.
func count[T any](c *client, fits func(T) bool) (n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, event := range c.events {
		if e, ok := event.(T); ok && (fits == nil || fits(e)) {
			n++
		}
	}
	return n
}

// forget drops the events heard so far.
func (c *client) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.events = nil
}

func text(m *events.Message) string {
	if t := m.Message.GetConversation(); t != "" {
		return t
	}
	return m.Message.GetExtendedTextMessage().GetText()
}

func (c *client) awaitText(want string) *events.Message {
	c.rig.t.Helper()
	return await(c, "message "+want, func(m *events.Message) bool { return text(m) == want })
}

func (c *client) texts(want string) int {
	return count(c, func(m *events.Message) bool { return text(m) == want })
}

// pair pairs a new client with an account by QR code and waits until the
// bootstrap is over.
func (r *rig) pair(a *wasim.Account) (*client, *wasim.Device) {
	r.t.Helper()
	c := r.newClient()
	if err := c.ConnectContext(r.ctx); err != nil {
		r.t.Fatalf("connect: %v", err)
	}
	qr := await[*events.QR](c, "QR", nil)
	if err := a.ScanQR(r.ctx, qr.Codes[0]); err != nil {
		r.t.Fatalf("scan QR: %v", err)
	}
	return c, r.idle(c, a)
}

// idle waits until a freshly paired client has done everything that follows.
func (r *rig) idle(c *client, a *wasim.Account) *wasim.Device {
	r.t.Helper()
	await[*events.Connected](c, "Connected", nil)
	devices := a.Devices()
	d := devices[len(devices)-1]
	if err := d.WaitIdle(r.ctx); err != nil {
		r.t.Fatalf("wait until idle: %v", err)
	}
	return d
}

// send sends a text from the client.
func (c *client) send(to types.JID, body string) whatsmeow.SendResponse {
	c.rig.t.Helper()
	response, err := c.SendMessage(c.rig.ctx, to, textMessage(body))
	if err != nil {
		c.rig.t.Fatalf("send %q: %v", body, err)
	}
	return response
}

// say sends a text from an account's phone and returns its id.
func (r *rig) say(from *wasim.Account, to types.JID, body string) types.MessageID {
	r.t.Helper()
	id, err := from.Phone().SendText(r.ctx, to, body)
	if err != nil {
		r.t.Fatalf("say %q: %v", body, err)
	}
	return id
}
