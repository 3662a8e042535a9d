package feed_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"whatsapp-manager/api/feed"
)

// losing is a store that takes the first save of deliveries, but its answer is
// lost.
type losing struct {
	feed.Deliveries
	first sync.Once
	lost  chan struct{} // closed when the answer is
}

func (s *losing) AdvanceEndpoint(ctx context.Context, id string, cursor uint64, delivered int64, at time.Time) error {
	err := s.Deliveries.AdvanceEndpoint(ctx, id, cursor, delivered, at)
	if delivered > 0 && err == nil {
		s.first.Do(func() {
			err = errors.New("the connection broke")
			close(s.lost)
		})
	}
	return err
}

// A save whose answer is lost may have happened. The one that follows must
// count no delivery again.
func TestASaveWhoseAnswerIsLostCountsOnce(t *testing.T) {
	t.Parallel()
	r, hook := newRig(t, feed.Options{}), newReceiver(t)
	s := &losing{Deliveries: r.store, lost: make(chan struct{})}
	r.delivers = s
	r.run()
	e := r.endpoint(hook.URL)
	r.happen("chat", 3)
	hook.waitAll(t, 3)
	<-s.lost
	r.stop()
	if !r.agree(e.ID, 3) {
		t.Errorf("for 3 deliveries\n%s", r.books())
	}
}
