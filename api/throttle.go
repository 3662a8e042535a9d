package api

import (
	"sync"
	"time"

	"golang.org/x/time/rate"

	"whatsapp-manager/proto/fault"
)

const (
	// Per address and account: five tries at once, then one each twelve seconds.
	triesAtOnce = 5
	triesEvery  = 12 * time.Second
	// Per address over all accounts, against one password tried on many.
	triesOfIP      = 50
	triesOfIPEvery = 2 * time.Second
	// forgetAbove bounds the memory: when as many are remembered, those that
	// have recovered are forgotten.
	forgetAbove = 10_000
)

// throttle slows guessing of passwords down. Safe for use at the same time.
type throttle struct {
	mu       sync.Mutex
	limiters map[string]*rate.Limiter // guarded by mu
}

func newThrottle() *throttle { return &throttle{limiters: map[string]*rate.Limiter{}} }

// try counts one attempt from ip at account and fails with fault.RateLimited
// when there were too many.
func (t *throttle) try(ip, account string, now time.Time) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.limiters) >= forgetAbove {
		t.forget(now)
	}
	for _, l := range []*rate.Limiter{
		t.limiter("ip\x00"+ip, triesOfIP, triesOfIPEvery), t.limiter("login\x00"+ip+"\x00"+account, triesAtOnce, triesEvery),
	} {
		r := l.ReserveN(now, 1)
		if wait := r.DelayFrom(now); wait > 0 {
			r.CancelAt(now)
			return &fault.Error{Kind: fault.RateLimited, Op: "api.login", Code: "too_many_attempts", Msg: "too many attempts; wait before the next one", RetryAfter: wait}
		}
	}
	return nil
}

// forgive forgets the attempts of ip at account after one that was right.
func (t *throttle) forgive(ip, account string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.limiters, "login\x00"+ip+"\x00"+account)
}

func (t *throttle) limiter(key string, burst int, every time.Duration) *rate.Limiter {
	l, ok := t.limiters[key]
	if !ok {
		l = rate.NewLimiter(rate.Every(every), burst)
		t.limiters[key] = l
	}
	return l
}

func (t *throttle) forget(now time.Time) {
	for key, l := range t.limiters {
		if l.TokensAt(now) >= float64(l.Burst()) {
			delete(t.limiters, key)
		}
	}
	if len(t.limiters) >= forgetAbove {
		// An attack from many addresses at once: start over rather than grow.
		clear(t.limiters)
	}
}
