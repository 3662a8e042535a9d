package feed

import (
	"context"
	"slices"
	"time"

	"whatsapp-manager/supervisor/store"
)

// loadBacklog learns which lanes are parked; false when the store did not answer.
func (r *runner) loadBacklog(ctx context.Context) bool {
	heads, err := r.store.BacklogHeads(ctx, r.endpoint.ID, 1<<20)
	if err != nil {
		r.storeTrouble(ctx, "read backlog", err)
		return false
	}
	for _, head := range heads {
		if !r.loaded && head.Attempts >= downAfter {
			// The runner before may have taken the receiver to be down. A probe finds out
			// sooner than the pauses that have grown meanwhile.
			r.failures = downAfter
		}
		l := r.lane(head.Lane)
		r.parkLane(head.Lane, l, r.due(head))
	}
	r.loaded = true
	return true
}

// due is when a row that was read has to be tried again. No wait is longer than
// the schedule's: one that was written while the clock was ahead would be.
func (r *runner) due(row store.Backlog) time.Time {
	latest := time.Now().Add(r.schedule.wait(row.Attempts))
	if row.NextAt.After(latest) {
		return latest
	}
	return row.NextAt
}

func (r *runner) lane(name string) *lane {
	l := r.lanes[name]
	if l == nil {
		l = &lane{}
		r.lanes[name] = l
	}
	return l
}

// fill takes a page of events from the feed, if the window has room for it;
// true when there may be more to take at once.
func (r *runner) fill(ctx context.Context) bool {
	room := func() bool { return !r.caughtUp && !r.stale && len(r.pending) < window && len(r.toPark) == 0 }
	if !room() {
		return false
	}
	events, err := r.store.Events(ctx, r.endpoint.Instance, r.read, readPage)
	if err != nil {
		r.storeTrouble(ctx, "read feed", err)
		r.caughtUp = true // until the next look
		return false
	}
	r.caughtUp = len(events) < readPage
	for _, ev := range events {
		r.read = ev.Seq
		r.news = true
		if !r.wants(ev.Type) {
			continue
		}
		r.pending = append(r.pending, ev.Seq)
		l := r.lane(ev.Lane)
		if l.parked {
			r.toPark = append(r.toPark, store.Backlog{EndpointID: r.endpoint.ID, Seq: ev.Seq, Lane: ev.Lane, NextAt: l.nextAt})
			continue
		}
		l.queue = append(l.queue, ev)
		r.enqueue(ev.Lane, l)
	}
	r.flushParked(r.writing)
	return room()
}

func (r *runner) wants(event string) bool {
	return len(r.endpoint.Events) == 0 || slices.Contains(r.endpoint.Events, event)
}

func (r *runner) enqueue(name string, l *lane) {
	if !l.busy && !l.parked && !l.ready && len(l.queue) > 0 {
		l.ready = true
		r.ready = append(r.ready, name)
	}
}

// parkLane moves a lane's fresh events behind those in the backlog, all but the
// one that is being posted: settle decides about that.
func (r *runner) parkLane(name string, l *lane, nextAt time.Time) {
	stay := 0
	if l.busy {
		stay = min(1, len(l.queue))
	}
	for _, ev := range l.queue[stay:] {
		r.toPark = append(r.toPark, store.Backlog{EndpointID: r.endpoint.ID, Seq: ev.Seq, Lane: name, NextAt: nextAt})
	}
	l.queue, l.parked, l.nextAt, l.due = l.queue[:stay], true, nextAt, nextAt
}

// flushParked writes what must stand in the backlog. Until it succeeds nothing
// more is read, so an unreachable store costs time and no event.
func (r *runner) flushParked(ctx context.Context) {
	if len(r.toPark) == 0 {
		return
	}
	if err := r.store.Park(ctx, r.endpoint.ID, r.cursor(), r.toPark); err != nil {
		r.storeTrouble(ctx, "park events", err)
		return
	}
	for _, row := range r.toPark {
		r.settleSeq(row.Seq)
	}
	r.toPark = nil
}

// drop forgets an idle lane, so that memory follows the chats at work and not
// all there ever were.
func (r *runner) drop(name string, l *lane) {
	if !l.busy && !l.ready && !l.parked && len(l.queue) == 0 {
		delete(r.lanes, name)
	}
}
