package sends

import (
	"testing"
	"time"
)

func TestSendWindowSlides(t *testing.T) {
	l, at := newLimits(), time.Unix(1_800_000_000, 0)
	take := func(after time.Duration) time.Duration {
		_, wait := l.take("a", 2, at.Add(after))
		return wait
	}
	if take(0) != 0 || take(10*time.Second) != 0 {
		t.Error("the first two have to wait")
	}
	if wait := take(20 * time.Second); wait != 40*time.Second {
		t.Errorf("the third waits %s, want 40s", wait)
	}
	if take(60*time.Second) != 0 {
		t.Error("a minute later the first still counts")
	}
	if wait := take(61 * time.Second); wait != 9*time.Second {
		t.Errorf("waits %s, want 9s for the second", wait)
	}
}
