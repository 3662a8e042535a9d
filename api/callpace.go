package api

import (
	"context"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"whatsapp-manager/proto/backoff"
	"whatsapp-manager/proto/fault"
	"whatsapp-manager/supervisor"
)

// longestWait is how long a call may wait for its place before it is refused.
const longestWait = 2 * time.Second

// callPace keeps each instance at its number of calls a second, so that one
// client that calls as fast as it can leaves the machine to the others. Calls
// above that number wait instead of being refused: a client in a loop would come
// back at once, and refusing it costs as much as serving it. One second's worth
// of calls may come at once.
type callPace struct {
	perSecond int // 0: no limit

	mu       sync.Mutex
	limiters map[supervisor.ID]*rate.Limiter // guarded by mu
}

func newCallPace(perSecond int) *callPace {
	return &callPace{perSecond: perSecond, limiters: map[supervisor.ID]*rate.Limiter{}}
}

// wait returns when the call may go on, and fault.RateLimited when that is too far
// away.
func (p *callPace) wait(ctx context.Context, id supervisor.ID) error {
	const op = "api.callPace"
	if p.perSecond <= 0 {
		return nil
	}
	place := p.limiter(id).Reserve()
	wait := place.Delay()
	if wait > longestWait {
		place.Cancel()
		return &fault.Error{
			Kind: fault.RateLimited, Op: op, Code: "call_rate", RetryAfter: wait,
			Msg: "the instance gets more calls than it may get in a second",
		}
	}
	if err := backoff.Sleep(ctx, wait); err != nil && wait > 0 {
		return fault.Wrap(fault.Deadline, op, err, "no answer in time")
	}
	return nil
}

func (p *callPace) limiter(id supervisor.ID) *rate.Limiter {
	p.mu.Lock()
	defer p.mu.Unlock()
	l := p.limiters[id]
	if l == nil {
		l = rate.NewLimiter(rate.Limit(p.perSecond), p.perSecond)
		p.limiters[id] = l
	}
	return l
}

// forget drops what is booked of an instance that is gone.
func (p *callPace) forget(id supervisor.ID) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.limiters, id)
}
