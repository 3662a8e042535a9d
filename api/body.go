package api

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/netip"
	"time"

	"github.com/labstack/echo/v4"

	"whatsapp-manager/api/auth"
	"whatsapp-manager/api/budget"
	"whatsapp-manager/api/connlimit"
	"whatsapp-manager/api/intake"
	"whatsapp-manager/api/jsoncheck"
	"whatsapp-manager/api/jsonfile"
	"whatsapp-manager/api/route"
	"whatsapp-manager/api/sends"
	"whatsapp-manager/api/trace"
	"whatsapp-manager/proto/catalog"
	"whatsapp-manager/proto/fault"
	"whatsapp-manager/supervisor"
	"whatsapp-manager/supervisor/store"
)

const (
	// bodyCopies is how often a body is in memory while it is taken apart and
	// handed on: as it came, as parts, and encoded for the worker or the database.
	bodyCopies = 3
	// queueCopies is the same for one that goes into the queue: it is also checked
	// against the schema and written to the database.
	queueCopies = 8
	// strangerLimit bounds the bodies of routes that anybody may use.
	strangerLimit = 64 << 10
	// strangerTime is for such a body to come whole.
	strangerTime = 10 * time.Second
)

// bodies takes the bodies of requests, within the limits of those who ask.
type bodies struct {
	cfg     Config
	memory  *budget.Budget
	auth    instanceFinder
	pace    *callPace
	workers sends.Workers
	sends   sendLookup
	files   queueFiles
}

// instanceFinder narrows the request's principal to an instance; *auth.Auth is one.
type instanceFinder interface {
	Instance(ctx context.Context, id string) (store.Instance, error)
}

// sendLookup tells whether a key names a send.
type sendLookup interface {
	Send(ctx context.Context, instance supervisor.ID, key string) (store.Send, error)
}

// recognised lets what the request holds count for the one who asks, and keeps
// their connection until it is answered; fault.RateLimited when they have too many.
func (b *bodies) recognised(ctx context.Context, p auth.Principal) error {
	owner := budget.Owner{}
	switch {
	case p.Instance != "":
		owner.Name = "instance " + string(p.Instance)
	case p.User != nil:
		owner.Name = "user " + p.User.ID
	default:
		return nil
	}
	t := trace.Of(ctx)
	t.Account.Close()
	t.Account = b.memory.Account(owner)
	if !connlimit.Of(ctx).Known(owner.Name) {
		return &fault.Error{Kind: fault.RateLimited, Op: "api", Code: "connection_share", Msg: "this caller has as many requests under way as it may have", RetryAfter: time.Second}
	}
	return nil
}

// account is where the request's memory is counted. Whoever is not recognised
// is a stranger by their address.
func (b *bodies) account(ctx context.Context) *budget.Account {
	t := trace.Of(ctx)
	if t.Account == nil {
		t.Account = b.memory.Account(budget.Owner{Name: "address " + networkOf(t.IP), Stranger: true})
	}
	return t.Account
}

// counting returns what counts bytes of a body.
func (b *bodies) counting(ctx context.Context) func(n int64) error {
	account := b.account(ctx)
	return func(n int64) error { return account.Take(bodyCopies * n) }
}

// takeBody reads the body whole, for those who come after.
func (b *bodies) takeBody(c echo.Context, limit int64) error {
	return b.takeBodyTimes(c, limit, bodyCopies)
}

func (b *bodies) takeBodyTimes(c echo.Context, limit, copies int64) error {
	body := intake.Of(c.Request().Context())
	if body == nil {
		return nil
	}
	account := b.account(c.Request().Context())
	data, err := body.All(limit, func(n int64) error { return account.Take(copies * n) })
	if err != nil {
		return err
	}
	return b.inspect(c, data)
}

// inspect refuses what no handler should have to think of, and leaves the body
// where handlers look for it.
func (b *bodies) inspect(c echo.Context, data []byte) error {
	if d := jsoncheck.Check(data, maxDepth); d != nil {
		field := d.Path
		if field == "" {
			field = "body"
		}
		return fault.Bad("api", field, "%s: %s", field, d.Reason)
	}
	req := c.Request()
	trace.Of(req.Context()).Body = data
	req.Body = io.NopCloser(bytes.NewReader(data))
	takeAsJSON(req.Header, data)
	return nil
}

// callBody takes the body of a call, once it is known that there is somebody to
// be called: a large one is not read for nothing.
func (b *bodies) callBody(c echo.Context, in store.Instance, m catalog.Method) (err error) {
	req := c.Request()
	body := intake.Of(req.Context())
	if body == nil {
		return nil
	}
	if err = b.awaited(req.Context(), in, m, req.Header.Get(sends.HeaderKey)); err != nil {
		return err
	}
	t := trace.Of(req.Context())
	switch {
	case isForm(req):
		t.Body, err = b.takeForm(c, in, m)
	case m.TakesMedia() && (body.Announced() < 0 || body.Announced() > b.cfg.BodyLimit):
		err = b.takeFiles(c, in)
	default:
		err = b.takeBody(c, b.cfg.BodyLimit)
	}
	if m.TakesMedia() {
		t.Longer += sends.Longer(t.Body)
	}
	return err
}

