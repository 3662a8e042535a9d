package outbox

import (
	"testing"
	"time"

	"whatsapp-manager/supervisor"
)

// A rest that began while the clock was a day ahead is over when it was meant to be.
func TestARestEndsByTheClockThatNobodySets(t *testing.T) {
	const id = supervisor.ID("a")
	until := time.Now().Add(24 * time.Hour)
	q := &Queue{rests: map[supervisor.ID]rested{id: {until: until.UTC().Round(0), over: time.Now().Add(time.Second)}}}
	if left := q.restLeft(id, until.Round(0)); left > time.Second {
		t.Errorf("%s are left", left)
	}
	if left := q.restLeft(id, until.Add(time.Hour)); left < 24*time.Hour {
		t.Errorf("of one that began elsewhere only %s are left", left)
	}
}
