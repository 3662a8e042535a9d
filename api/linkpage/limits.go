package linkpage

import (
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/time/rate"

	"whatsapp-manager/proto/fault"
)

const (
	// remembered pages and addresses; whoever is forgotten begins anew.
	remembered = 10_000
	// waiting is how many requests may wait at one page: a few open tabs.
	waiting = 10
)

// pace is how often something may be done.
type pace struct {
	name   string
	every  time.Duration
	atOnce int
}

var (
	looks = pace{"look", 250 * time.Millisecond, 40} // at one page
	acts  = pace{"act", 2 * time.Second, 10}         // of one page: passkey, confirmation
	// WhatsApp counts how often codes are asked for.
	begins   = pace{"begin", 10 * time.Second, 6}        // of one page
	numbers  = pace{"number", time.Minute, 3}            // of one instance: each rings on somebody's phone
	tokens   = pace{"token", 100 * time.Millisecond, 60} // of one token, whatever it opens
	unknowns = pace{"unknown", 2 * time.Second, 50}      // tokens that open nothing, from one address
	notFast  = "this was asked too often; wait a moment" // for people
)

// limits bounds what pages, and guesses at their tokens, may ask for.
type limits struct {
	limiters *lru.Cache[string, *rate.Limiter]

	mu    sync.Mutex
	waits map[string]*waits // guarded by mu; by page, as long as somebody waits
}

// waits are the requests that wait at one page.
type waits struct {
	n    int
	gone chan struct{} // closed when the page is revoked
}

func newLimits() *limits {
	limiters, err := lru.New[string, *rate.Limiter](remembered)
	if err != nil {
		panic(err) // only for a size below one
	}
	return &limits{limiters: limiters, waits: map[string]*waits{}}
}

// take counts one more, and fails with fault.RateLimited when that is too soon.
func (l *limits) take(p pace, whose string) error {
	place := l.limiter(p, whose).Reserve()
	if wait := place.Delay(); wait > 0 {
		place.Cancel()
		return &fault.Error{Kind: fault.RateLimited, Op: "linkpage.limits", Msg: notFast, RetryAfter: wait}
	}
	return nil
}

// spent reports whether nothing more may be taken now, and takes nothing.
func (l *limits) spent(p pace, whose string) bool { return l.limiter(p, whose).Tokens() < 1 }

func (l *limits) limiter(p pace, whose string) *rate.Limiter {
	key := p.name + "\x00" + whose
	fresh := rate.NewLimiter(rate.Every(p.every), p.atOnce)
	if known, ok, _ := l.limiters.PeekOrAdd(key, fresh); ok {
		l.limiters.Get(key) // used a moment ago
		return known
	}
	return fresh
}

// wait lets a request wait at the page until leave is called. gone is closed when
// the page is revoked. It fails with fault.RateLimited when too many wait there.
func (l *limits) wait(page string) (gone <-chan struct{}, leave func(), err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	w := l.waits[page]
	if w == nil {
		w = &waits{gone: make(chan struct{})}
		l.waits[page] = w
	}
	if w.n >= waiting {
		return nil, nil, &fault.Error{Kind: fault.RateLimited, Op: "linkpage.limits", Msg: "the page is open too often", RetryAfter: 5 * time.Second}
	}
	w.n++
	return w.gone, func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		if w.n--; w.n == 0 && l.waits[page] == w {
			delete(l.waits, page)
		}
	}, nil
}

// wake ends the waits at a page.
func (l *limits) wake(page string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if w := l.waits[page]; w != nil {
		close(w.gone)
		delete(l.waits, page)
	}
}
