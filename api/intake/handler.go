package intake

import (
	"context"
	"net/http"
	"time"
)

// Rules are for bodies about which nothing else is known.
type Rules struct {
	Whole  time.Duration // for all of it; default 30 s
	Linger time.Duration // for the rest, once the answer has begun; default 5 s
	// Unread is told, with the request's context, that the handler is done and
	// more of the body may come. May be nil.
	Unread func(context.Context)
}

// Handler puts a deadline on every body before next sees it. What next leaves
// unread is net/http's to deal with: it reads a small rest, within the deadline,
// to keep the connection, and gives the connection up otherwise.
func Handler(next http.Handler, rules Rules) http.Handler {
	if rules.Whole == 0 {
		rules.Whole = 30 * time.Second
	}
	if rules.Linger == 0 {
		rules.Linger = 5 * time.Second
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Body == nil || r.Body == http.NoBody || r.ContentLength == 0 {
			next.ServeHTTP(w, r)
			return
		}
		b := &Body{raw: r.Body, ctl: http.NewResponseController(w), length: r.ContentLength, lingers: rules.Linger}
		b.Within(rules.Whole, 0)
		// A copy: net/http looks at the body of its own request to decide what to do with the rest.
		seen := r.WithContext(context.WithValue(r.Context(), bodyKey{}, b))
		seen.Body = b
		next.ServeHTTP(&answer{w, b}, seen)
		b.linger()
		if rules.Unread != nil && b.more() {
			rules.Unread(r.Context())
		}
	})
}

// answer notices when the answer begins before the body is whole.
type answer struct {
	http.ResponseWriter
	body *Body
}

func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

func (a *answer) WriteHeader(status int) {
	if status >= http.StatusOK {
		a.body.linger()
	}
	a.ResponseWriter.WriteHeader(status)
}

func (a *answer) Write(p []byte) (int, error) {
	a.body.linger() // a Write may be the first that is heard of the answer
	return a.ResponseWriter.Write(p)
}

// linger leaves little time to a body that is not needed any more: net/http
// waits for some of it before it writes the answer's head.
func (b *Body) linger() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if at := time.Now().Add(b.lingers); !b.whole && at.Before(b.until) {
		b.until, b.progress = at, 0
		b.arm()
	}
}

// more tells whether something of the body may still come.
func (b *Body) more() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return !b.whole && !b.late
}
