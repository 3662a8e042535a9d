package feed_test

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"whatsapp-manager/api/feed"
	"whatsapp-manager/supervisor/store"
	"whatsapp-manager/supervisor/store/storetest"
)

// A chat whose events are always refused is all that fails: the others must
// not wait until it has been given up.
func TestAQuietFailingChatHoldsUpNobody(t *testing.T) {
	t.Parallel()
	r, hook := newRig(t, feed.Options{}), newReceiver(t)
	hook.answers(refuseChat("sick", http.StatusUnprocessableEntity))
	r.run()
	r.endpoint(hook.URL)
	r.happen("sick", 1)
	for i := range 5 {
		_, before := hook.got()
		hook.wait(t, "the receiver seems to be down", func(_, tries []post) bool { return len(tries) >= len(before)+4 })
		r.happen("well", 1)
		hook.waitAll(t, i+1)
	}
}

// Retry-After of a 429 is meant for the whole endpoint.
func TestTooManyRequestsHoldsTheEndpoint(t *testing.T) {
	t.Parallel()
	r, hook := newRig(t, feed.Options{Schedule: feed.Schedule{First: time.Millisecond, Longest: 2 * time.Second, GiveUp: time.Hour}}), newReceiver(t)
	var refused, accepted atomic.Int64 // when, first
	hook.answers(func(_ post, w http.ResponseWriter) bool {
		if refused.CompareAndSwap(0, time.Now().UnixNano()) {
			w.Header().Set("Retry-After", "1")
			w.WriteHeader(http.StatusTooManyRequests)
			return false
		}
		accepted.CompareAndSwap(0, time.Now().UnixNano())
		return true
	})
	r.run()
	e := r.endpoint(hook.URL)
	r.happen("first", 1)
	r.parked(e, "first", 1)
	r.happen("second", 3)
	hook.waitAll(t, 4)
	if waited := time.Duration(accepted.Load() - refused.Load()); waited < time.Second {
		t.Errorf("posted again after %v", waited)
	}
}

// A receiver may answer with any bytes; none of them may stop delivery.
func TestAnAnswerThatIsNoTextStopsNothing(t *testing.T) {
	t.Parallel()
	r, hook := newRig(t, feed.Options{}), newReceiver(t)
	var odd atomic.Bool
	odd.Store(true)
	hook.answers(func(_ post, w http.ResponseWriter) bool {
		if !odd.Load() {
			return true
		}
		conn, out, err := w.(http.Hijacker).Hijack()
		if err != nil {
			return false
		}
		defer conn.Close()
		fmt.Fprint(out, "HTTP/1.1 500 \xff\xfe\x00broken\r\nContent-Length: 0\r\n\r\n")
		_ = out.Flush()
		return false
	})
	r.run()
	e := r.endpoint(hook.URL)
	r.happen("chat", 2)
	r.eventually("the failure is noted", func() bool {
		e, err := r.store.Endpoint(t.Context(), e.ID)
		must(t, err)
		return e.LastError == "the receiver answered 500 Internal Server Error"
	})
	odd.Store(false)
	hook.waitAll(t, 2)
}

// A hundred successes among the retries of a failing chat must not use up its
// retries sooner than the schedule says.
func TestSuccessesOfOthersSpendNoRetries(t *testing.T) {
	t.Parallel()
	r := newRig(t, feed.Options{Schedule: feed.Schedule{First: 20 * time.Millisecond, Longest: time.Hour, GiveUp: 2 * time.Hour}})
	hook := newReceiver(t)
	hook.answers(refuseChat("sick", http.StatusInternalServerError))
	r.run()
	e := r.endpoint(hook.URL)
	began := time.Now()
	r.happen("sick", 1)
	for i := range 30 {
		_, before := hook.got()
		hook.wait(t, "another try", func(_, tries []post) bool { return len(tries) > len(before) || len(tries) > 3+i })
		r.happen("well", 1)
		hook.waitAll(t, i+1)
	}
	rows, err := r.store.BacklogLane(t.Context(), e.ID, "sick", 1)
	must(t, err)
	// Tries double their distance, a quarter off at most.
	most := 2
	for spent := 15 * time.Millisecond; spent < time.Since(began); spent *= 2 {
		most++
	}
	if len(rows) != 1 || rows[0].Attempts > most {
		t.Errorf("after %v: %+v, want at most %d attempts", time.Since(began), rows, most)
	}
}

