package feed

import (
	"context"
	"net/http"
	"slices"
	"time"

	"whatsapp-manager/supervisor/store"
)

// settle takes in a result.
func (r *runner) settle(ctx context.Context, res result) {
	l := r.lanes[res.lane]
	l.busy = false
	r.inFlight--
	r.books.posted(res.posts)
	r.counters.observe(res)
	switch {
	case res.backlog:
		r.settleBacklog(ctx, res, l)
	case !res.cut:
		r.settleFresh(res, l)
	}
}

func (r *runner) settleFresh(res result, l *lane) {
	l.queue = slices.Delete(l.queue, 0, 1)
	if res.last.ok() {
		r.succeeded(1)
		r.settleSeq(res.event.Seq)
		r.enqueue(res.lane, l)
		r.drop(res.lane, l)
		return
	}
	r.failed(res.last)
	r.tell()
	r.books.wait() // a success of before must not clear the error that is saved next
	nextAt := time.Now().Add(max(r.schedule.wait(1), res.last.retryAfter))
	r.toPark = append(r.toPark, store.Backlog{
		EndpointID: r.endpoint.ID, Seq: res.event.Seq, Lane: res.lane, Attempts: 1, NextAt: nextAt,
		LastStatus: res.last.statusPtr(), LastError: res.last.err,
	})
	r.parkLane(res.lane, l, nextAt)
}

// succeeded counts deliveries. The first after a receiver was down lets every
// parked lane try at once.
func (r *runner) succeeded(n int64) {
	wasDown := r.down()
	r.failures = 0
	r.delivered += n
	r.news = true
	if wasDown {
		r.openLanes()
	}
}

func (r *runner) failed(out postResult) {
	now := time.Now()
	r.failures++
	r.probeAt = now.Add(min(r.schedule.wait(r.failures-downAfter+1), longestProbe))
	r.freshAt = now.Add(min(r.schedule.wait(1), longestProbe))
	if out.status == http.StatusTooManyRequests || out.status == http.StatusServiceUnavailable {
		// Meant for the sender as a whole, not for one chat. What waits longer than
		// any wait of ours is taken for a mistake, of which only the lane suffers.
		if until := now.Add(min(out.retryAfter, r.schedule.Longest)); until.After(r.heldUntil) {
			r.heldUntil = until
		}
	}
}

// openLanes lets every parked lane try at once: the receiver is back.
func (r *runner) openLanes() {
	now := time.Now()
	for _, l := range r.lanes {
		if l.parked && l.nextAt.After(now) {
			l.nextAt = now
		}
	}
}
