package wallclock

import (
	"testing"
	"time"
)

func TestAClockIsBelievedWhenItRanEvenly(t *testing.T) {
	w := New()
	if w.Steady() {
		t.Error("it was believed at once")
	}
	for _, look := range []struct {
		mono, ahead time.Duration
		steady      bool
		what        string
	}{
		{Settled - time.Second, 0, false, "not long enough"},
		{Settled, 0, true, "long enough"},
		{Settled + time.Minute, 30 * time.Second, true, "slewed"},
		{2 * Settled, 26 * time.Hour, false, "set ahead"},
		{2*Settled + time.Second, 0, false, "and back again"},
		{3 * Settled, 0, false, "not long enough since"},
		{3*Settled + time.Second, 0, true, "long enough since"},
		{4 * Settled, -time.Hour, false, "set back"},
		{5 * Settled, -time.Hour, true, "and left there"},
	} {
		if got := w.look(look.mono, look.mono+look.ahead); got != look.steady {
			t.Errorf("%s: steady %t", look.what, got)
		}
	}
}
