package client

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"go.mau.fi/whatsmeow"

	"whatsapp-manager/worker/bounds"
	"whatsapp-manager/worker/confine"
)

const dialTimeout = 20 * time.Second

// Endpoint says where WhatsApp is. Its zero value is the real one; any other is a
// stand-in on this machine, which then gets every https and wss request.
type Endpoint struct {
	addr  string    // host:port, empty for the real WhatsApp
	tls   bool      // else bare TCP below the https that whatsmeow speaks
	pin   []byte    // SHA-256 of the stand-in's certificate, with tls
	noise *[32]byte // root of the stand-in's Noise certificates
}

// ParseEndpoint reads http://127.0.0.1:PORT/?noise=<hex> or
// https://127.0.0.1:PORT/?noise=<hex>&pin=<hex>; an empty text is the real WhatsApp.
// Only loopback addresses are accepted, so that no setting can send an account's keys
// to another host.
func ParseEndpoint(raw string) (Endpoint, error) {
	if raw == "" {
		return Endpoint{}, nil
	}
	u, err := url.Parse(raw)
	if err != nil {
		return Endpoint{}, fmt.Errorf("parse whatsapp endpoint: %w", err)
	}
	e := Endpoint{addr: u.Host, tls: u.Scheme == "https"}
	if u.Scheme != "http" && u.Scheme != "https" {
		return Endpoint{}, fmt.Errorf("parse whatsapp endpoint: scheme %q is neither http nor https", u.Scheme)
	}
	ip := net.ParseIP(u.Hostname())
	if ip == nil || !ip.IsLoopback() || u.Port() == "" {
		return Endpoint{}, errors.New("parse whatsapp endpoint: not a loopback address with a port")
	}
	root, err := hex.DecodeString(u.Query().Get("noise"))
	if err != nil || len(root) != 32 {
		return Endpoint{}, errors.New("parse whatsapp endpoint: noise is not 32 bytes of hex")
	}
	e.noise = (*[32]byte)(root)
	if e.tls {
		if e.pin, err = hex.DecodeString(u.Query().Get("pin")); err != nil || len(e.pin) != sha256.Size {
			return Endpoint{}, errors.New("parse whatsapp endpoint: pin is not 32 bytes of hex")
		}
	}
	return e, nil
}

// Trust makes whatsmeow accept the stand-in's certificates. Their root is a variable of
// the whole process, so Trust is called once, before any client exists.
func (e Endpoint) Trust() {
	if e.noise != nil {
		whatsmeow.WACertPubKey = *e.noise
	}
}

// Ports are the TCP ports that connections to WhatsApp need.
func (e Endpoint) Ports() []uint16 {
	if e.addr == "" {
		return []uint16{confine.WhatsAppPort}
	}
	_, port, _ := net.SplitHostPort(e.addr)
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return nil
	}
	return []uint16{uint16(n)}
}

// mediaIdle is how long a transfer of a file may stand still. WhatsApp answers an upload
// only when it has looked at the whole.
const mediaIdle = 2 * time.Minute

// direct points all three HTTP clients of cli at the endpoint. heard notes reads on the
// websocket's connection.
func (e Endpoint) direct(cli *whatsmeow.Client, heard *Heard) {
	socket := e.transport(heard)
	cli.SetWebsocketHTTPClient(&http.Client{Transport: socket})
	cli.SetPreLoginHTTPClient(&http.Client{Transport: socket})
	var media http.RoundTripper = http.DefaultTransport.(*http.Transport).Clone()
	if e.addr != "" {
		media = e.transport(nil)
	}
	cli.SetMediaHTTPClient(&http.Client{Transport: bounds.Transport{Next: media, Idle: mediaIdle}})
}

