package supervisor

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestBreaker(t *testing.T) {
	type end struct {
		pause time.Duration // since the last end
		ran   time.Duration
		delay time.Duration
		open  bool
	}
	policy := Policy{
		MinDelay: time.Second, MaxDelay: 5 * time.Second, Factor: 2, Jitter: 0.5,
		Budget: 4, Window: time.Minute, CoolDown: 3 * time.Minute, Stable: 30 * time.Second,
	}
	for _, tc := range []struct {
		name string
		ends []end
	}{
		{"delays grow to the limit as long as the budget lasts", []end{
			{0, 0, time.Second, false},
			{20 * time.Second, 0, 2 * time.Second, false},
			{20 * time.Second, 0, 4 * time.Second, false},
			{20 * time.Second, 0, 5 * time.Second, false}, // the first has left the window
		}},
		{"the budget opens the breaker, the trial start decides", []end{
			{0, 0, time.Second, false},
			{time.Second, 0, 2 * time.Second, false},
			{time.Second, 0, 4 * time.Second, false},
			{time.Second, 0, 3 * time.Minute, true},
			{4 * time.Minute, time.Second, 3 * time.Minute, true},
			{4 * time.Minute, 31 * time.Second, time.Second, false},
		}},
		{"a stable run forgives", []end{
			{0, 0, time.Second, false},
			{time.Second, 0, 2 * time.Second, false},
			{40 * time.Second, 30 * time.Second, time.Second, false},
			{time.Second, 0, 2 * time.Second, false},
			{time.Second, 0, 4 * time.Second, false},
			{time.Second, 0, 3 * time.Minute, true},
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBreaker(policy)
				b.random = func() float64 { return 0.5 } // the middle of the jitter
				for n, e := range tc.ends {
					time.Sleep(e.pause) // the bubble's clock
					delay, open := b.exited(time.Now(), e.ran)
					if delay != e.delay || open != e.open {
						t.Fatalf("end %d: got %s open=%v, want %s open=%v", n+1, delay, open, e.delay, e.open)
					}
				}
			})
		})
	}
}

func TestBreakerResetByOwner(t *testing.T) {
	b := newBreaker(Policy{Budget: 2})
	now := time.Unix(0, 0)
	b.exited(now, 0)
	if _, open := b.exited(now, 0); !open {
		t.Fatal("the budget of 2 did not open the breaker")
	}
	b.reset()
	if _, open := b.exited(now, 0); open {
		t.Fatal("a breaker that was reset opened at the first end")
	}
}

func TestJitterStaysInItsShare(t *testing.T) {
	b := newBreaker(Policy{MinDelay: time.Second, Jitter: 0.2})
	for range 1000 {
		b.reset()
		if d, _ := b.exited(time.Unix(0, 0), 0); d < 800*time.Millisecond || d > 1200*time.Millisecond {
			t.Fatalf("delay %s is outside 1 s ± 20 %%", d)
		}
	}
}
