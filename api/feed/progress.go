package feed

import (
	"time"

	"whatsapp-manager/supervisor/store"
)

func (r *runner) settleSeq(seq uint64) {
	r.settled[seq] = true
	for len(r.pending) > 0 && r.settled[r.pending[0]] {
		delete(r.settled, r.pending[0])
		r.pending = r.pending[1:]
	}
	r.news = true
}

// cursor is the seq up to which everything is settled.
func (r *runner) cursor() uint64 {
	if len(r.pending) > 0 {
		return r.pending[0] - 1
	}
	return r.read
}

// tell has the books know how far delivery came.
func (r *runner) tell() {
	if r.news {
		r.books.advance(store.Progress{
			EndpointID: r.endpoint.ID, Cursor: r.cursor(), Delivered: r.delivered, At: time.Now(), Failing: r.failures > 0,
		})
		r.news = false
	}
}

// finish waits for the posts under way, which end soon, and saves how far
// delivery came. What was read and not delivered goes to the backlog: the
// cursor alone cannot tell it from younger events of other chats that were, and
// the next runner would repeat those.
func (r *runner) finish() {
	// No post is started any more, and each under way has its place in results.
	for r.inFlight > 0 {
		r.settle(r.writing, <-r.results)
	}
	r.posts.Wait()
	for name, l := range r.lanes {
		if len(l.queue) > 0 {
			r.parkLane(name, l, time.Now())
		}
	}
	r.flushParked(r.writing)
	r.tell()
	if err := r.books.save(r.writing, r.endpoint.ID); err != nil {
		r.storeTrouble(r.writing, "save cursor", err)
	}
}
