package api

import (
	"context"
	"sync"
	"time"

	"whatsapp-manager/proto/fault"
	"whatsapp-manager/supervisor"
)

// longestTurn is how long a call may wait for its turn before it is refused.
const longestTurn = 2 * time.Second

// callPace keeps each instance at its number of calls a second, so that one
// client that calls as fast as it can leaves the machine to the others. Calls
// above it wait for their turn instead of being refused: a client in a loop
// would come back at once, and refusing it costs as much as serving it. One
// second's worth of calls may come at once.
type callPace struct {
	perSecond int // 0: no limit

	mu   sync.Mutex
	full map[supervisor.ID]time.Time // guarded by mu; when all that was booked is due
}

func newCallPace(perSecond int) *callPace {
	return &callPace{perSecond: perSecond, full: map[supervisor.ID]time.Time{}}
}

// wait returns when it is the call's turn; fault.RateLimited when that is too far away.
func (p *callPace) wait(ctx context.Context, id supervisor.ID) error {
	const op = "api.callPace"
	turn := p.book(id, time.Now())
	switch {
	case turn <= 0:
		return nil
	case turn > longestTurn:
		return &fault.Error{Kind: fault.RateLimited, Op: op, Code: "call_rate", Msg: "the instance is called more often than it may be", RetryAfter: turn}
	}
	timer := time.NewTimer(turn)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return fault.Wrap(fault.Deadline, op, ctx.Err(), "no answer in time")
	}
}

// book says how far away the turn of a call is, and books it unless that is too far.
func (p *callPace) book(id supervisor.ID, now time.Time) time.Duration {
	if p.perSecond <= 0 {
		return 0
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	full := p.full[id]
	if full.Before(now) {
		full = now
	}
	turn := full.Sub(now) - time.Second + time.Second/time.Duration(p.perSecond)
	if turn <= longestTurn {
		p.full[id] = full.Add(time.Second / time.Duration(p.perSecond))
	}
	return turn
}

// forget drops what is booked of an instance that is gone.
func (p *callPace) forget(id supervisor.ID) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.full, id)
}
