package feed

import (
	"context"
	"time"

	"whatsapp-manager/supervisor/store"
)

// dispatch starts what may be posted now: while the receiver is up, parked
// lanes that are due and lanes with fresh events, each lane once.
func (r *runner) dispatch(ctx context.Context) {
	now := time.Now()
	if ctx.Err() != nil || r.stale || len(r.toPark) > 0 || now.Before(r.heldUntil) {
		return
	}
	if r.down() {
		r.probe(ctx, now)
		return
	}
	places := concurrent
	if len(r.ready) > 0 {
		places = concurrent / 2 // chats that go well do not wait for those that do not
	}
	for name, l := range r.lanes {
		if r.inFlight >= places {
			break
		}
		if l.parked && !l.busy && !l.nextAt.After(now) {
			r.startBacklog(ctx, name, l)
		}
	}
	for r.inFlight < concurrent && r.startReady() {
	}
}

func (r *runner) down() bool { return r.failures >= downAfter }

// probe posts one event to a receiver that is taken to be down. Chats that did
// not fail come first and sooner: what is down may be a single chat, whose
// events this receiver will never take.
func (r *runner) probe(ctx context.Context, now time.Time) {
	if r.inFlight > 0 {
		return
	}
	if !now.Before(r.freshAt) && r.startReady() || now.Before(r.probeAt) {
		return
	}
	var name string
	var first *lane
	for n, l := range r.lanes {
		if l.parked && (first == nil || l.nextAt.Before(first.nextAt)) {
			name, first = n, l
		}
	}
	if first != nil {
		r.startBacklog(ctx, name, first)
		return
	}
	r.failures = 0 // nothing is parked any more; fresh events find out
}

// startReady posts the next fresh event, one of the lane that waits longest;
// false when there is none.
func (r *runner) startReady() bool {
	for len(r.ready) > 0 {
		name := r.ready[0]
		r.ready = r.ready[1:]
		l := r.lanes[name]
		l.ready = false
		if l.busy || l.parked || len(l.queue) == 0 {
			continue
		}
		r.startFresh(name, l)
		return true
	}
	return false
}

func (r *runner) startFresh(name string, l *lane) {
	ev := l.queue[0]
	l.busy = true
	r.inFlight++
	r.posts.Go(func() {
		res := result{lane: name, event: ev, last: r.client.post(r.posting, r.endpoint, ev)}
		if res.cut = r.wasCut(res.last); !res.cut {
			res.posts = []store.Attempt{res.last.attempt(r.endpoint.ID, ev.Seq)}
		}
		r.results <- res
	})
}

// wasCut reports whether a post failed because we ended it ourselves.
func (r *runner) wasCut(out postResult) bool { return !out.ok() && r.posting.Err() != nil }

// retryTimer fires when there may be something to do that no other event
// tells; a nil channel when there is not.
func (r *runner) retryTimer() (<-chan time.Time, func()) {
	var at time.Time
	sooner := func(t time.Time) {
		if at.IsZero() || t.Before(at) {
			at = t
		}
	}
	switch {
	case r.stale || len(r.toPark) > 0:
		at = time.Now().Add(storeRetryGap)
	case r.down():
		if r.inFlight == 0 {
			at = r.probeAt
			if len(r.ready) > 0 {
				sooner(r.freshAt)
			}
		}
	case r.inFlight < concurrent:
		for _, l := range r.lanes {
			if l.parked && !l.busy {
				sooner(l.nextAt)
			}
		}
	}
	if (!at.IsZero() || len(r.ready) > 0) && at.Before(r.heldUntil) && time.Now().Before(r.heldUntil) {
		at = r.heldUntil
	}
	if at.IsZero() {
		return nil, func() {}
	}
	timer := time.NewTimer(max(time.Until(at), time.Millisecond))
	return timer.C, func() { timer.Stop() }
}
