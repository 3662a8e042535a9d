package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	stdlog "log"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humaecho"
	"github.com/labstack/echo/v4"
	"github.com/labstack/echo/v4/middleware"
	"github.com/rs/zerolog"
	"golang.org/x/sync/errgroup"

	"whatsapp-manager/api/budget"
	"whatsapp-manager/api/connlimit"
	"whatsapp-manager/api/credential"
	"whatsapp-manager/api/edge"
	"whatsapp-manager/api/intake"
	"whatsapp-manager/api/loginguard"
	"whatsapp-manager/api/sends"
	"whatsapp-manager/api/session"
	"whatsapp-manager/proto/wallclock"
	"whatsapp-manager/supervisor/store"
)

// Server answers HTTP. Its methods are safe for use at the same time.
type Server struct {
	cfg        Config
	store      Store
	supervisor Supervisor
	upgrades   Upgrades // nil: none
	isolation  store.Isolation
	log        zerolog.Logger

	echo     *echo.Echo
	handler  http.Handler // echo behind what every request passes first
	huma     huma.API
	document []byte // OpenAPI 3.1 as JSON, made once all routes are known
	docsPage []byte

	passwords *credential.Passwords
	logins    *loginguard.Guard
	failures  loginguard.Ledger
	sessions  *session.Book
	watch     *session.Watch
	hosts     *edge.Hosts
	forwarded *edge.Forwarded
	hooks     hooks
	keyring   *keyring
	sender    *sends.Sender
	pace      *callPace
	memory    *budget.Budget
	house     *connlimit.House
	creating  sync.Mutex // held while instances are counted and one is made, when there is a limit
	managed   map[string]Managed
	metrics   *metrics
	began     time.Time
	clock     *wallclock.Watch

	secretMu sync.Mutex
	secret   []byte // guarded by secretMu

	closing   chan struct{} // closed by Run when it begins to end
	closeOnce sync.Once
}

// New returns a server that listens nowhere yet. It fails on a wrong setting,
// with its name.
func New(cfg Config, deps Deps) (*Server, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	passwords, err := credential.NewPasswords(2)
	if err != nil {
		return nil, err
	}
	m, err := newMetrics(deps.Registerer)
	if err != nil {
		return nil, err
	}
	s := &Server{
		cfg: cfg, store: deps.Store, supervisor: deps.Supervisor, upgrades: deps.Upgrades, isolation: deps.Isolation, log: deps.Log,
		passwords: passwords, logins: loginguard.New(), keyring: newKeyring(deps.Store), sender: deps.Sender, pace: newCallPace(cfg.CallsPerSecond),
		sessions: session.NewBook(deps.Store), watch: session.NewWatch(deps.Store, deps.Log),
		hosts: edge.NewHosts(cfg.address(), cfg.Listen, cfg.PublicURL, cfg.AllowedHosts), forwarded: edge.NewForwarded(cfg.TrustedProxies),
		metrics: m, began: time.Now(), clock: wallclock.New(), closing: make(chan struct{}),
	}
	if s.sender == nil {
		s.sender = sends.New(deps.Store, deps.Supervisor, cfg.CallTimeout, deps.Log)
	}
	s.memory = budget.New(cfg.MemoryBudget, cfg.share())
	s.house, err = connlimit.New(connlimit.Limits{All: cfg.MaxConnections, PerAddress: cfg.MaxConnectionsPerAddress, Trusted: cfg.TrustedProxies, PartTime: cfg.ReaderTimeout})
	if err != nil {
		return nil, err
	}
	if err = s.occupancy(deps.Registerer); err != nil {
		return nil, err
	}
	s.managed = s.managedMethods()
	if len(cfg.JWTSecret) > 0 {
		s.secret = cfg.JWTSecret
	}
	s.echo = s.newEcho()
	s.handler = seated(intake.Handler(s.echo, intake.Rules{Whole: cfg.BodyTimeout, Unread: func(ctx context.Context) { connlimit.Of(ctx).Unread() }}))
	useProblems()
	s.huma = humaecho.New(s.echo, s.humaConfig())
	s.authRoutes()
	s.userRoutes()
	s.auditRoutes()
	s.instanceRoutes()
	s.lifecycleRoutes()
	s.pairingRoutes()
	s.keyRoutes()
	s.relayRoutes()
	s.attachmentRoutes()
	s.sendRoutes()
	s.insightRoutes()
	s.healthRoutes()
	if err = s.proxyRoutes(); err != nil {
		return nil, err
	}
	mount := &Mount{s: s}
	for _, add := range deps.Mounts {
		add(mount)
	}
	s.metricsRoute(deps.Gatherer)
	if s.document, err = json.Marshal(s.huma.OpenAPI()); err != nil {
		return nil, fmt.Errorf("write OpenAPI document: %w", err)
	}
	if s.docsPage, err = renderDocs(s.document); err != nil {
		return nil, fmt.Errorf("render documentation: %w", err)
	}
	s.docsRoutes()
	return s, nil
}

