package backoff

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func TestPausesDoubleUpToTheirLimitAndAreSpread(t *testing.T) {
	b := New(time.Second, 5*time.Second)
	for round := range 3 {
		different := false
		for i, middle := range []time.Duration{1, 2, 4, 5, 5, 5} {
			middle *= time.Second //nolint:durationcheck // the row counts seconds
			got := b.Next()
			if got < middle*3/4 || got > middle*5/4+1 {
				t.Errorf("round %d, pause %d is %s, want %s within a quarter", round, i, got, middle)
			}
			different = different || got != middle
		}
		if !different {
			t.Error("no pause is spread")
		}
		b.Reset()
	}
}

func TestAFirstPauseAboveTheLimitIsCut(t *testing.T) {
	if got := New(time.Minute, time.Second).Next(); got > 5*time.Second/4+1 {
		t.Errorf("got %s", got)
	}
}

func TestASleepEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began := time.Now()
		if err := Sleep(ctx, time.Hour); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != time.Second {
			t.Errorf("got %v after %s", err, time.Since(began))
		}
		if err := Sleep(ctx, 0); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a sleep of nothing did not ask its context: %v", err)
		}
		if err := Sleep(t.Context(), time.Minute); err != nil || time.Since(began) != time.Minute+time.Second {
			t.Errorf("got %v after %s", err, time.Since(began))
		}
	})
}
