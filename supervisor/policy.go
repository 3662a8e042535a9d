package supervisor

import (
	"math"
	"math/rand/v2"
	"time"
)

// Policy says how often and how soon a worker that ended is started again.
// Zero fields take the defaults named here.
type Policy struct {
	MinDelay time.Duration // before the first restart: 200 ms
	MaxDelay time.Duration // no delay exceeds it: 30 s
	Factor   float64       // growth from one restart to the next: 2
	Jitter   float64       // each delay varies by this share in both directions: 0.2
	Budget   int           // ends within Window that open the breaker: 5
	Window   time.Duration // 10 min
	CoolDown time.Duration // how long the open breaker waits for its one trial start: 5 min
	Stable   time.Duration // a worker attached for this long forgives all earlier ends: 2 min
}

func (p Policy) withDefaults() Policy {
	or := func(d *time.Duration, def time.Duration) {
		if *d == 0 {
			*d = def
		}
	}
	or(&p.MinDelay, 200*time.Millisecond)
	or(&p.MaxDelay, 30*time.Second)
	or(&p.Window, 10*time.Minute)
	or(&p.CoolDown, 5*time.Minute)
	or(&p.Stable, 2*time.Minute)
	if p.Factor == 0 {
		p.Factor = 2
	}
	if p.Jitter == 0 {
		p.Jitter = 0.2
	}
	if p.Budget == 0 {
		p.Budget = 5
	}
	return p
}

// breaker remembers the ends of one instance's workers. Not safe for concurrent
// use.
//
// It is our own because the breakers of libraries wrap a call, and there is none
// here: the end of a process is reported, its delay becomes a timer of the state
// machine, and open is the instance's state Failed, which others see and the
// owner can leave. A delay grows as Policy says, which may be set.
type breaker struct {
	policy Policy
	random func() float64 // in [0, 1)
	ends   []time.Time    // within the window, oldest first
	streak int            // ends since the last stable run
	trial  bool           // half-open: the next end opens it again at once
}

func newBreaker(p Policy) *breaker {
	return &breaker{policy: p.withDefaults(), random: rand.Float64}
}

// exited notes an unasked end of a worker that had been attached for ran, and
// returns how long to wait before the next start and whether the breaker is open.
func (b *breaker) exited(now time.Time, ran time.Duration) (delay time.Duration, open bool) {
	if ran >= b.policy.Stable {
		b.reset()
	}
	for len(b.ends) > 0 && now.Sub(b.ends[0]) >= b.policy.Window {
		b.ends = b.ends[1:]
	}
	b.ends = append(b.ends, now)
	b.streak++
	if b.trial || len(b.ends) >= b.policy.Budget {
		b.trial = true
		return b.jittered(b.policy.CoolDown), true
	}
	grown := float64(b.policy.MinDelay) * math.Pow(b.policy.Factor, float64(b.streak-1))
	return b.jittered(time.Duration(min(grown, float64(b.policy.MaxDelay)))), false
}

// reset forgets everything: the owner asked for a start, or a worker proved stable.
func (b *breaker) reset() {
	b.ends, b.streak, b.trial = nil, 0, false
}

func (b *breaker) jittered(d time.Duration) time.Duration {
	return time.Duration(float64(d) * (1 + b.policy.Jitter*(2*b.random()-1)))
}
