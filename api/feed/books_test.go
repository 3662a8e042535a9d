package feed_test

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"whatsapp-manager/api/feed"
	"whatsapp-manager/supervisor/store"
)

// noting is a store that notes what is written.
type noting struct {
	feed.Deliveries
	mu       sync.Mutex
	advances [][]store.Progress
	rows     []store.Attempt
}

func (s *noting) AdvanceEndpoints(ctx context.Context, all []store.Progress) error {
	s.mu.Lock()
	s.advances = append(s.advances, all)
	s.mu.Unlock()
	return s.Deliveries.AdvanceEndpoints(ctx, all)
}

func (s *noting) RecordAttempts(ctx context.Context, rows []store.Attempt) error {
	s.mu.Lock()
	s.rows = append(s.rows, rows...)
	s.mu.Unlock()
	return s.Deliveries.RecordAttempts(ctx, rows)
}

func (s *noting) written() (advances, entries, rows int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, all := range s.advances {
		if len(all) > 0 {
			advances++
		}
		entries += len(all)
	}
	return advances, entries, len(s.rows)
}

// What many endpoints got is written down together, and no post that went well.
func TestWhatIsDeliveredIsWrittenForAllAtOnce(t *testing.T) {
	t.Parallel()
	const endpoints, events = 8, 40
	r, hook := newRig(t, feed.Options{}), newReceiver(t)
	s := &noting{Deliveries: r.store}
	r.delivers = s
	var ids []string
	for i := range endpoints {
		ids = append(ids, r.endpoint(hook.URL, func(e *store.Endpoint) { e.ID = "hook" + strconv.Itoa(i) }).ID)
	}
	r.run()
	for n := range events {
		r.happen("chat", 1)
		hook.wait(t, "the event at all endpoints", func(accepted, _ []post) bool { return len(accepted) >= endpoints*(n+1) })
	}
	r.stop()
	for _, id := range ids {
		if !r.agree(id, events) {
			t.Errorf("%s\n%s", id, r.books())
		}
	}
	if advances, entries, rows := s.written(); advances > entries/2 || rows > 0 {
		t.Errorf("%d writes of %d endpoints, %d posts", advances, entries, rows)
	}
}

// The first who looks sees the newest posts that went well, and from then on they are
// written down. Those that fail always are.
func TestPostsAreWrittenDownForWhoLooks(t *testing.T) {
	t.Parallel()
	o, hook := newOffice(t), newReceiver(t)
	made := o.do(http.StatusCreated, "POST", "/api/instances/"+string(instance)+"/webhooks", o.admin, map[string]any{"url": hook.URL})
	id := at(made, "webhook.id").(string)
	stored := func() (seqs []uint64) {
		t.Helper()
		rows, _, err := o.store.Attempts(t.Context(), id, 0, 200)
		must(t, err)
		for _, row := range rows {
			seqs = append(seqs, row.Seq)
		}
		return seqs
	}
	total := func() float64 {
		t.Helper()
		return at(o.do(http.StatusOK, "GET", "/api/webhooks/"+id+"/deliveries", o.admin, nil), "pagination.total").(float64)
	}
	hook.answers(refuseChat("bad", http.StatusBadGateway))
	o.happen("good", 30)
	o.happen("bad", 1)
	hook.wait(t, "all posts", func(accepted, tries []post) bool { return len(accepted) == 30 && len(tries) > 30 })
	o.eventually("the failure is written down", func() bool { return len(stored()) > 0 })
	for _, seq := range stored() {
		if seq != 31 {
			t.Errorf("the post of event %d is written down", seq)
		}
	}
	hook.answers(nil)
	hook.wait(t, "the retry", func(accepted, _ []post) bool { return len(accepted) == 31 })
	o.eventually("the endpoint is settled", func() bool { return o.agree(id, 31) })
	failed := len(stored())
	if n := int(total()); n != failed+20 {
		t.Errorf("who looks first sees %d posts, of which %d failed", n, failed)
	}
	rows, _, err := o.store.Attempts(t.Context(), id, 0, 200)
	must(t, err)
	if !slices.IsSortedFunc(rows, func(a, b store.Attempt) int { return b.At.Compare(a.At) }) {
		t.Errorf("not newest first: %v", rows)
	}
	o.happen("good", 3)
	o.eventually("the next posts are written down, unasked", func() bool { return len(stored()) == failed+23 })
}

// An endpoint may go while its deliveries are not written down yet: that stops no other.
func TestAnEndpointGoesBeforeItsDeliveriesAreWritten(t *testing.T) {
	t.Parallel()
	r, hook := newRig(t, feed.Options{}), newReceiver(t)
	r.run()
	gone, stays := r.endpoint(hook.URL), r.endpoint(hook.URL)
	r.happen("chat", 3)
	hook.wait(t, "both have it", func(accepted, _ []post) bool { return len(accepted) == 6 })
	must(t, r.store.DeleteEndpoint(t.Context(), gone.ID))
	r.deliverer.Changed(t.Context(), gone.ID)
	r.happen("chat", 1)
	r.eventually("the other is written down", func() bool { return r.agree(stays.ID, 4) })
	r.stop()
}

// What was delivered before a failure does not take its error away.
func TestAnErrorOutlivesTheSuccessesBeforeIt(t *testing.T) {
	t.Parallel()
	r, hook := newRig(t, feed.Options{Schedule: feed.Schedule{First: time.Hour, Longest: time.Hour}}), newReceiver(t)
	hook.answers(refuseChat("bad", http.StatusBadGateway))
	r.run()
	e := r.endpoint(hook.URL)
	r.happen("good", 5)
	hook.waitAll(t, 5)
	r.happen("bad", 1)
	r.parked(e, "bad", 1)
	r.eventually("all are counted", func() bool {
		now, err := r.store.Endpoint(t.Context(), e.ID)
		must(t, err)
		return now.Delivered == 5
	})
	r.stop()
	now, err := r.store.Endpoint(t.Context(), e.ID)
	must(t, err)
	if now.LastError == "" || now.Cursor != 6 {
		t.Errorf("%s", r.books())
	}
}
