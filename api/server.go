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
	"whatsapp-manager/api/linking"
	"whatsapp-manager/api/route"
	"whatsapp-manager/api/sends"
)

// Server answers HTTP: it has what every request passes, and puts the routes
// together. Its methods are safe for use at the same time.
type Server struct {
	cfg Config
	log zerolog.Logger

	echo    *echo.Echo
	handler http.Handler // echo behind what every request passes first
	auth    *auth.Auth
	bodies  *bodies
	cleanup *cleanup

	hosts     *edge.Hosts
	forwarded *edge.Forwarded
	house     *connlimit.House
	metrics   *metrics
	anyOrigin map[string]bool // paths that pages of every origin may ask; complete when New returns

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
	s := &Server{
		cfg: cfg, log: deps.Log, closing: make(chan struct{}), forwarded: edge.NewForwarded(cfg.TrustedProxies),
		hosts: edge.NewHosts(cfg.address(), cfg.Listen, cfg.PublicURL, cfg.AllowedHosts), anyOrigin: map[string]bool{},
	}
	if s.auth, err = auth.New(auth.Config{
		AdminEmail: cfg.AdminEmail, AdminPassword: cfg.AdminPassword, JWTSecret: cfg.JWTSecret, OpenRegister: cfg.OpenRegister,
		AccessTTL: cfg.AccessTTL, RefreshTTL: cfg.RefreshTTL,
	}, deps.Store, deps.Log); err != nil {
		return nil, err
	}
	if s.house, err = connlimit.New(connlimit.Limits{
		All: cfg.MaxConnections, PerAddress: cfg.MaxConnectionsPerAddress, Trusted: cfg.TrustedProxies, PartTime: cfg.ReaderTimeout,
	}); err != nil {
		return nil, err
	}
	pace := newCallPace(cfg.CallsPerSecond)
	s.bodies = &bodies{
		cfg: cfg, memory: budget.New(cfg.MemoryBudget, cfg.share()), auth: s.auth, pace: pace, workers: deps.Supervisor, sends: deps.Store, files: deps.Store,
	}
	if s.metrics, err = newMetrics(deps.Registerer); err != nil {
		return nil, err
	}
	if err = s.occupancy(deps.Registerer); err != nil {
		return nil, err
	}
	s.echo = s.newEcho()
	s.handler = seated(intake.Handler(s.echo, intake.Rules{
		Whole: cfg.BodyTimeout, Unread: func(ctx context.Context) { connlimit.Of(ctx).Unread() },
	}))
	if err = s.addRoutes(deps, pace); err != nil {
		return nil, err
	}
	return s, nil
}

// addRoutes adds all routes and makes the document about them.
func (s *Server) addRoutes(deps Deps, pace *callPace) error {
	cfg, version := s.cfg, cmp.Or(s.cfg.Build, "dev")
	sender := deps.Sender
	if sender == nil {
		sender = sends.New(deps.Store, deps.Supervisor, nil, deps.Log)
	}
	r := route.New(s.echo, s, route.Options{
		Version: version, PublicURL: cfg.PublicURL, Timeout: cfg.CallTimeout + ownTime, Closing: s.closing, Log: deps.Log,
	})
	links := deps.Linking
	if links == nil {
		links = linking.New(deps.Supervisor)
	}
	process := &processMethods{supervisor: deps.Supervisor, linking: links}
	relay := &calls{
		timeout: cfg.CallTimeout, workers: deps.Supervisor, sender: sender, pace: pace, bodies: s.bodies, managed: process.methods(),
	}
	s.cleanup = &cleanup{
		store: deps.Store, supervisor: deps.Supervisor, sender: sender, pace: pace, log: deps.Log,
	}
	all := &instances{
		cfg: cfg, making: newPlaces(), router: r, auth: s.auth, store: deps.Store, supervisor: deps.Supervisor, cleanup: s.cleanup, log: deps.Log,
	}
	texts := &messages{router: r, auth: s.auth, calls: relay, sender: sender, sends: deps.Store}
	s.auth.Routes(r)
	all.routes()
	all.lifecycleRoutes()
	linking.Routes(r, s.auth, links)
	texts.routes()
	(&attachments{largest: cfg.MaxFile, router: r, auth: s.auth, workers: deps.Supervisor}).routes()
	texts.sendRoutes()
	(&workerInfo{router: r, auth: s.auth, supervisor: deps.Supervisor, records: deps.Store, logDir: cfg.LogDir}).routes()
	(&health{
		router: r, auth: s.auth, database: deps.Store, supervisor: deps.Supervisor, upgrades: deps.Upgrades, isolation: deps.Isolation,
		forwarded: s.forwarded, began: time.Now(), node: cfg.Node, version: version, simulated: cfg.Simulated,
	}).routes()
	if err := (&proxy{router: r, auth: s.auth, bodies: s.bodies, calls: relay, opened: cfg.Opened}).routes(); err != nil {
		return err
	}
	mount := &Mount{Router: r, Auth: s.auth, managed: relay.managed, opened: cfg.Opened, instances: all, open: s.anyOrigin}
	for _, add := range deps.Mounts {
		add(mount)
	}
	s.metricsRoute(r, deps.Gatherer)
	document, err := json.Marshal(r.OpenAPI())
	if err != nil {
		return fmt.Errorf("write OpenAPI document: %w", err)
	}
	docs.Routes(s.echo, r.OpenAPI().Info.Title, document)
	return nil
}

// EnsureAdmin creates the first superadmin; see auth.Auth.EnsureAdmin.
func (s *Server) EnsureAdmin(ctx context.Context) (password string, err error) {
	return s.auth.EnsureAdmin(ctx)
}

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
	group.Go(func() error { return s.cleanup.run(running) })
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
	e.Use(s.traced, s.recovered, s.secured, s.meant, s.openToAll)
	if len(s.cfg.CORSOrigins) > 0 {
		e.Use(middleware.CORSWithConfig(middleware.CORSConfig{
			Skipper:       func(c echo.Context) bool { return s.anyOrigin[c.Request().URL.Path] },
			AllowOrigins:  s.cfg.CORSOrigins,
			AllowHeaders:  []string{echo.HeaderAuthorization, echo.HeaderContentType, route.HeaderKey, sends.HeaderKey, "Last-Event-ID"},
			ExposeHeaders: []string{echo.HeaderXRequestID, echo.HeaderRetryAfter, headerReplayed},
		}))
	}
	e.Use(s.admitted)
	return e
}
