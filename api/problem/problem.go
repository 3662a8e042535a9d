// Package problem turns any error into what a client may know of it: a status, a
// code, and one sentence. It is the one place where the kind of a fault becomes an
// HTTP status, and it logs what only the operator may know.
//
// It must not know routes or who asks.
package problem

import (
	"context"
	"errors"
	"math"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/validation"
	"github.com/labstack/echo/v4"
	"github.com/rs/zerolog"

	"whatsapp-manager/api/budget"
	"whatsapp-manager/api/intake"
	"whatsapp-manager/api/trace"
	"whatsapp-manager/proto/fault"
)

// statusOf is the one place where a fault's kind becomes an HTTP status.
var statusOf = map[fault.Kind]int{
	fault.Invalid:       http.StatusBadRequest,
	fault.Unauthorized:  http.StatusUnauthorized,
	fault.Forbidden:     http.StatusForbidden,
	fault.NotFound:      http.StatusNotFound,
	fault.Conflict:      http.StatusConflict,
	fault.Unpaired:      http.StatusConflict,
	fault.Stopped:       http.StatusConflict,
	fault.TooLarge:      http.StatusRequestEntityTooLarge,
	fault.Refused:       http.StatusUnprocessableEntity,
	fault.RateLimited:   http.StatusTooManyRequests,
	fault.Internal:      http.StatusInternalServerError,
	fault.Unimplemented: http.StatusNotImplemented,
	fault.Offline:       http.StatusBadGateway,
	fault.Starting:      http.StatusServiceUnavailable,
	fault.Unavailable:   http.StatusServiceUnavailable,
	fault.Deadline:      http.StatusGatewayTimeout,
}

// statusClientGone is what proxies log when nobody waits for the answer any more.
const statusClientGone = 499

// Problem is the body of every error outside the proxy (RFC 9457).
type Problem struct {
	Type      string    `json:"type" doc:"Always about:blank; branch on code" example:"about:blank"`
	Title     string    `json:"title" doc:"The status in words" example:"Bad Request"`
	Status    int       `json:"status" example:"400"`
	Detail    string    `json:"detail" doc:"One sentence for people" example:"name: expected length >= 1"`
	Code      string    `json:"code" doc:"Machine-readable; never changes for the same cause" example:"invalid"`
	Field     string    `json:"field,omitempty" doc:"The part of the request that is wrong" example:"name"`
	Errors    []Culprit `json:"errors,omitempty" doc:"All parts that are wrong, when there are several or they were checked against the schema"`
	SendKey   string    `json:"idempotencyKey,omitempty" doc:"Of a send whose end was not seen: to ask for it and to repeat it safely"`
	RequestID string    `json:"requestId,omitempty" doc:"Also in X-Request-ID and in the server's log"`

	RetryAfter  time.Duration `json:"-"` // becomes the header
	Allow       string        `json:"-"` // becomes the header
	Suggestions []string      `json:"-"` // of the proxy: methods with a similar name
}

// Culprit is one part of a request that is wrong. The value is not repeated: it may be a secret.
type Culprit struct {
	Field   string `json:"field" example:"name"`
	Message string `json:"message" example:"expected length >= 1"`
}

func (p *Problem) Error() string { return p.Detail }

// GetStatus returns the HTTP status, for huma.
func (p *Problem) GetStatus() int { return p.Status }

// ContentType is asked by huma.
func (p *Problem) ContentType(string) string { return "application/problem+json" }

// GetHeaders is asked by huma.
func (p *Problem) GetHeaders() http.Header {
	h := http.Header{}
	if p.RetryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(max(1, int(math.Ceil(p.RetryAfter.Seconds())))))
	}
	if p.Status == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", "Bearer")
	}
	if p.Allow != "" {
		h.Set("Allow", p.Allow)
	}
	return h
}

