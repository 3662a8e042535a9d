package intake

import (
	"context"
	"net/http"
	"time"
)

// Times are for bodies about which nothing else is known.
type Times struct {
	Whole  time.Duration // for all of it; default 30 s
	Linger time.Duration // for the rest, once the answer has begun; default 5 s
}

// Handler puts a deadline on every body before next sees it. What next leaves
// unread is net/http's to deal with: it reads a small rest, within the deadline,
// to keep the connection, and gives the connection up otherwise.
func Handler(next http.Handler, times Times) http.Handler {
	if times.Whole == 0 {
		times.Whole = 30 * time.Second
	}
	if times.Linger == 0 {
		times.Linger = 5 * time.Second
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Body == nil || r.Body == http.NoBody || r.ContentLength == 0 {
			next.ServeHTTP(w, r)
			return
		}
		b := &Body{raw: r.Body, ctl: http.NewResponseController(w), length: r.ContentLength, lingers: times.Linger}
		b.Within(times.Whole, 0)
		// A copy: net/http looks at the body of its own request to decide what to do with the rest.
		seen := r.WithContext(context.WithValue(r.Context(), bodyKey{}, b))
		seen.Body = b
		next.ServeHTTP(&answer{w, b}, seen)
		b.linger()
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
