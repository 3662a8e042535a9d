package worker

import (
	"testing"
	"time"
)

func TestPace(t *testing.T) {
	t.Parallel()
	now := time.Now()
	p := newLimiter(100)
	for range 25 {
		if d := p.ReserveN(now, receiptsPerMessage).DelayFrom(now); d > 0 {
			t.Fatalf("one of the first 25 waits %s", d)
		}
	}
	var last time.Duration
	for range 75 {
		last = p.ReserveN(now, receiptsPerMessage).DelayFrom(now)
	}
	if last.Round(time.Millisecond) != 750*time.Millisecond {
		t.Errorf("the hundredth waits %s", last)
	}
	if d := p.ReserveN(now, 1).DelayFrom(now) - last; d.Round(100*time.Microsecond) != 2500*time.Microsecond {
		t.Errorf("a receipt takes %s", d)
	}
	if d := newLimiter(0).ReserveN(now, 1000).DelayFrom(now); d != 0 {
		t.Errorf("without a limit one waits %s", d)
	}
	if d := newLimiter(1).ReserveN(now, receiptsPerMessage); !d.OK() {
		t.Error("one message a second is refused")
	}
}