// Of turns any error into what the client may know of it. It is called once for a
// failed request, and writes to log what only the operator may know.
func Of(ctx context.Context, log zerolog.Logger, err error) *Problem {
	if ready, ok := errors.AsType[*Problem](err); ok {
		return ready
	}
	if errors.Is(err, intake.ErrTimeout) {
		return &Problem{Type: "about:blank", Status: http.StatusRequestTimeout, Title: "Request Timeout", Code: "request_timeout", Field: "body", Detail: "the body did not arrive in time", RequestID: trace.Of(ctx).ID}
	}
	if he, ok := errors.AsType[*echo.HTTPError](err); ok {
		p := &Problem{Type: "about:blank", Status: he.Code, Title: http.StatusText(he.Code), Detail: "there is no such route", Code: "not_found"}
		switch {
		case he.Code == http.StatusMethodNotAllowed:
			p.Detail, p.Code = "this route does not answer that method", "method_not_allowed"
		case he.Code != http.StatusNotFound:
			p.Detail, p.Code = strings.ToLower(http.StatusText(he.Code)), strings.ReplaceAll(strings.ToLower(http.StatusText(he.Code)), " ", "_")
		}
		p.RequestID = trace.Of(ctx).ID
		return p
	}
	var f *fault.Error
	if !errors.As(err, &f) {
		switch {
		case errors.Is(err, context.Canceled):
			return &Problem{Type: "about:blank", Status: statusClientGone, Title: "Client Closed Request", Detail: "the request was cancelled", Code: "cancelled", RequestID: trace.Of(ctx).ID}
		case errors.Is(err, context.DeadlineExceeded):
			f = &fault.Error{Kind: fault.Deadline, Msg: "no answer in time", Err: err}
		default:
			f = &fault.Error{Kind: fault.Internal, Err: err}
		}
	}
	status, ok := statusOf[f.Kind]
	if !ok {
		status = http.StatusInternalServerError
	}
	p := &Problem{Type: "about:blank", Status: status, Title: http.StatusText(status), Detail: f.Msg, Code: f.Code, Field: f.Field, SendKey: trace.Of(ctx).SendKey, RequestID: trace.Of(ctx).ID, RetryAfter: f.RetryAfter}
	if p.Code == "" {
		p.Code = string(f.Kind)
	}
	if p.RetryAfter == 0 && status == http.StatusServiceUnavailable {
		p.RetryAfter = 2 * time.Second
	}
	if status == http.StatusInternalServerError {
		p.Detail = "an error on our side; the request id leads to it in the server's log"
	}
	if p.Detail == "" {
		p.Detail = p.Title
	}
	if p.Field != "" {
		p.Errors = []Culprit{{Field: p.Field, Message: p.Detail}}
	}
	switch f.Kind {
	case fault.Internal:
		trace.Of(ctx).Logger(log).Error().Err(err).Msg("request failed")
	case fault.Unavailable:
		if f.Code == budget.CodeFull {
			break // counted in the metrics; a line for each would make it worse
		}
		trace.Of(ctx).Logger(log).Warn().Err(err).Msg("request needs what is away")
	}
	return p
}

var installed sync.Once

// UseInHuma makes huma answer its own errors (validation, content type) as
// Problem. huma has one hook for the whole process, so it is set once and holds
// nothing of a server.
func UseInHuma() {
	installed.Do(func() {
		build := func(ctx context.Context, status int, msg string, errs ...error) huma.StatusError {
			if status == http.StatusUnprocessableEntity {
				// 422 is kept for what WhatsApp refuses.
				status = http.StatusBadRequest
			}
			p := &Problem{Type: "about:blank", Status: status, Title: http.StatusText(status), Detail: msg, Code: codeOf(status), RequestID: trace.Of(ctx).ID}
			for _, err := range errs {
				var d huma.ErrorDetailer
				if !errors.As(err, &d) {
					continue
				}
				field := d.ErrorDetail().Location
				if name := missing(d.ErrorDetail().Message); name != "" {
					field += "." + name // huma names the object that lacks it
				}
				for _, where := range []string{"body.", "query.", "path.", "header."} {
					field = strings.TrimPrefix(field, where)
				}
				p.Errors = append(p.Errors, Culprit{Field: field, Message: d.ErrorDetail().Message})
			}
			if len(p.Errors) > 0 {
				p.Field = p.Errors[0].Field
				p.Detail = p.Field + ": " + p.Errors[0].Message
			}
			return p
		}
		huma.NewError = func(status int, msg string, errs ...error) huma.StatusError {
			//nolint:forbidigo // huma gives none here
			return build(context.Background(), status, msg, errs...)
		}
		huma.NewErrorWithContext = func(hc huma.Context, status int, msg string, errs ...error) huma.StatusError {
			return build(hc.Context(), status, msg, errs...)
		}
	})
}

// missing returns the name in huma's message about a property that is not there.
func missing(message string) string {
	before, after, _ := strings.Cut(validation.MsgExpectedRequiredProperty, "%s")
	name, ok := strings.CutPrefix(message, before)
	if !ok {
		return ""
	}
	name, _ = strings.CutSuffix(name, after)
	return name
}

func codeOf(status int) string {
	switch status {
	case http.StatusBadRequest:
		return string(fault.Invalid)
	case http.StatusUnsupportedMediaType:
		return "unsupported_media_type"
	}
	for kind, st := range statusOf {
		if st == status && kind != fault.Unpaired && kind != fault.Stopped && kind != fault.Starting {
			return string(kind)
		}
	}
	return strings.ReplaceAll(strings.ToLower(http.StatusText(status)), " ", "_")
}
