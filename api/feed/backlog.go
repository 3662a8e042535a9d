package feed

import (
	"context"
	"fmt"
	"time"

	"whatsapp-manager/supervisor/store"
)

// startBacklog works off a parked lane, oldest first, until a post fails, a
// page is done or ctx ends.
func (r *runner) startBacklog(ctx context.Context, name string, l *lane) {
	l.busy = true
	r.inFlight++
	due := l.due // not what the row says: the clock may have been set since
	r.posts.Go(func() {
		res := r.workBacklog(ctx, name, due)
		res.lane, res.backlog = name, true
		r.results <- res
	})
}

// workBacklog begins no post after the end of ctx, but sees the one under way
// through to its row, or it would be repeated.
func (r *runner) workBacklog(ctx context.Context, name string, due time.Time) (res result) {
	going := ctx
	ctx = r.writing
	rows, err := r.store.BacklogLane(ctx, r.endpoint.ID, name, backlogPage)
	if err != nil {
		return result{err: fmt.Errorf("read backlog of a lane: %w", err)}
	}
	if len(rows) == 0 {
		return result{}
	}
	seqs := make([]uint64, len(rows))
	for i, row := range rows {
		seqs[i] = row.Seq
	}
	events, err := r.store.EventsOf(ctx, r.endpoint.Instance, seqs)
	if err != nil {
		return result{err: fmt.Errorf("read parked events: %w", err)}
	}
	bySeq := make(map[uint64]store.Event, len(events))
	for _, ev := range events {
		bySeq[ev.Seq] = ev
	}
	for nth, row := range rows {
		if nth > 0 {
			due = r.due(row)
		}
		if going.Err() != nil {
			return res
		}
		ev, kept := bySeq[row.Seq]
		if !kept {
			// The feed's retention took the event: say so rather than block the lane for ever.
			if err := r.store.MoveToDeadLetter(ctx, r.endpoint.ID, row.Seq, time.Now(), nil, "the event is no longer in the feed"); err != nil {
				res.err = fmt.Errorf("move event to the dead letters: %w", err)
				return res
			}
			continue
		}
		// A probe, or a lane opened by another's success, comes before the head is
		// due: its failure does not count against the retries.
		early := row.Attempts > 0 && due.After(time.Now())
		out := r.client.post(r.posting, r.endpoint, ev)
		if res.cut = r.wasCut(out); res.cut {
			return res
		}
		res.last = out
		res.posts = append(res.posts, out.attempt(r.endpoint.ID, row.Seq))
		if out.ok() {
			if err := r.store.ResolveBacklog(ctx, r.endpoint.ID, row.Seq); err != nil {
				res.err = fmt.Errorf("take delivered event off the backlog: %w", err)
				return res
			}
			res.done++
			continue
		}
		if res.due = due; !early {
			res.due, res.err = r.again(ctx, row, out)
		}
		return res
	}
	return res
}

// again notes a failed try: the time of the next one, or the end of all.
func (r *runner) again(ctx context.Context, row store.Backlog, out postResult) (time.Time, error) {
	now := time.Now()
	attempts := row.Attempts + 1
	if r.schedule.spent(attempts) {
		if err := r.store.MoveToDeadLetter(ctx, r.endpoint.ID, row.Seq, now, out.statusPtr(), out.err); err != nil {
			return now.Add(r.schedule.wait(attempts)), fmt.Errorf("move event to the dead letters: %w", err)
		}
		return now, nil
	}
	nextAt := now.Add(max(r.schedule.wait(attempts), out.retryAfter))
	if err := r.store.RetryBacklog(ctx, r.endpoint.ID, row.Seq, attempts, nextAt, out.statusPtr(), out.err); err != nil {
		return nextAt, fmt.Errorf("note retry: %w", err)
	}
	return nextAt, nil
}

func (r *runner) settleBacklog(ctx context.Context, res result, l *lane) {
	if res.done > 0 {
		r.succeeded(int64(res.done))
	}
	if res.err != nil {
		r.storeTrouble(ctx, "work off backlog", res.err)
		l.nextAt = time.Now().Add(storeRetryGap)
		return
	}
	if res.cut {
		return
	}
	if !res.last.ok() {
		r.failed(res.last)
		l.nextAt, l.due = res.due, res.due
		return
	}
	// Only this goroutine parks, so an empty answer here means the lane is free.
	left, err := r.store.BacklogLane(ctx, r.endpoint.ID, res.lane, 1)
	switch {
	case err != nil:
		r.storeTrouble(ctx, "read backlog of a lane", err)
		l.nextAt = time.Now().Add(storeRetryGap)
	case len(left) > 0:
		l.nextAt = time.Now()
	case !r.parking(res.lane):
		l.parked = false
		r.drop(res.lane, l)
	}
}

// parking reports whether rows of the lane are on their way into the backlog.
func (r *runner) parking(name string) bool {
	for _, row := range r.toPark {
		if row.Lane == name {
			return true
		}
	}
	return false
}