// take takes the body of a management route. Those who may not use it do
// not come here.
func (b *bodies) take(c echo.Context, who route.Access) error {
	ctx := c.Request().Context()
	body := intake.Of(ctx)
	switch {
	case body == nil:
		return nil
	case who == route.Public:
		body.Within(min(strangerTime, b.cfg.BodyTimeout), 0)
		return b.takeBody(c, min(strangerLimit, b.cfg.BodyLimit))
	case c.Path() == "/api/instances/:id/send":
		return b.sendBody(c)
	case c.Path() == "/api/instances/:id/sends" && isForm(c.Request()):
		return b.queueForm(c)
	case c.Path() == "/api/instances/:id/sends":
		// Kept in the queue with its file, for a worker that may not be there yet.
		body.Within(uploadTime, b.cfg.BodyTimeout)
		err := b.takeBodyTimes(c, b.cfg.queueLimit(), queueCopies)
		var f *fault.Error
		if errors.As(err, &f) && f.Kind == fault.TooLarge {
			f.Msg += "; a larger file is queued by a form, or by URL"
		}
		return err
	}
	return b.takeBody(c, b.cfg.BodyLimit)
}

// sendBody takes the body of a message to be sent at once.
func (b *bodies) sendBody(c echo.Context) error {
	ctx := c.Request().Context()
	in, err := b.auth.Instance(ctx, c.Param("id"))
	if err != nil {
		return err
	}
	if err := b.pace.wait(ctx, in.ID); err != nil {
		return err
	}
	trace.Of(ctx).Paced = true
	m, ok := catalog.Lookup("sendMessage")
	if !ok {
		return fault.New(fault.Unimplemented, "api.send", "this build does not know sendMessage")
	}
	return b.callBody(c, in, m)
}

// awaited says before the body what would be said after it: that there is no
// worker to be called. A send whose key is known is answered without one.
func (b *bodies) awaited(ctx context.Context, in store.Instance, m catalog.Method, idempotency string) error {
	if m.Manager {
		return nil
	}
	_, err := b.workers.Worker(ctx, in.ID)
	if err == nil || !m.Sends || idempotency == "" || len(idempotency) > sends.MaxKey {
		return err
	}
	if _, unknown := b.sends.Send(ctx, in.ID, idempotency); unknown != nil {
		return err
	}
	return nil
}

// takeFiles reads a large JSON body. Its files go to the worker as they come, and
// what remains names their uploads, as with a form.
func (b *bodies) takeFiles(c echo.Context, in store.Instance) error {
	limit := max(b.cfg.MediaBodyLimit, b.cfg.BodyLimit)
	body := intake.Of(c.Request().Context())
	if body.Announced() > limit {
		return otherwise(intake.TooLarge(limit))
	}
	ctx, cancel := context.WithTimeout(c.Request().Context(), uploadTime)
	defer cancel()
	body.Within(uploadTime, b.cfg.BodyTimeout)
	put := func(path string, r io.Reader) (string, error) {
		worker, err := b.workers.Worker(ctx, in.ID)
		if err != nil {
			return nameOnly(r) // a repetition, whose answer is known
		}
		name, size, err := upload(ctx, worker, r, 0)
		trace.Of(ctx).Longer += sends.FileTime(size)
		return name, ofPart(err, path)
	}
	rest, err := jsonfile.Take(&bounded{body: body, limit: limit}, jsonfile.Options{
		Limit: b.cfg.BodyLimit, MaxDepth: maxDepth, MaxFiles: maxFiles, Put: put, Hold: b.counting(ctx),
		TooLarge: func() error { return withoutFile(b.cfg.BodyLimit) },
	})
	if err != nil {
		return err
	}
	return b.inspect(c, rest)
}

// bounded is a body of at most limit bytes, with faults for errors.
type bounded struct {
	body        *intake.Body
	read, limit int64
}

func (r *bounded) Read(p []byte) (int, error) {
	n, err := r.body.Read(p)
	if r.read += int64(n); r.read > r.limit {
		return 0, otherwise(intake.TooLarge(r.limit))
	}
	if err != nil && !errors.Is(err, io.EOF) {
		err = intake.Broken(err)
	}
	return n, err
}

// otherwise adds how a larger file can be sent.
func otherwise(err *fault.Error) *fault.Error {
	err.Msg += "; a larger file can be sent as a form (multipart/form-data), or by URL"
	return err
}

// ofPart names the part of the body whose file is too large.
func ofPart(err error, part string) error {
	var f *fault.Error
	if errors.As(err, &f) && f.Kind == fault.TooLarge && f.Field == "file" {
		return &fault.Error{Kind: fault.TooLarge, Op: opUpload, Field: part, Msg: part + ": " + f.Msg}
	}
	return err
}

func withoutFile(limit int64) error {
	return &fault.Error{Kind: fault.TooLarge, Op: opUpload, Field: "body", Msg: fmt.Sprintf("the body is larger than %d bytes without its files", limit)}
}

// nameOnly is what an upload of the file would be called.
func nameOnly(r io.Reader) (string, error) {
	sum := sha256.New()
	_, err := io.Copy(sum, r)
	return hex.EncodeToString(sum.Sum(nil)), err
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

// networkOf is the address whose share a stranger uses.
func networkOf(ip string) string {
	a, err := netip.ParseAddr(ip)
	if err != nil {
		return ip
	}
	return connlimit.Network(a).String()
}
