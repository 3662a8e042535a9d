package feed_test

import (
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"whatsapp-manager/api/feed"
)

// More events than the window holds come while one post hangs: what is in the
// window goes on, and once the post is over so does all the rest.
func TestMoreThanAWindowBehindAHangingPost(t *testing.T) {
	t.Parallel()
	r, hook := newRig(t, feed.Options{Timeout: 20 * time.Second}), newReceiver(t)
	arrived, release := make(chan struct{}), make(chan struct{})
	var once sync.Once
	free := func() { once.Do(func() { close(release) }) }
	t.Cleanup(free)
	hook.answers(func(p post, _ http.ResponseWriter) bool {
		if p.Seq == 1 {
			close(arrived)
			<-release
		}
		return true
	})
	r.run()
	e := r.endpoint(hook.URL)
	r.happen("slow", 2)
	<-arrived
	for c := range 4 {
		r.happen(fmt.Sprint("chat", c), 400)
	}
	hook.waitAll(t, 510)
	saved, err := r.store.Endpoint(t.Context(), e.ID)
	must(t, err)
	if saved.Cursor != 0 {
		t.Errorf("the cursor %d passed an event that is not delivered", saved.Cursor)
	}
	free()
	posts := hook.waitAll(t, 1602)
	inOrder(t, posts)
	if len(posts) != 1602 {
		t.Errorf("%d posts for 1602 events", len(posts))
	}
	r.eventually("the cursor is at the end", func() bool {
		saved, err := r.store.Endpoint(t.Context(), e.ID)
		must(t, err)
		return saved.Cursor == 1602
	})
}

// The receiver is down for more than a window of many chats.
func TestMoreThanAWindowWhileDown(t *testing.T) {
	t.Parallel()
	r, hook := newRig(t, feed.Options{}), newReceiver(t)
	var down atomic.Bool
	down.Store(true)
	hook.answers(func(_ post, w http.ResponseWriter) bool {
		if down.Load() {
			w.WriteHeader(http.StatusBadGateway)
		}
		return !down.Load()
	})
	r.run()
	e := r.endpoint(hook.URL)
	for i := range 30 {
		r.happen(fmt.Sprint("chat", i%15), 60)
	}
	hook.wait(t, "it was tried", func(_, tries []post) bool { return len(tries) > 20 })
	down.Store(false)
	inOrder(t, hook.waitAll(t, 1800))
	r.eventually("all are counted once", func() bool {
		saved, err := r.store.Endpoint(t.Context(), e.ID)
		must(t, err)
		return saved.Delivered == 1800 && saved.Cursor == 1800
	})
	accepted, tries := hook.got()
	if ok, failed := r.posted("delivered"), r.posted("failed"); ok != len(accepted) || failed != len(tries)-len(accepted) {
		t.Errorf("metrics say %d delivered and %d failed; the receiver accepted %d of %d", ok, failed, len(accepted), len(tries))
	}
}

// An endpoint that wants next to nothing passes a long feed.
func TestFilterOverALongFeed(t *testing.T) {
	t.Parallel()
	r, hook := newRig(t, feed.Options{}), newReceiver(t)
	r.happenAs("message_ack", "chat", 5000)
	r.happen("chat", 1)
	r.run()
	e := r.endpoint(hook.URL)
	e.Events, e.UpdatedAt = []string{"message"}, e.UpdatedAt.Add(time.Second)
	must(t, r.store.UpdateEndpoint(t.Context(), e))
	r.deliverer.Changed(t.Context(), e.ID)
	hook.wait(t, "the message", func(accepted, _ []post) bool {
		return len(accepted) > 0 && accepted[len(accepted)-1].Event == "message"
	})
	r.eventually("the cursor is at the end", func() bool {
		saved, err := r.store.Endpoint(t.Context(), e.ID)
		must(t, err)
		return saved.Cursor == 5001
	})
}
