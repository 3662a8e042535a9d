// Package trace carries what is learnt about a request on its way through the
// API: who asks, for which instance, with which outcome. The access log, the
// error answers and the metrics read it at the end.
//
// It must not know how a request is authenticated or answered; those who do write
// down here what the others need.
package trace

import (
	"context"
	"regexp"
	"time"

	"github.com/rs/zerolog"

	"whatsapp-manager/api/budget"
	"whatsapp-manager/supervisor"
)

// Trace is what is known of one request. One goroutine handles a request, so it
// needs no lock.
type Trace struct {
	ID       string // of the request; the client may have chosen it
	IP       string // of the client, behind trusted proxies
	Instance supervisor.ID
	User     string
	Method   string          // of the proxy
	Code     string          // of a failure
	SendKey  string          // the key by which a failed send can be asked for and repeated
	Replayed bool            // the answer is that of an earlier request with the same key
	Body     []byte          // read and checked; nil when there was none
	Paced    bool            // the call has waited for its place in the instance's pace
	Longer   time.Duration   // what the call may take beyond others, since it carries a file
	Account  *budget.Account // what the request holds of the memory; nil as long as it holds nothing
}

type key struct{}

// With returns a context that carries the trace.
func With(ctx context.Context, t *Trace) context.Context { return context.WithValue(ctx, key{}, t) }

// Of returns the request's trace. Outside of requests it returns an empty one.
func Of(ctx context.Context) *Trace {
	if t, ok := ctx.Value(key{}).(*Trace); ok {
		return t
	}
	return &Trace{}
}

// Logger returns log with the request's id and instance in each line.
func (t *Trace) Logger(log zerolog.Logger) *zerolog.Logger {
	with := log.With().Str("request", t.ID)
	if t.Instance != "" {
		with = with.Str("instance", string(t.Instance))
	}
	l := with.Logger()
	return &l
}

var keyInText = regexp.MustCompile(`(wam|wrt|lnk)_[A-Za-z0-9_-]+`)

// HideKeys returns the text without the API keys and tokens in it.
func HideKeys(text string) string { return keyInText.ReplaceAllString(text, "${1}_***") }
