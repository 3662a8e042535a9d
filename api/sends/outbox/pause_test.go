package outbox

import (
	"testing"
	"time"

	"whatsapp-manager/proto/fault"
	"whatsapp-manager/supervisor"
)

// A pause that began while the clock was a day ahead is over when it was meant to be.
func TestAPauseEndsByTheClockThatNobodySets(t *testing.T) {
	const id = supervisor.ID("a")
	until := time.Now().Add(24 * time.Hour)
	q := &Queue{pauses: map[supervisor.ID]begun{id: {until: until.UTC().Round(0), over: time.Now().Add(time.Second)}}}
	if left := q.pauseLeft(id, until.Round(0)); left > time.Second {
		t.Errorf("%s are left", left)
	}
	if left := q.pauseLeft(id, until.Add(time.Hour)); left < 24*time.Hour {
		t.Errorf("of one that began elsewhere only %s are left", left)
	}
}

// Who is away for a moment is not waited for as for one who is away for long.
func TestWhoIsAwayIsTriedSoonAndThenLessOften(t *testing.T) {
	away := fault.New(fault.Offline, "test", "away")
	for attempts, want := range map[int]time.Duration{1: time.Second, 2: 2 * time.Second, 4: 8 * time.Second, 5: awayWait, 1000: awayWait} {
		if wait, final := waitAfter(away, attempts); wait != want || final {
			t.Errorf("after %d attempts: wait %s, final %t", attempts, wait, final)
		}
	}
}
