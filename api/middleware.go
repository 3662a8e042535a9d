package api

import (
	"fmt"
	"maps"
	"net/http"
	"net/netip"
	"net/url"
	"runtime/debug"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/labstack/echo/v4"

	"whatsapp-manager/api/auth"
	"whatsapp-manager/api/connlimit"
	"whatsapp-manager/api/intake"
	"whatsapp-manager/api/problem"
	"whatsapp-manager/api/route"
	"whatsapp-manager/api/trace"
	"whatsapp-manager/proto/fault"
)

// maxDepth is far above what any method takes and far below what would hurt.
const maxDepth = 100

// recovered turns a panic into an internal fault and keeps its stack in the log.
func (s *Server) recovered(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) (err error) {
		defer func() {
			v := recover()
			if v == nil {
				return
			}
			if v == http.ErrAbortHandler { //nolint:errorlint // a panic's value, which net/http compares as well
				panic(v)
			}
			err = fault.Wrap(fault.Internal, "api", fmt.Errorf("panic: %v\n%s", v, debug.Stack()), "internal error")
			if c.Response().Committed && c.Request().Context().Err() == nil {
				// Too late for an answer; WriteError will not come to see it.
				trace.Of(c.Request().Context()).Logger(s.log).Error().Err(err).Msg("request failed after its answer began")
			}
		}()
		return next(c)
	}
}

// secured sets the headers that cost nothing and forbid much. Referrer-Policy
// matters most: an API key may stand in the path.
func (s *Server) secured(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		h := c.Response().Header()
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
		h.Set("Cache-Control", "no-store")
		if c.Scheme() == "https" {
			h.Set("Strict-Transport-Security", "max-age=31536000")
		}
		return next(c)
	}
}

// openToAll answers browsers that ask whether a page of another origin may use a path
// that is open to all of them.
func (s *Server) openToAll(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		if !s.anyOrigin[c.Request().URL.Path] {
			return next(c)
		}
		h := c.Response().Header()
		h.Set(echo.HeaderAccessControlAllowOrigin, "*")
		if c.Request().Method != http.MethodOptions {
			return next(c)
		}
		h.Set(echo.HeaderAccessControlAllowMethods, http.MethodPost)
		h.Set(echo.HeaderAccessControlAllowHeaders, "Authorization, Content-Type")
		h.Set(echo.HeaderAccessControlMaxAge, "600")
		return c.NoContent(http.StatusNoContent)
	}
}

// seated lets a connection be closed for another one only while no request of
// somebody who is known is answered on it.
func seated(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := connlimit.Of(r.Context())
		if !c.Begin() {
			panic(http.ErrAbortHandler) // it was closed before the request was seen
		}
		defer c.Done()
		next.ServeHTTP(w, r)
	})
}

// admitted refuses what no handler should have to think of. It reads no body:
// that is for those who know who asks and what for.
func (s *Server) admitted(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		req := c.Request()
		conn := connlimit.Of(req.Context())
		if conn.Spare() {
			c.Response().Header().Set("Connection", "close")
			if !strings.HasPrefix(c.Path(), "/api/health") {
				return &problem.Problem{
					Type: "about:blank", Status: http.StatusServiceUnavailable, Title: "Service Unavailable", Code: "connections_full",
					Detail: "the server has as many connections as it may have", RetryAfter: time.Second,
				}
			}
		}
		client, _ := netip.ParseAddr(c.RealIP())
		end, ok := s.house.Ask(conn, client)
		if !ok {
			return &fault.Error{Kind: fault.RateLimited, Op: "api", Code: "address_limit", Msg: "this address has as many requests under way as it may have", RetryAfter: time.Second}
		}
		defer end()
		if field := badURL(req.URL); field != "" {
			return fault.Bad("api", field, "the %s of the URL holds a NUL character or is not valid UTF-8", field)
		}
		if enc := req.Header.Get(echo.HeaderContentEncoding); enc != "" && enc != "identity" && intake.Of(req.Context()) != nil {
			return &problem.Problem{
				Type: "about:blank", Status: http.StatusUnsupportedMediaType, Title: "Unsupported Media Type", Code: "unsupported_media_type",
				Field: "Content-Encoding", Detail: "send the body without a content encoding",
			}
		}
		return next(c)
	}
}

// badURL names the part of the URL that holds what no text may hold.
func badURL(u *url.URL) string {
	bad := func(text string) bool { return strings.IndexByte(text, 0) >= 0 || !utf8.ValidString(text) }
	if bad(u.Path) {
		return "path"
	}
	for name, values := range u.Query() {
		if slices.ContainsFunc(append(values, name), bad) {
			return "query"
		}
	}
	return ""
}

// Admit lets those in who may use the route, and counts for them what the request
// holds.
func (s *Server) Admit(c echo.Context, who route.Access) error {
	if err := s.auth.Admit(c, who); err != nil {
		return err
	}
	ctx := c.Request().Context()
	return s.bodies.recognised(ctx, auth.Of(ctx))
}

// TakeBody reads the body of a documented route.
func (s *Server) TakeBody(c echo.Context, who route.Access) error { return s.bodies.take(c, who) }

// WriteError is where every error of a request ends, unless huma wrote it.
func (s *Server) WriteError(err error, c echo.Context) {
	if c.Response().Committed {
		return
	}
	p := problem.Of(c.Request().Context(), s.log, err)
	if p.Status == http.StatusMethodNotAllowed && p.Allow == "" {
		p.Allow = c.Response().Header().Get(echo.HeaderAllow)
	}
	if strings.HasPrefix(c.Request().URL.Path, "/api/proxy/") {
		s.writeFailure(c, p)
		return
	}
	s.writeProblem(c, p)
}

func (s *Server) writeProblem(c echo.Context, p *problem.Problem) {
	trace.Of(c.Request().Context()).Code = p.Code
	if p.RequestID == "" {
		p.RequestID = trace.Of(c.Request().Context()).ID
	}
	maps.Copy(c.Response().Header(), p.GetHeaders())
	c.Response().Header().Set(echo.HeaderContentType, "application/problem+json")
	if c.Request().Method == http.MethodHead {
		_ = c.NoContent(p.Status)
		return
	}
	if err := c.JSON(p.Status, p); err != nil {
		s.log.Debug().Err(err).Msg("nobody read the error")
	}
}
