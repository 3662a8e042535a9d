package api

import (
	"crypto/rand"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"whatsapp-manager/api/ident"
	"whatsapp-manager/api/method"
	"whatsapp-manager/api/problem"
	"whatsapp-manager/api/trace"
	"whatsapp-manager/proto/catalog"
)

var requestID = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)

// traced gives each request an id, writes its error, and logs and counts it
// when it is answered.
func (s *Server) traced(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		begin := time.Now()
		req := c.Request()
		t := &trace.Trace{IP: c.RealIP(), ID: req.Header.Get(echo.HeaderXRequestID)}
		if !requestID.MatchString(t.ID) || strings.Contains(t.ID, "wam_") {
			t.ID = strings.ToLower(rand.Text()[:16])
		}
		c.Response().Header().Set(echo.HeaderXRequestID, t.ID)
		c.SetRequest(req.WithContext(trace.With(req.Context(), t)))
		if peer, warn := s.forwarded.Look(req, begin); warn {
			s.log.Warn().Str("peer", peer).Msg("requests come through a proxy that is not declared (WAM_TRUSTED_PROXIES): all its clients count as one address")
		}
		s.metrics.inFlight(1)
		defer s.metrics.inFlight(-1)
		defer func() { t.Account.Close() }()

		if err := next(c); err != nil {
			c.Error(err)
		}

		route, status, took := c.Path(), c.Response().Status, time.Since(begin)
		if status == http.StatusNotFound && !c.Response().Committed || route == "" {
			route = "unmatched"
		}
		s.metrics.observe(req.Method, route, status, took)
		line := s.log.Info()
		if status >= http.StatusInternalServerError && status != http.StatusNotImplemented {
			line = s.log.Warn()
		}
		line.Str("request", t.ID).Str("method", req.Method).Str("path", shownPath(c.Path(), c.Param)).Int("status", status).
			Dur("took", took).Int64("bytes", c.Response().Size).Str("ip", t.IP)
		for _, f := range [...]struct{ name, value string }{{"instance", string(t.Instance)}, {"user", t.User}, {"call", t.Method}, {"code", t.Code}} {
			if f.value != "" {
				line.Str(f.name, f.value)
			}
		}
		line.Msg("request")
		return nil
	}
}

// meant refuses requests for a host that we are not: a page whose name was made
// to stand for our address would otherwise be of our origin in a browser.
func (s *Server) meant(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		if !s.hosts.Allow(c.Request().Host) {
			return &problem.Problem{
				Type: "about:blank", Status: http.StatusMisdirectedRequest, Title: http.StatusText(http.StatusMisdirectedRequest), Code: "host_not_allowed", Field: "Host",
				Detail: "this server does not answer to that host name; the operator can allow it (WAM_PUBLIC_URL, WAM_ALLOWED_HOSTS)",
			}
		}
		return next(c)
	}
}

// shownPath is what the log shows of a path: its route, filled in with what is
// certainly neither a secret nor somebody's address. API keys, message ids,
// which hold phone numbers, and whatever nobody routes stay out.
func shownPath(route string, param func(name string) string) string {
	if route == "" {
		return "unmatched"
	}
	parts := strings.Split(route, "/")
	for i, part := range parts {
		name, isParam := strings.CutPrefix(part, ":")
		if !isParam {
			continue
		}
		value := param(name)
		_, known := catalog.Lookup(value)
		switch {
		case name == "method" && (known || method.IsShort(value)), (name == "id" || name == "keyId" || name == "webhook") && ownID(value):
			parts[i] = value
		case name == "method", strings.HasPrefix(route, "/api/proxy/"):
			parts[i] = "***"
		}
	}
	return strings.Join(parts, "/")
}

// ownID tells whether the text is an id as we make them. Digits alone may be a phone number.
func ownID(text string) bool {
	return ident.Is(text) && strings.ContainsAny(text, "abcdefghijklmnopqrstuvwxyz")
}
