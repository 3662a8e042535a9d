package feed_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"whatsapp-manager/api/feed"
	"whatsapp-manager/supervisor/store"
	"whatsapp-manager/supervisor/store/storetest"
)

func TestEveryEventInOrderAndSigned(t *testing.T) {
	t.Parallel()
	r, hook := newRig(t, feed.Options{}), newReceiver(t)
	r.happen("early", 3)
	r.run()
	e := r.endpoint(hook.URL+"/in?x=1", func(e *store.Endpoint) { e.Headers = map[string]string{"X-Shop": "7"} })
	for i := range 5 {
		r.happen(fmt.Sprint("chat", i%2), 200) // more than a window
	}
	posts := hook.waitAll(t, 1003)
	inOrder(t, posts)
	if len(posts) != 1003 {
		t.Errorf("%d posts for 1003 events", len(posts))
	}
	for _, p := range posts[:20] {
		if want := fmt.Sprintf("evt_%s_%d", instance, p.Seq); p.ID != want || p.Header.Get("webhook-id") != want {
			t.Errorf("id %q, header %q, want %q", p.ID, p.Header.Get("webhook-id"), want)
		}
		// Standard Webhooks: base64 of HMAC-SHA256 over id.timestamp.body, as v1.
		mac := hmac.New(sha256.New, secret)
		fmt.Fprintf(mac, "%s.%s.%s", p.Header.Get("webhook-id"), p.Header.Get("webhook-timestamp"), p.Body)
		if want := "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil)); p.Header.Get("webhook-signature") != want {
			t.Errorf("signature %q, want %q", p.Header.Get("webhook-signature"), want)
		}
		if p.Header.Get("X-Shop") != "7" || p.Header.Get("Content-Type") != "application/json" {
			t.Errorf("headers %v", p.Header)
		}
	}
	r.eventually("cursor and count are saved", func() bool {
		e, err := r.store.Endpoint(t.Context(), e.ID)
		must(t, err)
		return e.Cursor == 1003 && e.Delivered == 1003 && e.LastDeliveredAt != nil && e.LastError == ""
	})
}

func TestOneChatFailsTheOthersGoOn(t *testing.T) {
	t.Parallel()
	r, hook := newRig(t, feed.Options{}), newReceiver(t)
	hook.answers(refuseChat("sick", http.StatusUnprocessableEntity))
	r.run()
	e := r.endpoint(hook.URL)
	for range 10 {
		r.happen("well", 10)
		r.happen("sick", 5)
	}
	hook.wait(t, "the well chat is delivered", func(accepted, _ []post) bool { return len(accepted) >= 100 })
	accepted, _ := hook.got()
	for _, p := range accepted {
		if p.Chat != "well" {
			t.Errorf("event %d of the failing chat was accepted", p.Seq)
		}
	}
	r.eventually("the failing chat is parked", func() bool {
		rows, err := r.store.BacklogLane(t.Context(), e.ID, "sick", 100)
		must(t, err)
		return len(rows) == 50 && rows[0].Attempts > 1 && rows[0].LastStatus != nil && *rows[0].LastStatus == 422
	})
	hook.answers(nil)
	inOrder(t, hook.waitAll(t, 150))
	r.eventually("nothing is parked, all are counted", func() bool {
		rows, err := r.store.BacklogLane(t.Context(), e.ID, "sick", 1)
		must(t, err)
		e, err := r.store.Endpoint(t.Context(), e.ID)
		must(t, err)
		return len(rows) == 0 && e.Delivered == 150 && e.Cursor == 150
	})
}

func TestReceiverDownThenUp(t *testing.T) {
	t.Parallel()
	r, hook := newRig(t, feed.Options{}), newReceiver(t)
	hook.answers(refuse(http.StatusServiceUnavailable))
	r.run()
	r.endpoint(hook.URL)
	for i := range 40 {
		r.happen(fmt.Sprint("chat", i%8), 20)
	}
	hook.wait(t, "it was tried", func(_, tries []post) bool { return len(tries) > 8 })
	_, tries := hook.got()
	hook.wait(t, "probes go on", func(_, more []post) bool { return len(more) > len(tries)+3 })
	hook.answers(nil)
	inOrder(t, hook.waitAll(t, 800))
}

func TestReceiverThatHangs(t *testing.T) {
	t.Parallel()
	r, hook := newRig(t, feed.Options{Timeout: 50 * time.Millisecond}), newReceiver(t)
	release := make(chan struct{})
	var once sync.Once
	t.Cleanup(func() { once.Do(func() { close(release) }) })
	hook.answers(func(p post, w http.ResponseWriter) bool {
		if p.Chat == "slow" {
			<-release
			w.WriteHeader(http.StatusInternalServerError) // the sender may still listen, and none is 200
			return false
		}
		return true
	})
	r.run()
	e := r.endpoint(hook.URL)
	r.happen("slow", 2)
	r.happen("fast", 3)
	hook.wait(t, "the others go on", func(accepted, _ []post) bool { return len(distinct(accepted)) == 3 })
	r.eventually("the hanging post is given up", func() bool {
		rows, err := r.store.BacklogLane(t.Context(), e.ID, "slow", 10)
		must(t, err)
		return len(rows) == 2 && rows[0].LastError == "no answer in time" && rows[0].LastStatus == nil
	})
	hook.answers(nil)
	once.Do(func() { close(release) })
	inOrder(t, hook.waitAll(t, 5))
}

