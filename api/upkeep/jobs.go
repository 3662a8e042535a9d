package upkeep

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/riverqueue/river"

	"whatsapp-manager/api/auth"
	"whatsapp-manager/api/sends"
)

// trim is the job: remove what the operator no longer wants to keep.
type trim struct{}

// Kind is asked by River.
func (trim) Kind() string { return "trim_history" }

// prune is the job: remove what nobody can use any more.
type prune struct{}

// Kind is asked by River.
func (prune) Kind() string { return "prune_expired" }

type worker[T river.JobArgs] struct {
	river.WorkerDefaults[T]
	u  *Upkeep
	do func(ctx context.Context, now time.Time) error
}

// Timeout is asked by River.
func (*worker[T]) Timeout(*river.Job[T]) time.Duration { return longest }

// Work does the job once. River logs no error of a job at our level.
func (w *worker[T]) Work(ctx context.Context, job *river.Job[T]) error {
	if !w.u.opts.Clock.Steady() {
		return nil
	}
	ctx, leave, entered := w.u.enter(ctx, job.Kind)
	if !entered {
		return nil // the one of the period before is still at it
	}
	err := w.do(ctx, time.Now())
	if leave() {
		return river.JobSnooze(0)
	}
	if err != nil {
		w.u.log.Warn().Err(err).Str("job", job.Kind).Msg("what is too old is not all removed")
	}
	return err
}

// enter returns a context that ends with Run; false when a job of the kind is at work
// in this process. Leave reports whether Run has ended.
func (u *Upkeep) enter(ctx context.Context, kind string) (_ context.Context, leave func() (ended bool), _ bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.atWork[kind] != nil {
		return nil, nil, false
	}
	ctx, cancel := context.WithCancel(ctx)
	u.atWork[kind] = cancel
	if u.ended {
		cancel()
	}
	return ctx, func() bool {
		u.mu.Lock()
		defer u.mu.Unlock()
		cancel()
		delete(u.atWork, kind)
		return u.ended
	}, true
}

// trim removes what is older than the operator wants to keep.
func (u *Upkeep) trim(ctx context.Context, now time.Time) error {
	var failed error
	for _, part := range []struct {
		what string
		keep time.Duration
		trim func(context.Context, time.Time) (int, error)
	}{{"messages", u.opts.KeepMessages, u.store.TrimMessages}, {"events", u.opts.KeepEvents, u.store.TrimFeeds}} {
		if part.keep == 0 {
			continue
		}
		n, err := part.trim(ctx, now.Add(-part.keep))
		if n > 0 {
			u.log.Info().Int("removed", n).Str("what", part.what).Msg("removed what is too old")
		}
		if err != nil {
			failed = errors.Join(failed, fmt.Errorf("trim %s: %w", part.what, err))
		}
	}
	return failed
}

// prune removes what nobody can use any more. A key of a send that is forgotten early
// lets its message be sent twice, so this waits for a clock that may be believed, too.
func (u *Upkeep) prune(ctx context.Context, now time.Time) error {
	err := auth.Prune(ctx, u.store, now)
	if _, failed := u.store.PruneSends(ctx, now.Add(-sends.Kept)); failed != nil {
		err = errors.Join(err, fmt.Errorf("remove old sends: %w", failed))
	}
	if _, failed := u.store.PruneLinkPages(ctx, now.Add(-pagesKept)); failed != nil {
		err = errors.Join(err, fmt.Errorf("remove old link pages: %w", failed))
	}
	if _, failed := u.store.TrimAttempts(ctx); failed != nil {
		err = errors.Join(err, fmt.Errorf("trim the posts of webhooks: %w", failed))
	}
	return err
}
