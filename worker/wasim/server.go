package wasim

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"
	"github.com/rs/zerolog"

	"whatsapp-manager/worker/wasim/channels"
	"whatsapp-manager/worker/wasim/faults"
	"whatsapp-manager/worker/wasim/groups"
	"whatsapp-manager/worker/wasim/media"
	"whatsapp-manager/worker/wasim/wire"
)

// Server is the simulator. Its zero value works; the exported fields are
// settings and must not change after the first method call. All methods may be
// called from any goroutine, also before Run.
type Server struct {
	// Faults that apply to every account.
	Faults

	// Listen is the loopback address to listen on, "127.0.0.1:0" when empty.
	// Only 127.0.0.1 and ::1 are accepted.
	Listen string
	// RootKey is the private certificate root in hexadecimal (see
	// [wire.Root.PrivateHex]); empty makes a random one. A client process trusts
	// one root only, so simulators that share clients share this.
	RootKey string
	// DirectByPhoneNumber delivers 1:1 messages with the sender's phone number in
	// front (from=PN, sender_lid) in place of the hidden identity.
	DirectByPhoneNumber bool
	// GroupsByPhoneNumber makes new groups address their members by phone number.
	GroupsByPhoneNumber bool
	// Control serves requests under /control/; nil means that there is no control
	// API. Package control has the handler.
	Control http.Handler
	// Log gets one line per connection and per refused stanza, never a message
	// body or a key. Its zero value discards it.
	Log zerolog.Logger

	once      sync.Once
	initErr   error
	root      *wire.Root
	responder *wire.Responder
	groups    *groups.Groups
	channels  *channels.Channels
	registry  registry
	router    router
	pairings  pairings
	dials     faults.Dials
	host      media.Host
	started   chan struct{}
	address   string // written before started is closed
	dialled   atomic.Int64
	life      lifecycle
}

func (s *Server) init() error {
	s.once.Do(func() {
		s.started = make(chan struct{})
		s.groups = groups.New(exchange{s}, exchange{s})
		s.channels = channels.New(exchange{s}, exchange{s})
		s.router.init(s)
		s.root = wire.NewRoot()
		if s.RootKey != "" {
			if s.root, s.initErr = wire.ParseRoot(s.RootKey); s.initErr != nil {
				return
			}
		}
		s.responder, s.initErr = wire.NewResponder(s.root)
	})
	return s.initErr
}

// Run listens and serves until ctx ends, then breaks all connections and
// returns nil. It may be called once. Started tells when it listens.
func (s *Server) Run(ctx context.Context) error {
	if err := s.init(); err != nil {
		return fmt.Errorf("run simulator: %w", err)
	}
	address := s.Listen
	if address == "" {
		address = "127.0.0.1:0"
	}
	if err := checkLoopback(address); err != nil {
		return err
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	s.address = listener.Addr().String()
	s.host.SetHostname(s.address)
	close(s.started)

	mux := http.NewServeMux()
	mux.HandleFunc("/ws/chat", s.serveSocket)
	if s.Control != nil {
		mux.Handle("/control/", s.Control)
	}
	mux.HandleFunc("GET /pp/{user}", s.servePicture)
	mux.Handle("/mms/", &s.host)
	mux.Handle("/newsletter/", &s.host)
	base, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	s.life.begin(base)
	server := &http.Server{
		Handler:           s.life.counted(mux),
		ReadHeaderTimeout: 10 * time.Second,
		BaseContext:       func(net.Listener) context.Context { return base },
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			return context.WithValue(ctx, rawConn{}, c)
		},
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	select {
	case err = <-served:
	case <-ctx.Done():
		err = nil
	}
	stop()
	server.Close()
	s.life.end()
	for _, a := range s.registry.all() {
		a.phone.Close()
	}
	if err != nil && !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve: %w", err)
	}
	return nil
}

// rawConn is the context key of the TCP connection below an HTTP request.
type rawConn struct{}

// Started is closed once the server listens and Endpoint is known.
func (s *Server) Started() <-chan struct{} {
	s.init()
	return s.started
}

// Endpoint is the one URL that points a client here: address and, as query
// parameter noise, the public certificate root in hexadecimal. It is empty
// until Started.
func (s *Server) Endpoint() string {
	if s.Address() == "" {
		return ""
	}
	return "http://" + s.address + "/?noise=" + s.root.PublicHex()
}

// Address is the host:port the server listens on, empty until Started.
func (s *Server) Address() string {
	select {
	case <-s.Started():
		return s.address
	default:
		return ""
	}
}

// Root is the certificate root that clients must trust.
func (s *Server) Root() *wire.Root {
	s.init()
	return s.root
}

// Media is the media host that clients upload to and download from.
func (s *Server) Media() *media.Host { return &s.host }

// Unknown counts, by namespace, the requests that the simulator does not know and
// answered with an empty result.
func (s *Server) Unknown() map[string]int { return s.router.unknown.snapshot() }

// Connections is the number of open client connections, paired or not.
func (s *Server) Connections() int { return s.life.open() }

// Dialled is how many connections clients have asked for so far. It includes those
// that were refused or broke at once.
func (s *Server) Dialled() int { return int(s.dialled.Load()) }

func (s *Server) serveSocket(w http.ResponseWriter, r *http.Request) {
	s.dialled.Add(1)
	switch status := s.dials.TakeUpgrade(); status {
	case 0:
	case faults.Stalled:
		<-r.Context().Done()
		return
	default:
		http.Error(w, http.StatusText(status), status)
		return
	}
	// The client's origin is WhatsApp's, never ours. Compression stays off: with
	// context takeover it costs about a megabyte per connection on each side.
	socket, err := websocket.Accept(w, r, &websocket.AcceptOptions{
		InsecureSkipVerify: true, CompressionMode: websocket.CompressionDisabled,
	})
	if err != nil {
		return
	}
	raw, _ := r.Context().Value(rawConn{}).(net.Conn)
	ctx := r.Context()
	if s.dials.TakeHandshake() {
		wire.BreakHandshake(ctx, socket, raw)
		return
	}
	handshake, cancel := context.WithTimeout(ctx, 20*time.Second)
	conn, err := s.responder.Accept(handshake, socket, raw)
	cancel()
	if err != nil {
		s.Log.Debug().Err(err).Msg("handshake failed")
		return
	}
	newConnection(s, conn).run(ctx)
}

// Background runs f in a goroutine. The end of Run ends the context of f and
// waits for it. Background returns false, and does nothing, while the server does
// not run.
func (s *Server) Background(f func(context.Context)) bool { return s.life.background(f) }

func checkLoopback(address string) error {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf("listen address %q: %w", address, err)
	}
	if host != "127.0.0.1" && host != "::1" {
		return fmt.Errorf("listen address %q: only 127.0.0.1 and ::1 are allowed", address)
	}
	return nil
}