func TestRetryAfterIsRespected(t *testing.T) {
	t.Parallel()
	r, hook := newRig(t, feed.Options{}), newReceiver(t)
	hook.answers(func(_ post, w http.ResponseWriter) bool {
		w.Header().Set("Retry-After", "3600")
		w.WriteHeader(http.StatusTooManyRequests)
		return false
	})
	r.run()
	e := r.endpoint(hook.URL)
	began := time.Now()
	r.happen("chat", 1)
	r.eventually("the event waits as long as it was asked to", func() bool {
		rows, err := r.store.BacklogLane(t.Context(), e.ID, "chat", 1)
		must(t, err)
		return len(rows) == 1 && rows[0].NextAt.After(began.Add(59*time.Minute)) && *rows[0].LastStatus == 429
	})
}

func TestRestartInTheMiddle(t *testing.T) {
	t.Parallel()
	r, hook := newRig(t, feed.Options{}), newReceiver(t)
	var nth atomic.Int64
	hook.answers(func(_ post, w http.ResponseWriter) bool {
		if nth.Add(1)%7 == 0 {
			w.WriteHeader(http.StatusBadGateway)
			return false
		}
		return true
	})
	r.run()
	r.endpoint(hook.URL)
	for i := range 6 {
		for c := range 5 {
			r.happen(fmt.Sprint("chat", c), 20)
		}
		hook.waitAll(t, 20*i)
		r.stop()
		r.run()
	}
	posts := hook.waitAll(t, 600)
	inOrder(t, posts)
	if len(posts) != 600 {
		t.Errorf("%d accepted posts for 600 events: what was accepted before a restart came again", len(posts))
	}
}

// A receiver that came back is found soon, however long it was away, also by a
// manager that did not see it go.
func TestTheNextManagerFindsAReceiverThatCameBack(t *testing.T) {
	t.Parallel()
	r, hook := newRig(t, feed.Options{Schedule: feed.Schedule{First: time.Second, Longest: time.Hour, GiveUp: 72 * time.Hour}}), newReceiver(t)
	hook.answers(refuse(http.StatusBadGateway))
	r.run()
	e := r.endpoint(hook.URL)
	r.happen("chat", 3)
	r.parked(e, "chat", 1)
	r.stop()
	r.sql("update webhook_backlog set attempts = 13, next_at = now() + interval '1 hour' where attempts > 0")
	hook.answers(nil)
	r.run()
	inOrder(t, hook.waitAll(t, 3))
}

func TestDeadLettersAndRedrive(t *testing.T) {
	t.Parallel()
	r := newRig(t, feed.Options{Schedule: feed.Schedule{First: time.Millisecond, Longest: 2 * time.Millisecond, GiveUp: 6 * time.Millisecond}})
	hook := newReceiver(t)
	hook.answers(refuseChat("dead", http.StatusGone))
	r.run()
	e := r.endpoint(hook.URL)
	r.happen("dead", 3)
	r.happen("alive", 2)
	ctx := t.Context()
	r.eventually("retries are spent", func() bool {
		rows, total, err := r.store.DeadLetters(ctx, e.ID, 0, 10)
		must(t, err)
		return total == 3 && len(rows) == 3 && rows[0].Seq == 1 && rows[0].DeadAt != nil && *rows[0].LastStatus == 410
	})
	inOrder(t, hook.waitAll(t, 2))
	hook.answers(nil)
	if n, err := r.store.Redrive(ctx, e.ID, []uint64{2}, time.Now()); err != nil || n != 1 {
		t.Fatalf("redrive one: %d, %v", n, err)
	}
	r.deliverer.Redriven(ctx, e.ID)
	hook.waitAll(t, 3)
	if n, err := r.store.Redrive(ctx, e.ID, nil, time.Now()); err != nil || n != 2 {
		t.Fatalf("redrive all: %d, %v", n, err)
	}
	r.deliverer.Redriven(ctx, e.ID)
	hook.waitAll(t, 5)
	r.eventually("no dead letter is left", func() bool {
		_, total, err := r.store.DeadLetters(ctx, e.ID, 0, 10)
		must(t, err)
		return total == 0
	})
}