// What was redriven while the database was away is delivered when it is back.
func TestRedriveSurvivesAnOutage(t *testing.T) {
	t.Parallel()
	pg := storetest.Server(t)
	r, hook := newRigOn(t, pg.NewURL(), feed.Options{}), newReceiver(t)
	e := r.endpoint(hook.URL, func(e *store.Endpoint) { e.Cursor = 1 })
	r.happen("chat", 1)
	dead := time.Now()
	must(t, r.store.Park(t.Context(), e.ID, 1, []store.Backlog{{EndpointID: e.ID, Seq: 1, Lane: "chat", NextAt: dead, DeadAt: &dead}}))
	r.run()
	r.happen("other", 1)
	hook.waitAll(t, 1)
	if n, err := r.store.Redrive(t.Context(), e.ID, nil, time.Now()); err != nil || n != 1 {
		t.Fatalf("redrive: %d, %v", n, err)
	}
	pg.Stop("immediate")
	r.deliverer.Redriven(t.Context(), e.ID)
	r.deliverer.Redriven(t.Context(), e.ID) // taken after the first was handed on
	pg.Start()
	hook.waitAll(t, 2)
}

// Posts under way when the deliverer ends are waited for, so that a restart of
// the manager repeats nothing that was accepted.
func TestEndingRepeatsNothingThatWasAccepted(t *testing.T) {
	t.Parallel()
	for _, parked := range []bool{false, true} {
		r, hook := newRig(t, feed.Options{}), newReceiver(t)
		if parked {
			hook.answers(refuse(http.StatusBadGateway))
		}
		r.run()
		e := r.endpoint(hook.URL)
		if parked {
			r.happen("chat", 3)
			r.parked(e, "chat", 3)
		}
		arrived, release := make(chan struct{}), make(chan struct{})
		var first atomic.Bool
		hook.answers(func(post, http.ResponseWriter) bool {
			if first.CompareAndSwap(false, true) {
				close(arrived)
				<-release
			}
			return true
		})
		if !parked {
			r.happen("chat", 3)
		}
		<-arrived
		r.cancel()
		close(release)
		r.stop()
		r.run()
		hook.waitAll(t, 3)
		r.stop()
		if accepted, _ := hook.got(); len(accepted) != 3 {
			t.Errorf("parked %v: %d accepted posts for 3 events", parked, len(accepted))
		}
		saved, err := r.store.Endpoint(t.Context(), e.ID)
		must(t, err)
		if saved.Delivered != 3 || saved.Cursor != 3 {
			t.Errorf("parked %v: delivered %d, cursor %d, want 3 and 3", parked, saved.Delivered, saved.Cursor)
		}
	}
}

// Whoever changes an endpoint must not wait for a deliverer that has ended.
func TestAnEndedDelivererBlocksNobody(t *testing.T) {
	t.Parallel()
	r := newRig(t, feed.Options{})
	r.run()
	r.stop()
	told := make(chan struct{})
	go func() {
		r.deliverer.Changed(context.Background(), "any")
		r.deliverer.Redriven(context.Background(), "any")
		close(told)
	}()
	select {
	case <-told:
	case <-time.After(10 * time.Second):
		t.Fatal("still waiting")
	}
}

// Endpoints that came, changed or went without a notice, say with their
// instance or through another manager, are found.
func TestEndpointsAreReadAnew(t *testing.T) {
	t.Parallel()
	r := newRig(t, feed.Options{Refresh: 20 * time.Millisecond})
	first, second := newReceiver(t), newReceiver(t)
	r.run()
	silently := func(url string, change func(*store.Endpoint)) store.Endpoint {
		d := r.deliverer
		r.deliverer = nil
		defer func() { r.deliverer = d }()
		return r.endpoint(url, change)
	}
	e := silently(first.URL, func(*store.Endpoint) {})
	r.happen("chat", 1)
	first.waitAll(t, 1)
	e.URL, e.UpdatedAt = second.URL, e.UpdatedAt.Add(time.Second)
	must(t, r.store.UpdateEndpoint(t.Context(), e))
	r.eventually("the new address is used", func() bool {
		r.happen("chat", 1)
		accepted, _ := second.got()
		return len(accepted) > 0
	})
	// The pass over the endpoints that finds the other instance's has found, too, that this instance is gone.
	third := newReceiver(t)
	must(t, r.store.MarkDeleted(t.Context(), instance, time.Now()))
	r.sql(`insert into instances (id, owner_id, name, created_at, updated_at) values ('bbbbbbbbbbbb', 'owner', '', now(), now())`)
	r.sql(`insert into events values ('bbbbbbbbbbbb', 1, 'key', 'message', 'chat', '{}', now())`)
	silently(third.URL, func(e *store.Endpoint) { e.Instance = "bbbbbbbbbbbb" })
	third.waitAll(t, 1)
	_, before := second.got()
	r.happen("chat", 1)
	r.stop()
	if _, after := second.got(); len(after) != len(before) {
		t.Error("events of a deleted instance are posted")
	}
}