func (e Endpoint) transport(heard *Heard) *http.Transport {
	t := http.DefaultTransport.(*http.Transport).Clone()
	// A websocket upgrade cannot ride on HTTP/2.
	t.ForceAttemptHTTP2 = false
	if heard != nil {
		// Each dial has a connection of its own, so that the end of the connection is the
		// end of the dial.
		t.DisableKeepAlives = true
		// Otherwise the upgrade has no deadline, and a server that never answers it would
		// hold the dial for ever.
		t.ResponseHeaderTimeout = dialTimeout
	}
	t.TLSNextProto = map[string]func(string, *tls.Conn) http.RoundTripper{}
	dialer := &net.Dialer{Timeout: dialTimeout, KeepAlive: 30 * time.Second}
	connect := func(ctx context.Context, network, addr string) (net.Conn, error) {
		if e.addr != "" {
			network, addr = "tcp", e.addr
		}
		conn, err := dialer.DialContext(ctx, network, addr)
		if err != nil || heard == nil {
			return conn, err
		}
		this, _ := ctx.Value(dialKey{}).(*dial)
		return newNotedConn(conn, heard, this), nil
	}
	t.DialContext = connect
	if e.addr == "" {
		return t
	}
	t.Proxy = nil
	t.DialTLSContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := connect(ctx, network, addr)
		if err != nil || !e.tls {
			return conn, err
		}
		secured := tls.Client(conn, &tls.Config{
			MinVersion:         tls.VersionTLS12,
			InsecureSkipVerify: true, //nolint:gosec // the pin decides, not a name or an authority
			VerifyConnection:   e.verifyPin,
		})
		if err = secured.HandshakeContext(ctx); err != nil {
			_ = conn.Close()
			return nil, fmt.Errorf("secure connection to the stand-in: %w", err)
		}
		return secured, nil
	}
	return t
}

func (e Endpoint) verifyPin(state tls.ConnectionState) error {
	if len(state.PeerCertificates) == 0 {
		return errors.New("the stand-in showed no certificate")
	}
	got := sha256.Sum256(state.PeerCertificates[0].Raw)
	if subtle.ConstantTimeCompare(got[:], e.pin) != 1 {
		return errors.New("the stand-in's certificate does not match the pin")
	}
	return nil
}

// Connection identifies the connection for which whatsmeow works under a context; nil for
// what belongs to none. Values are only good for comparing.
func Connection(ctx context.Context) any {
	this, ok := ctx.Value(dialKey{}).(*dial)
	if !ok {
		return nil
	}
	return this
}

// dialKey is the context key of a *dial, by which a dial and its connection know each
// other.
type dialKey struct{}

// dial is what a dial and its connection tell each other.
type dial struct {
	ended func()       // the connection can no longer be read; may be called more than once
	flow  *flow        // while it is full, nothing is read
	leave func() error // comes before all that is written; may be nil
}

// Heard is when WhatsApp last sent a byte: the only honest sign of life of a link. The
// zero value never heard anything. It is safe for concurrent use.
type Heard struct{ at atomic.Int64 } // nanoseconds since started

// started is what moments are counted from that are compared with each other: the wall
// clock may be set meanwhile.
var started = time.Now()

func (h *Heard) note() { h.at.Store(int64(time.Since(started))) }

// At is when a byte last came, zero when none ever did.
func (h *Heard) At() time.Time {
	at := h.at.Load()
	if at == 0 {
		return time.Time{}
	}
	return started.Add(time.Duration(at))
}

// notedConn notes when bytes arrived, is not read while the flow is full, and writes
// nothing before what has to be kept of it is kept.
type notedConn struct {
	net.Conn
	heard *Heard
	dial  *dial         // may be nil
	close func()        // closes gone, once
	gone  chan struct{} // closed by close
}

// newNotedConn leaves the kernel's receive buffer alone. A fixed one of 128 KiB was
// overrun by small segments while nobody read. The kernel then drops what comes
// (TcpExtTCPRcvQDrop), and the sender is silent for seconds after there is room again.
func newNotedConn(conn net.Conn, heard *Heard, of *dial) *notedConn {
	gone := make(chan struct{})
	return &notedConn{Conn: conn, heard: heard, dial: of, gone: gone, close: sync.OnceFunc(func() { close(gone) })}
}

func (c *notedConn) Close() error {
	c.close()
	return c.Conn.Close()
}

func (c *notedConn) Write(p []byte) (int, error) {
	if c.dial != nil && c.dial.leave != nil {
		if err := c.dial.leave(); err != nil {
			return 0, err
		}
	}
	return c.Conn.Write(p)
}

func (c *notedConn) Read(p []byte) (int, error) {
	if c.dial != nil && c.dial.flow.waitForRoom(c.gone) {
		c.heard.note() // nobody listened meanwhile, so that time was no silence
	}
	n, err := c.Conn.Read(p)
	if n > 0 {
		c.heard.note()
	}
	if err != nil && c.dial != nil {
		c.dial.ended()
	}
	return n, err
}
