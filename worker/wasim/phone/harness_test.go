package phone_test

import (
	"context"
	"crypto/tls"
	"database/sql"
	"fmt"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"
	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/appstate"
	"go.mau.fi/whatsmeow/store/sqlstore"
	"go.mau.fi/whatsmeow/types/events"
	waLog "go.mau.fi/whatsmeow/util/log"

	"whatsapp-manager/supervisor/store/storetest"
	"whatsapp-manager/worker/wasim"
	"whatsapp-manager/worker/wasim/phone"
	"whatsapp-manager/worker/wasim/wire"
)

// root is one for the binary: whatsmeow trusts one per process.
var root = wire.NewRoot()

func TestMain(m *testing.M) {
	whatsmeow.WACertPubKey = root.Public()
	storetest.Main(m)
}

// client is an unmodified whatsmeow client that talks to the simulator, and what it raised.
type client struct {
	*whatsmeow.Client
	t      *testing.T
	ctx    context.Context
	device *wasim.Device

	mu     sync.Mutex
	events []any
	more   chan struct{}
}

func simulator(t *testing.T) (context.Context, *wasim.Server) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	t.Cleanup(cancel)
	server := &wasim.Server{RootKey: root.PrivateHex()}
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
	case err := <-ended:
		t.Fatalf("simulator: %v", err)
	}
	return ctx, server
}

func account(t *testing.T, s *wasim.Server, number, name string, history phone.History) *wasim.Account {
	t.Helper()
	a, err := s.CreateAccount(number, name, wasim.AccountOptions{History: history})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// pair links a new client to an account and waits until its bootstrap is over.
func pair(ctx context.Context, t *testing.T, s *wasim.Server, a *wasim.Account) *client {
	t.Helper()
	db, err := sql.Open("pgx", storetest.NewURL(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	container := sqlstore.NewWithDB(db, "postgres", waLog.Noop)
	if err := container.Upgrade(ctx); err != nil {
		t.Fatal(err)
	}
	log := waLog.Noop
	if testing.Verbose() {
		log = testLog{t}
	}
	c := &client{Client: whatsmeow.NewClient(container.NewDevice(), log), t: t, ctx: ctx, more: make(chan struct{})}
	dial := func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, s.Address())
	}
	transport := &http.Transport{
		DialContext: dial, DialTLSContext: dial,
		TLSNextProto: map[string]func(string, *tls.Conn) http.RoundTripper{},
	}
	web := &http.Client{Transport: transport}
	c.SetWebsocketHTTPClient(web)
	c.SetPreLoginHTTPClient(web)
	c.SetMediaHTTPClient(web)
	c.AddEventHandler(func(event any) {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.events = append(c.events, event)
		close(c.more)
		c.more = make(chan struct{})
	})
	t.Cleanup(func() {
		c.Disconnect()
		transport.CloseIdleConnections()
	})
	if err := c.ConnectContext(ctx); err != nil {
		t.Fatal(err)
	}
	qr := await[*events.QR](c, "QR", nil)
	if err := a.ScanQR(ctx, qr.Codes[0]); err != nil {
		t.Fatal(err)
	}
	await[*events.Connected](c, "Connected", nil)
	// A change made before the first fetch is over would be part of it and raise no event.
	for _, name := range appstate.AllPatchNames {
		await(c, string(name), func(e *events.AppStateSyncComplete) bool { return e.Name == name })
	}
	devices := a.Devices()
	c.device = devices[len(devices)-1]
	if err := c.device.WaitIdle(ctx); err != nil {
		t.Fatal(err)
	}
	return c
}

// await returns the first event of a kind that fits, past or future.
func await[T any](c *client, what string, fits func(T) bool) T {
	c.t.Helper()
	seen := 0
	for {
		c.mu.Lock()
		all, more := c.events[seen:], c.more
		seen = len(c.events)
		c.mu.Unlock()
		for _, event := range all {
			if e, ok := event.(T); ok && (fits == nil || fits(e)) {
				return e
			}
		}
		select {
		case <-more:
		case <-c.ctx.Done():
			c.t.Fatalf("no %s", what)
		}
	}
}

func textOf(m *events.Message) string {
	if text := m.Message.GetConversation(); text != "" {
		return text
	}
	return m.Message.GetExtendedTextMessage().GetText()
}

func (c *client) awaitText(text string) *events.Message {
	c.t.Helper()
	return await(c, "text "+text, func(m *events.Message) bool { return textOf(m) == text })
}

// received returns the first message at a phone that fits, past or future.
func received(ctx context.Context, t *testing.T, p *phone.Phone, fits func(phone.Received) bool) phone.Received {
	t.Helper()
	found := make(chan phone.Received, 1)
	look := func(m phone.Received) {
		if fits(m) {
			select {
			case found <- m:
			default:
			}
		}
	}
	defer p.Subscribe(look)()
	for _, m := range p.Received() {
		look(m)
	}
	select {
	case m := <-found:
		return m
	case <-ctx.Done():
		t.Fatal("phone did not receive it")
		panic("unreachable")
	}
}

// testLog writes a client's warnings into the log of a verbose test.
type testLog struct{ t *testing.T }

func (l testLog) Warnf(format string, args ...any)  { l.write("WARN", format, args) }
func (l testLog) Errorf(format string, args ...any) { l.write("ERROR", format, args) }
func (testLog) Infof(string, ...any)                {}
func (testLog) Debugf(string, ...any)               {}
func (l testLog) Sub(string) waLog.Logger           { return l }

func (l testLog) write(level, format string, args []any) {
	if l.t.Context().Err() == nil {
		l.t.Log(level, fmt.Sprintf(format, args...))
	}
}