// A stream outlives an outage of the database.
func TestStreamOutlivesAnOutage(t *testing.T) {
	t.Parallel()
	pg := storetest.Server(t)
	r := newRigOn(t, pg.NewURL(), feed.Options{})
	s := feed.NewStreamer(r.store, &r.hub, zerolog.Nop())
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	url := listen(t, http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		_ = s.ServeSSE(ctx, w, instance, 0, feed.Wanted{})
	}))
	r.happen("chat", 2)
	resp, err := http.Get(url)
	must(t, err)
	defer resp.Body.Close()
	ids := make(chan string, 16)
	go func() {
		defer close(ids)
		for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
			var id string
			if n, _ := fmt.Sscanf(lines.Text(), "id: %s", &id); n == 1 {
				ids <- id
			}
		}
	}()
	for want := 1; want <= 4; want++ {
		if want == 3 {
			pg.Stop("immediate")
			r.hub.Publish(instance) // it looks while nobody answers
			pg.Start()
			r.happen("chat", 2)
		}
		select {
		case id, ok := <-ids:
			if !ok || id != fmt.Sprint(want) {
				t.Fatalf("got id %q (open %v), want %d", id, ok, want)
			}
		case <-time.After(20 * time.Second):
			t.Fatalf("event %d does not come", want)
		}
	}
}

// What waits behind a slow post when the deliverer ends must not make the next
// one repeat younger events of other chats.
func TestEndingRepeatsNothingOfOtherChats(t *testing.T) {
	t.Parallel()
	r, hook := newRig(t, feed.Options{}), newReceiver(t)
	release := make(chan struct{})
	hook.answers(func(p post, _ http.ResponseWriter) bool {
		if p.Seq == 1 {
			<-release
		}
		return true
	})
	r.run()
	e := r.endpoint(hook.URL)
	r.happen("slow", 3)
	r.happen("fast", 3)
	hook.waitAll(t, 3)
	r.cancel()
	close(release)
	r.stop()
	r.run()
	posts := hook.waitAll(t, 6)
	inOrder(t, posts)
	r.stop()
	saved, err := r.store.Endpoint(t.Context(), e.ID)
	must(t, err)
	if posts, _ = hook.got(); len(posts) != 6 || saved.Delivered != 6 || saved.Cursor != 6 {
		t.Errorf("%d accepted posts, %d counted, cursor %d, want 6 of each", len(posts), saved.Delivered, saved.Cursor)
	}
}

// A next try that was written down while the clock was a day ahead holds up
// nobody, neither the runner that wrote it nor the next one.
func TestTheClockWasADayAhead(t *testing.T) {
	for name, restart := range map[string]bool{"the same manager": false, "the next manager": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, feed.Options{Schedule: feed.Schedule{First: 500 * time.Millisecond, Longest: time.Hour, GiveUp: 72 * time.Hour}})
			hook := newReceiver(t)
			var tries atomic.Int64
			hook.answers(func(_ post, w http.ResponseWriter) bool {
				if tries.Add(1) <= 2 { // one more, and it would be taken to be down and probed
					w.WriteHeader(http.StatusInternalServerError)
					return false
				}
				return true
			})
			r.run()
			e := r.endpoint(hook.URL)
			r.happen("chat", 3)
			r.parked(e, "chat", 1)
			if restart {
				r.stop()
			}
			r.sql("update webhook_backlog set next_at = next_at + interval '1 day'")
			if restart {
				r.run()
			}
			inOrder(t, hook.waitAll(t, 3))
		})
	}
}
