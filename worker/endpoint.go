package worker

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
	"sync"
	"sync/atomic"
	"time"

	"go.mau.fi/whatsmeow"

	"whatsapp-manager/worker/bounds"
)

const dialTimeout = 20 * time.Second

// endpoint says where WhatsApp is: its zero value is the real one, otherwise a
// stand-in on this machine that every https and wss request is led to.
type endpoint struct {
	addr  string    // host:port, empty for the real WhatsApp
	tls   bool      // else bare TCP below the https that whatsmeow speaks
	pin   []byte    // SHA-256 of the stand-in's certificate, with tls
	noise *[32]byte // root of the stand-in's Noise certificates
}

// parseEndpoint reads http://127.0.0.1:PORT/?noise=<hex> or
// https://127.0.0.1:PORT/?noise=<hex>&pin=<hex>. Only loopback addresses are
// taken, so that no setting can send an account's keys to another host.
func parseEndpoint(raw string) (endpoint, error) {
	if raw == "" {
		return endpoint{}, nil
	}
	u, err := url.Parse(raw)
	if err != nil {
		return endpoint{}, fmt.Errorf("parse whatsapp endpoint: %w", err)
	}
	e := endpoint{addr: u.Host, tls: u.Scheme == "https"}
	if u.Scheme != "http" && u.Scheme != "https" {
		return endpoint{}, fmt.Errorf("parse whatsapp endpoint: scheme %q is neither http nor https", u.Scheme)
	}
	ip := net.ParseIP(u.Hostname())
	if ip == nil || !ip.IsLoopback() || u.Port() == "" {
		return endpoint{}, errors.New("parse whatsapp endpoint: not a loopback address with a port")
	}
	root, err := hex.DecodeString(u.Query().Get("noise"))
	if err != nil || len(root) != 32 {
		return endpoint{}, errors.New("parse whatsapp endpoint: noise is not 32 bytes of hex")
	}
	e.noise = (*[32]byte)(root)
	if e.tls {
		if e.pin, err = hex.DecodeString(u.Query().Get("pin")); err != nil || len(e.pin) != sha256.Size {
			return endpoint{}, errors.New("parse whatsapp endpoint: pin is not 32 bytes of hex")
		}
	}
	return e, nil
}

// trust makes whatsmeow accept the stand-in's certificates. The root is a
// variable of the whole process, so this comes once, before any client exists.
func (e endpoint) trust() {
	if e.noise != nil {
		whatsmeow.WACertPubKey = *e.noise
	}
}

// direct points all three HTTP clients of cli at the endpoint. Reads on the
// websocket's connection are noted in frames as nanoseconds since born.
func (e endpoint) direct(cli *whatsmeow.Client, frames *atomic.Int64) {
	socket := e.transport(frames)
	cli.SetWebsocketHTTPClient(&http.Client{Transport: socket})
	cli.SetPreLoginHTTPClient(&http.Client{Transport: socket})
	var media http.RoundTripper = http.DefaultTransport.(*http.Transport).Clone()
	if e.addr != "" {
		media = e.transport(nil)
	}
	cli.SetMediaHTTPClient(&http.Client{Transport: bounds.Transport{Next: media}})
}

func (e endpoint) transport(frames *atomic.Int64) *http.Transport {
	t := http.DefaultTransport.(*http.Transport).Clone()
	// A websocket upgrade cannot ride on HTTP/2.
	t.ForceAttemptHTTP2 = false
	if frames != nil {
		// Each dial has a connection of its own, so that the end of one is the dial's.
		t.DisableKeepAlives = true
		// The upgrade has no deadline otherwise, and who never answers it would be waited for for ever.
		t.ResponseHeaderTimeout = dialTimeout
	}
	t.TLSNextProto = map[string]func(string, *tls.Conn) http.RoundTripper{}
	dialer := &net.Dialer{Timeout: dialTimeout, KeepAlive: 30 * time.Second}
	dial := func(ctx context.Context, network, addr string) (net.Conn, error) {
		if e.addr != "" {
			network, addr = "tcp", e.addr
		}
		conn, err := dialer.DialContext(ctx, network, addr)
		if err != nil || frames == nil {
			return conn, err
		}
		of, _ := ctx.Value(dialKey{}).(*attempt)
		return newNotedConn(conn, frames, of), nil
	}
	t.DialContext = dial
	if e.addr == "" {
		return t
	}
	t.Proxy = nil
	t.DialTLSContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := dial(ctx, network, addr)
		if err != nil || !e.tls {
			return conn, err
		}
		secured := tls.Client(conn, &tls.Config{
			MinVersion:         tls.VersionTLS12,
			InsecureSkipVerify: true, // the pin decides, not a name or an authority
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

func (e endpoint) verifyPin(state tls.ConnectionState) error {
	if len(state.PeerCertificates) == 0 {
		return errors.New("the stand-in showed no certificate")
	}
	got := sha256.Sum256(state.PeerCertificates[0].Raw)
	if subtle.ConstantTimeCompare(got[:], e.pin) != 1 {
		return errors.New("the stand-in's certificate does not match the pin")
	}
	return nil
}

// dialKey is the context key of a *attempt, by which a dial and its connection
// know each other.
type dialKey struct{}

type attempt struct {
	ended  func()  // the connection can be read no more; may be called more than once
	intake *intake // while it is full, nothing is read
}

// notedConn notes when bytes arrived: the only honest sign of life of a link.
type notedConn struct {
	net.Conn
	at    *atomic.Int64
	dial  *attempt      // may be nil
	close func()        // once
	gone  chan struct{} // closed by close
}

// newNotedConn leaves the kernel's receive buffer alone. A fixed one of 128 KiB
// was overrun by small segments while nobody read; the kernel then drops what
// comes (TcpExtTCPRcvQDrop), and the sender is silent for seconds after there is
// room again.
func newNotedConn(conn net.Conn, at *atomic.Int64, dial *attempt) *notedConn {
	gone := make(chan struct{})
	return &notedConn{Conn: conn, at: at, dial: dial, gone: gone, close: sync.OnceFunc(func() { close(gone) })}
}

func (c *notedConn) Close() error {
	c.close()
	return c.Conn.Close()
}

func (c *notedConn) Read(p []byte) (int, error) {
	if c.dial != nil && c.dial.intake.room(c.gone) {
		c.at.Store(moment()) // nobody listened meanwhile, so that it was not silent
	}
	n, err := c.Conn.Read(p)
	if n > 0 {
		c.at.Store(moment())
	}
	if err != nil && c.dial != nil {
		c.dial.ended()
	}
	return n, err
}