// Handler returns the whole of the HTTP side, for tests and for other listeners.
func (s *Server) Handler() http.Handler { return s.handler }

// Routes lists every route there is, with paths as echo writes them.
func (s *Server) Routes() []*echo.Route { return s.echo.Routes() }

// Run listens and serves until ctx ends; then streams are told to end, requests
// in flight get ShutdownGrace, and it returns when all is quiet. It returns nil
// after an end that was asked for.
func (s *Server) Run(ctx context.Context) error {
	listener := s.cfg.Listener
	if listener == nil {
		var err error
		if listener, err = net.Listen("tcp", s.cfg.Listen); err != nil {
			return fmt.Errorf("listen for HTTP: %w", err)
		}
	}
	server := &http.Server{
		Handler:           s.handler,
		ConnContext:       s.house.Context,
		ConnState:         s.house.State,
		ReadHeaderTimeout: 10 * time.Second,
		// No ReadTimeout and no WriteTimeout: they would cut streams. Bodies have a
		// deadline of their own, and so has each part of an answer.
		IdleTimeout:    2 * time.Minute,
		MaxHeaderBytes: 16 << 10, // strangers' too, and on every connection
		ErrorLog:       stdlog.New(s.log.With().Str("part", "http").Logger().Level(zerolog.WarnLevel), "", 0),
	}
	group, running := errgroup.WithContext(ctx)
	group.Go(func() error {
		if err := server.Serve(s.house.Listen(listener)); !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("serve HTTP: %w", err)
		}
		return nil
	})
	group.Go(func() error {
		<-running.Done()
		s.closeOnce.Do(func() { close(s.closing) })
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.cfg.ShutdownGrace)
		defer cancel()
		if err := server.Shutdown(grace); err != nil {
			s.log.Warn().Err(err).Msg("requests were cut off")
			s.house.End()
			return server.Close()
		}
		return nil
	})
	group.Go(func() error { return s.keyring.run(running, s.log) })
	group.Go(func() error { return s.watch.Run(running) })
	group.Go(func() error { return s.recordFailures(running) })
	group.Go(func() error { return s.tidy(running) })
	return group.Wait()
}

func (s *Server) newEcho() *echo.Echo {
	e := echo.New()
	e.HideBanner, e.HidePort = true, true
	e.Logger.SetOutput(s.log)
	e.HTTPErrorHandler = s.writeError
	e.IPExtractor, e.SchemeExtractor = echo.ExtractIPDirect(), echo.ExtractSchemeDirect()
	if len(s.cfg.TrustedProxies) > 0 {
		trust := []echo.TrustOption{echo.TrustLoopback(false), echo.TrustLinkLocal(false), echo.TrustPrivateNet(false)}
		for _, p := range s.cfg.TrustedProxies {
			trust = append(trust, echo.TrustIPRange(&net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}))
		}
		e.IPExtractor, e.SchemeExtractor = echo.ExtractIPFromXFFHeader(trust...), echo.ExtractSchemeFromHeaders(trust...)
	}
	e.Use(s.traced, s.recovered, s.secured, s.meant)
	if len(s.cfg.CORSOrigins) > 0 {
		e.Use(middleware.CORSWithConfig(middleware.CORSConfig{
			AllowOrigins:  s.cfg.CORSOrigins,
			AllowHeaders:  []string{echo.HeaderAuthorization, echo.HeaderContentType, headerKey, headerIdempotency, "Last-Event-ID"},
			ExposeHeaders: []string{echo.HeaderXRequestID, echo.HeaderRetryAfter, headerReplayed},
		}))
	}
	e.Use(s.admitted)
	return e
}
