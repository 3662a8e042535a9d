package api

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	stdlog "log"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/labstack/echo/v4/middleware"
	"github.com/rs/zerolog"
	"golang.org/x/sync/errgroup"

	"whatsapp-manager/api/auth"
	"whatsapp-manager/api/budget"
	"whatsapp-manager/api/connlimit"
	"whatsapp-manager/api/docs"
	"whatsapp-manager/api/edge"
	"whatsapp-manager/api/intake"
	"whatsapp-manager/api/route"
	"whatsapp-manager/api/sends"
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
	router   *route.Router
	auth     *auth.Auth
	document []byte // OpenAPI 3.1 as JSON, made once all routes are known

	hosts     *edge.Hosts
	forwarded *edge.Forwarded
	sender    *sends.Sender
	pace      *callPace
	memory    *budget.Budget
	house     *connlimit.House
	creating  sync.Mutex // held while instances are counted and one is made, when there is a limit
	managed   map[string]Managed
	metrics   *metrics
	began     time.Time
	clock     *wallclock.Watch

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
	m, err := newMetrics(deps.Registerer)
	if err != nil {
		return nil, err
	}
	s := &Server{
		cfg: cfg, store: deps.Store, supervisor: deps.Supervisor, upgrades: deps.Upgrades, isolation: deps.Isolation, log: deps.Log,
		sender: deps.Sender, pace: newCallPace(cfg.CallsPerSecond),
		hosts: edge.NewHosts(cfg.address(), cfg.Listen, cfg.PublicURL, cfg.AllowedHosts), forwarded: edge.NewForwarded(cfg.TrustedProxies),
		metrics: m, began: time.Now(), clock: wallclock.New(), closing: make(chan struct{}),
	}
	if s.sender == nil {
		s.sender = sends.New(deps.Store, deps.Supervisor, cfg.CallTimeout, deps.Log)
	}
	if s.auth, err = auth.New(auth.Config{
		AdminEmail: cfg.AdminEmail, AdminPassword: cfg.AdminPassword, JWTSecret: cfg.JWTSecret, OpenRegister: cfg.OpenRegister,
		AccessTTL: cfg.AccessTTL, RefreshTTL: cfg.RefreshTTL,
	}, deps.Store, deps.Log); err != nil {
		return nil, err
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
	s.echo = s.newEcho()
	s.handler = seated(intake.Handler(s.echo, intake.Rules{Whole: cfg.BodyTimeout, Unread: func(ctx context.Context) { connlimit.Of(ctx).Unread() }}))
	s.router = route.New(s.echo, s, route.Options{
		Version: s.version(), PublicURL: cfg.PublicURL, Timeout: cfg.CallTimeout + ownTime, Closing: s.closing, Log: deps.Log,
	})
	s.auth.Routes(s.router)
	s.instanceRoutes()
	s.lifecycleRoutes()
	s.pairingRoutes()
	s.relayRoutes()
	s.attachmentRoutes()
	s.sendRoutes()
	s.insightRoutes()
	s.healthRoutes()
	if err = s.proxyRoutes(); err != nil {
		return nil, err
	}
	mount := &Mount{Router: s.router, Auth: s.auth, server: s}
	for _, add := range deps.Mounts {
		add(mount)
	}
	s.metricsRoute(deps.Gatherer)
	if s.document, err = json.Marshal(s.router.OpenAPI()); err != nil {
		return nil, fmt.Errorf("write OpenAPI document: %w", err)
	}
	docs.Routes(s.echo, s.router.OpenAPI().Info.Title, s.document)
	return s, nil
}

// EnsureAdmin creates the first superadmin; see auth.Auth.EnsureAdmin.
func (s *Server) EnsureAdmin(ctx context.Context) (password string, err error) {
	return s.auth.EnsureAdmin(ctx)
}

func (s *Server) version() string { return cmp.Or(s.cfg.Build, "dev") }

// ownTime is what a request may take beside its call of a worker: for the
// database, mostly.
const ownTime = 10 * time.Second

// now is cut to what Postgres keeps, so that answers agree before and after a read.
func now() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }

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
	group.Go(func() error { return s.auth.Run(running) })
	group.Go(func() error { return s.tidy(running) })
	return group.Wait()
}

func (s *Server) newEcho() *echo.Echo {
	e := echo.New()
	e.HideBanner, e.HidePort = true, true
	e.Logger.SetOutput(s.log)
	e.HTTPErrorHandler = s.WriteError
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
			AllowHeaders:  []string{echo.HeaderAuthorization, echo.HeaderContentType, route.HeaderKey, sends.HeaderKey, "Last-Event-ID"},
			ExposeHeaders: []string{echo.HeaderXRequestID, echo.HeaderRetryAfter, HeaderReplayed},
		}))
	}
	e.Use(s.admitted)
	return e
}
