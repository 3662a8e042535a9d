package feed

import (
	"context"
	"time"
)

func (r *runner) settleSeq(seq uint64) {
	r.settled[seq] = true
	for len(r.pending) > 0 && r.settled[r.pending[0]] {
		delete(r.settled, r.pending[0])
		r.pending = r.pending[1:]
	}
	r.dirty = true
}

// cursor is the seq up to which everything is settled.
func (r *runner) cursor() uint64 {
	if len(r.pending) > 0 {
		return r.pending[0] - 1
	}
	return r.read
}

// saveCursor saves how far delivery came; false when the store did not answer.
func (r *runner) saveCursor(ctx context.Context) bool {
	if !r.dirty {
		return true
	}
	if err := r.store.AdvanceEndpoint(ctx, r.endpoint.ID, r.cursor(), r.delivered, time.Now()); err != nil {
		r.storeTrouble(ctx, "save cursor", err)
		return false
	}
	r.dirty, r.saved = false, r.delivered
	return true
}

func (r *runner) persist(ctx context.Context) {
	if r.saveCursor(ctx) && len(r.attempts) > 0 {
		// A burst need not go through the store whole only to be trimmed there.
		r.attempts = r.attempts[max(0, len(r.attempts)-shownAttempts):]
		if err := r.store.RecordAttempts(ctx, r.attempts); err != nil {
			r.storeTrouble(ctx, "record attempts", err)
		}
		r.attempts = r.attempts[:0]
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
	r.persist(r.writing)
}
