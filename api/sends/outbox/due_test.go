package outbox_test

import (
	"slices"
	"testing"
	"time"
)

// What was to go at once goes, although the clock that it was accepted by was ahead
// and is right now. It holds up nothing, and what is scheduled waits for its time.
func TestAClockThatWasAheadMakesNothingWait(t *testing.T) {
	r, run := newRig(t, -1)
	r.queue("now", "now", nil)
	later := time.Now().Add(30 * time.Minute)
	r.queue("later", "later", &later)
	states := map[string]int{}
	rows, err := r.store.Pool().Query(t.Context(), `select state::text from river_job`)
	must(t, err)
	for rows.Next() {
		var state string
		must(t, rows.Scan(&state))
		states[state]++
	}
	must(t, rows.Err())
	if states["available"] != 1 || states["scheduled"] != 1 {
		t.Errorf("jobs: %v", states) // the first must not wait for River's clock
	}
	_, err = r.store.Pool().Exec(t.Context(), `update sends set send_at = send_at + interval '1 hour', created_at = created_at + interval '1 hour' where key = 'now'`)
	must(t, err)
	run()
	r.state("now", "sent")
	r.queue("next", "next", nil)
	r.state("next", "sent")
	if got := texts(r.seen()); !slices.Equal(got, []string{"now", "next"}) {
		t.Errorf("sent %v", got)
	}
	r.state("later", "queued")
}

// The job of a queue may be gone, too, or have its time an hour ahead.
func TestTheSweepFindsWhatAClockAheadLeft(t *testing.T) {
	r, run := newRig(t, -1)
	r.queue("now", "now", nil)
	_, err := r.store.Pool().Exec(t.Context(), `update sends set send_at = send_at + interval '1 hour', created_at = created_at + interval '1 hour'`)
	must(t, err)
	_, err = r.store.Pool().Exec(t.Context(), `delete from river_job`)
	must(t, err)
	run()
	r.state("now", "sent")
}
