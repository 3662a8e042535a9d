package api

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"runtime/debug"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/labstack/echo/v4"

	"whatsapp-manager/api/jsontext"
	"whatsapp-manager/proto/catalog"
	"whatsapp-manager/proto/fault"
)

const (
	// maxDepth is far above what any method takes and far below what would hurt.
	maxDepth = 100
	// drainLimit is how much of a body that is too large is read and thrown
	// away, so that the sender gets to read the answer instead of a reset.
	drainLimit = 16 << 20
	bodyTime   = 30 * time.Second
)

// recovered turns a panic into an internal fault and keeps its stack in the log.
func (s *Server) recovered(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) (err error) {
		defer func() {
			v := recover()
			if v == nil {
				return
			}
			if v == http.ErrAbortHandler {
				panic(v)
			}
			err = fault.Wrap(fault.Internal, "api", fmt.Errorf("panic: %v\n%s", v, debug.Stack()), "internal error")
			if c.Response().Committed && c.Request().Context().Err() == nil {
				// Too late for an answer; writeError will not come to see it.
				traceOf(c.Request().Context()).logger(s.log).Error().Err(err).Msg("request failed after its answer began")
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

// inspected reads the body within limits and refuses what no handler should
// have to think of: too large, not UTF-8, NUL characters, bottomless nesting.
func (s *Server) inspected(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		req := c.Request()
		if field := badURL(req.URL); field != "" {
			return fault.Bad("api", field, "the %s of the URL holds a NUL character or is not valid UTF-8", field)
		}
		if req.Body == nil || req.Body == http.NoBody || req.ContentLength == 0 {
			return next(c)
		}
		if enc := req.Header.Get(echo.HeaderContentEncoding); enc != "" && enc != "identity" {
			return &Problem{Type: "about:blank", Status: http.StatusUnsupportedMediaType, Title: "Unsupported Media Type", Code: "unsupported_media_type",
				Field: "Content-Encoding", Detail: "bodies are taken as they are, without a content encoding"}
		}
		if isForm(req) && strings.HasPrefix(c.Path(), "/api/proxy/") {
			return next(c) // read as a stream, by the one who knows for which method
		}
		data, err := s.readBody(c)
		if err != nil {
			return err
		}
		if d := jsontext.Check(data, maxDepth); d != nil {
			field := d.Path
			if field == "" {
				field = "body"
			}
			return fault.Bad("api", field, "%s: %s", field, d.Reason)
		}
		traceOf(req.Context()).body = data
		req.Body = io.NopCloser(bytes.NewReader(data))
		takeAsJSON(req.Header, data)
		return next(c)
	}
}

func (s *Server) readBody(c echo.Context) ([]byte, error) {
	req, limit := c.Request(), s.bodyLimit(c)
	ctl := http.NewResponseController(c.Response())
	// Not every ResponseWriter has deadlines (a recorder in a test has none).
	_ = ctl.SetReadDeadline(time.Now().Add(bodyTime))
	// A deadline left behind would end the request's context while it is handled.
	defer func() { _ = ctl.SetReadDeadline(time.Time{}) }()
	if req.ContentLength > limit {
		return nil, overLimit(req.Body, limit)
	}
	buf := bytes.NewBuffer(make([]byte, 0, max(512, req.ContentLength+1)))
	_, err := buf.ReadFrom(io.LimitReader(req.Body, limit+1))
	var timeout net.Error
	switch {
	case errors.As(err, &timeout) && timeout.Timeout():
		return nil, &Problem{Type: "about:blank", Status: http.StatusRequestTimeout, Title: "Request Timeout", Code: "request_timeout", Field: "body", Detail: "the body did not arrive in time"}
	case err != nil:
		return nil, fault.Bad("api", "body", "the body ended before it was whole")
	case int64(buf.Len()) > limit:
		return nil, overLimit(req.Body, limit)
	}
	return buf.Bytes(), nil
}

// bodyLimit is larger where a file may come, for those who have a key: a
// stranger cannot make the manager hold large bodies.
func (s *Server) bodyLimit(c echo.Context) int64 {
	req := c.Request()
	name := c.Param("method")
	switch c.Path() {
	case "/api/instances/:id/send", "/api/instances/:id/sends":
		name = "sendMessage"
	}
	method, ok := catalog.Lookup(name)
	if !ok || !method.TakesMedia() || req.ContentLength >= 0 && req.ContentLength <= s.cfg.BodyLimit {
		return s.cfg.BodyLimit
	}
	key := apiKeyOf(c)
	if key == "" {
		return s.cfg.BodyLimit
	}
	if _, _, err := s.keyring.find(req.Context(), key); err != nil {
		return s.cfg.BodyLimit
	}
	return max(s.cfg.MediaBodyLimit, s.cfg.BodyLimit)
}

func overLimit(body io.Reader, limit int64) error {
	_, _ = io.CopyN(io.Discard, body, drainLimit)
	return &fault.Error{Kind: fault.TooLarge, Op: "api", Field: "body", Msg: fmt.Sprintf("the body is larger than %d bytes", limit)}
}

// takeAsJSON lets `curl -d '{…}'` work, which says it sends a form.
func takeAsJSON(h http.Header, data []byte) {
	kind, _, err := mime.ParseMediaType(h.Get(echo.HeaderContentType))
	if err == nil && kind != echo.MIMEApplicationForm && kind != echo.MIMETextPlain {
		return
	}
	if first := bytes.TrimLeft(data, " \t\r\n"); len(first) > 0 && (first[0] == '{' || first[0] == '[') {
		h.Set(echo.HeaderContentType, echo.MIMEApplicationJSON)
	}
}

// badURL names the part of the URL that holds what no text may hold.
func badURL(u *url.URL) string {
	bad := func(text string) bool { return strings.IndexByte(text, 0) >= 0 || !utf8.ValidString(text) }
	if bad(u.Path) {
		return "path"
	}
	for name, values := range u.Query() {
		for _, v := range append(values, name) {
			if bad(v) {
				return "query"
			}
		}
	}
	return ""
}

// writeError is where every error of a request ends, unless huma wrote it.
func (s *Server) writeError(err error, c echo.Context) {
	if c.Response().Committed {
		return
	}
	p := s.problem(c.Request().Context(), err)
	if p.Status == http.StatusMethodNotAllowed && p.allow == "" {
		p.allow = c.Response().Header().Get(echo.HeaderAllow)
	}
	if strings.HasPrefix(c.Request().URL.Path, "/api/proxy/") {
		s.writeFailure(c, p)
		return
	}
	s.writeProblem(c, p)
}

func (s *Server) writeProblem(c echo.Context, p *Problem) {
	traceOf(c.Request().Context()).code = p.Code
	if p.RequestID == "" {
		p.RequestID = traceOf(c.Request().Context()).id
	}
	for name, values := range p.GetHeaders() {
		c.Response().Header()[name] = values
	}
	c.Response().Header().Set(echo.HeaderContentType, "application/problem+json")
	if c.Request().Method == http.MethodHead {
		_ = c.NoContent(p.Status)
		return
	}
	if err := c.JSON(p.Status, p); err != nil {
		s.log.Debug().Err(err).Msg("nobody read the error")
	}
}