// A dead letter that is redriven while a newer event of its chat is being
// posted must neither lose nor repeat that one.
func TestRedriveWhileItsChatIsBusy(t *testing.T) {
	t.Parallel()
	r, hook := newRig(t, feed.Options{}), newReceiver(t)
	arrived, release := make(chan struct{}), make(chan struct{})
	hook.answers(func(p post, _ http.ResponseWriter) bool {
		if p.Seq == 2 {
			close(arrived)
			<-release
		}
		return true
	})
	e := r.endpoint(hook.URL, func(e *store.Endpoint) { e.Cursor = 1 })
	r.happen("chat", 1)
	dead := time.Now()
	must(t, r.store.Park(t.Context(), e.ID, 1, []store.Backlog{{EndpointID: e.ID, Seq: 1, Lane: "chat", NextAt: dead, DeadAt: &dead}}))
	r.run()
	r.happen("chat", 5)
	<-arrived
	if n, err := r.store.Redrive(t.Context(), e.ID, nil, time.Now()); err != nil || n != 1 {
		t.Fatalf("redrive: %d, %v", n, err)
	}
	r.deliverer.Redriven(t.Context(), e.ID)
	// The second notice is taken only after the first was, with the post still under way.
	r.deliverer.Redriven(t.Context(), e.ID)
	close(release)
	hook.waitAll(t, 6)
	r.stop()
	posts, _ := hook.got()
	if len(posts) != 6 {
		t.Errorf("%d posts for 6 events", len(posts))
	}
	var after []post
	for _, p := range posts {
		if p.Seq != 1 {
			after = append(after, p)
		}
	}
	inOrder(t, after)
}

func TestEndpointChangesWhileDelivering(t *testing.T) {
	t.Parallel()
	r := newRig(t, feed.Options{})
	first, second := newReceiver(t), newReceiver(t)
	ctx := t.Context()
	r.run()
	e := r.endpoint(first.URL, func(e *store.Endpoint) { e.Events = []string{"message"} })
	update := func(change func(*store.Endpoint)) {
		t.Helper()
		var err error
		e, err = r.store.Endpoint(ctx, e.ID)
		must(t, err)
		change(&e)
		must(t, r.store.UpdateEndpoint(ctx, e))
		r.deliverer.Changed(ctx, e.ID)
	}
	r.happenAs("message_ack", "chat", 2)
	r.happen("chat", 2)
	for _, p := range first.waitAll(t, 2) {
		if p.Event != "message" {
			t.Errorf("%s was not asked for", p.Event)
		}
	}
	update(func(e *store.Endpoint) { e.Enabled = false })
	r.happen("chat", 3)
	update(func(e *store.Endpoint) {
		e.Enabled, e.URL, e.Events, e.Secret = true, second.URL, nil, []byte("another secret of thirty-two byte")
	})
	r.happenAs("message_ack", "chat", 1)
	posts := second.waitAll(t, 4)
	inOrder(t, posts)
	mac := hmac.New(sha256.New, e.Secret)
	fmt.Fprintf(mac, "%s.%s.%s", posts[0].ID, posts[0].Header.Get("webhook-timestamp"), posts[0].Body)
	if want := base64.StdEncoding.EncodeToString(mac.Sum(nil)); !strings.HasSuffix(posts[0].Header.Get("webhook-signature"), want) {
		t.Error("the new secret is not used")
	}
	must(t, r.store.DeleteEndpoint(ctx, e.ID))
	r.deliverer.Changed(ctx, e.ID)
	other := newReceiver(t)
	r.endpoint(other.URL, func(e *store.Endpoint) { e.Cursor = 8 })
	r.happen("chat", 1)
	other.waitAll(t, 1)
	if posts, _ := first.got(); len(posts) != 2 {
		t.Errorf("the first address got %d posts", len(posts))
	}
	if posts, _ := second.got(); len(posts) != 4 {
		t.Errorf("the deleted endpoint got %d posts", len(posts))
	}
}

func TestTrimmedEventsBecomeDeadLetters(t *testing.T) {
	t.Parallel()
	r, hook := newRig(t, feed.Options{}), newReceiver(t)
	hook.answers(refuse(http.StatusInternalServerError))
	r.run()
	e := r.endpoint(hook.URL)
	r.happen("chat", 4)
	r.parked(e, "chat", 4)
	r.sql(`delete from events where seq <= 2`)
	hook.answers(nil)
	inOrder(t, hook.waitAll(t, 2))
	r.eventually("what the retention took is told", func() bool {
		rows, _, err := r.store.DeadLetters(t.Context(), e.ID, 0, 10)
		must(t, err)
		for _, row := range rows {
			if row.Seq > 2 || !strings.Contains(row.LastError, "no longer in the feed") {
				t.Errorf("dead letter %+v", row)
			}
		}
		accepted, _ := hook.got() // all four, if they were read before they were gone
		return len(rows)+len(distinct(accepted)) >= 4
	})
}

func TestPostgresRestartsWhileDelivering(t *testing.T) {
	t.Parallel()
	pg := storetest.Server(t)
	r, hook := newRigOn(t, pg.NewURL(), feed.Options{}), newReceiver(t)
	var nth atomic.Int64
	hook.answers(func(_ post, w http.ResponseWriter) bool {
		if nth.Add(1)%5 == 0 {
			w.WriteHeader(http.StatusInternalServerError)
			return false
		}
		return true
	})
	r.run()
	r.endpoint(hook.URL)
	for round, mode := range []string{"fast", "immediate"} {
		for c := range 10 {
			r.happen(fmt.Sprint("chat", c), 30)
		}
		hook.waitAll(t, round*300+40)
		pg.Restart(mode)
	}
	inOrder(t, hook.waitAll(t, 600))
}
