package feed_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"sync"
	"testing"

	"whatsapp-manager/api/feed"
	"whatsapp-manager/supervisor/store"
)

// losing is a store that takes the first save of deliveries, but its answer is
// lost.
type losing struct {
	feed.Deliveries
	first sync.Once
	lost  chan struct{} // closed when the answer is
}

func (s *losing) AdvanceEndpoints(ctx context.Context, all []store.Progress) error {
	err := s.Deliveries.AdvanceEndpoints(ctx, all)
	if len(all) > 0 && all[0].Delivered > 0 && err == nil {
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

// parking is a store in which a lane is read for its retry after event 2 was
// parked in it, and before the one who parked it has the answer.
type parking struct {
	feed.Deliveries
	reading, parked chan struct{} // closed when it is so
	answer          chan struct{} // closed by the test
	over            <-chan struct{}
	first           sync.Once
}

func (s *parking) BacklogLane(ctx context.Context, id, lane string, limit int) ([]store.Backlog, error) {
	s.first.Do(func() {
		close(s.reading)
		select {
		case <-s.parked:
		case <-s.over:
		}
	})
	return s.Deliveries.BacklogLane(ctx, id, lane, limit)
}

func (s *parking) Park(ctx context.Context, id string, cursor uint64, rows []store.Backlog) error {
	err := s.Deliveries.Park(ctx, id, cursor, rows)
	select {
	case <-s.parked:
		return err
	default:
	}
	if err == nil && slices.ContainsFunc(rows, func(row store.Backlog) bool { return row.Seq == 2 }) {
		close(s.parked)
		select {
		case <-s.answer:
		case <-s.over:
		}
		err = ctx.Err() // as of a connection that is left when its context ends
	}
	return err
}

// What is being written when the deliverer ends is seen through. Otherwise an
// event that was parked and delivered would be parked again, and repeated by
// the next deliverer.
func TestEndingSeesThroughWhatIsBeingParked(t *testing.T) {
	t.Parallel()
	r, hook := newRig(t, feed.Options{}), newReceiver(t)
	s := &parking{
		Deliveries: r.store, reading: make(chan struct{}), parked: make(chan struct{}), answer: make(chan struct{}), over: t.Context().Done(),
	}
	r.delivers = s
	hook.answers(refuse(http.StatusBadGateway))
	r.run()
	e := r.endpoint(hook.URL)
	r.happen("chat", 1)
	<-s.reading
	hook.answers(nil)
	r.happen("chat", 1)
	<-s.parked
	hook.waitAll(t, 2)
	r.eventually("both are off the backlog", func() bool {
		waiting, err := r.store.BacklogLanes(t.Context(), e.ID)
		must(t, err)
		return len(waiting) == 0
	})
	r.cancel()
	close(s.answer)
	r.stop()
	if !r.agree(e.ID, 2) {
		t.Errorf("for 2 deliveries\n%s", r.books())
	}
}
