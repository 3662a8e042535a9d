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

func (r *runner) persist(ctx context.Context) {
	if r.dirty {
		if err := r.store.AdvanceEndpoint(ctx, r.endpoint.ID, r.cursor(), r.delivered, time.Now()); err != nil {
			r.storeTrouble(ctx, "save cursor", err)
			return
		}
		r.dirty, r.delivered = false, 0
	}
	if len(r.attempts) > 0 {
		if err := r.store.RecordAttempts(ctx, r.attempts); err != nil {
			r.storeTrouble(ctx, "record attempts", err)
		}
		r.attempts = r.attempts[:0]
	}
}

// finish waits for the posts under way and saves how far delivery came.
func (r *runner) finish(ctx context.Context) {
	done := make(chan struct{})
	go func() { r.posts.Wait(); close(done) }()
	for open := true; open; {
		select {
		case res := <-r.results:
			r.settle(ctx, res)
		case <-done:
			open = false
		}
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	r.persist(last)
}

func (r *runner) storeTrouble(ctx context.Context, what string, err error) {
	if ctx.Err() == nil {
		r.log.Warn().Err(err).Msg("webhook delivery: " + what)
	}
}

func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
