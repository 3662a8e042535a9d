package numberhealth

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/rs/zerolog"

	"whatsapp-manager/api/sends/healthpolicy"
	"whatsapp-manager/proto/fault"
	"whatsapp-manager/supervisor"
	"whatsapp-manager/supervisor/store"
)

const (
	// lookEvery is how late the end of a lock may be told.
	lookEvery = 2 * time.Second
	slack     = 2 * time.Second
)

// Store is what a Keeper needs of the database, by use; *store.Store is one.
type Store interface {
	factStore
	counts
	EndStandings(ctx context.Context, now time.Time) ([]supervisor.ID, error)
	SetHealthPolicy(ctx context.Context, id supervisor.ID, policy json.RawMessage) error
	holds
}

type holds interface {
	Holds(ctx context.Context, reason string, now time.Time) (map[supervisor.ID]time.Time, error)
	ShortenHolds(ctx context.Context, instance supervisor.ID, reason string, until time.Time) (int, error)
}

// Queue is what works on queued sends; *outbox.Queue is one.
type Queue interface {
	// Look works on an instance's queue at once, because it may go on.
	Look(ctx context.Context, id supervisor.ID) error
}

type counts interface {
	NumberDays(ctx context.Context, instance supervisor.ID, days []time.Time, overdue time.Time) ([]store.NumberDay, error)
	NumberReplies(ctx context.Context, instance supervisor.ID, since time.Time) (store.NumberReplies, error)
	NumberRefusals(ctx context.Context, instance supervisor.ID, since time.Time) (map[int]int64, error)
	Blocked(ctx context.Context, instance supervisor.ID) (int, error)
}

// Keeper tells of numbers, and when something that WhatsApp said of one runs out. Its
// methods may be called from any goroutine.
type Keeper struct {
	store Store
	queue Queue
	wake  func(supervisor.ID)
	log   zerolog.Logger
}

// New returns a keeper. Wake is told of instances whose feed grew. It starts nothing.
func New(st Store, queue Queue, wake func(supervisor.ID), log zerolog.Logger) *Keeper {
	return &Keeper{store: st, queue: queue, wake: wake, log: log}
}

// Run looks for what has run out until ctx ends.
func (k *Keeper) Run(ctx context.Context) error {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		if err := k.look(ctx); err != nil && ctx.Err() == nil && !fault.Is(err, fault.Unavailable) {
			k.log.Warn().Err(err).Msg("the standing of numbers cannot be looked after")
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

func (k *Keeper) look(ctx context.Context) error {
	now := time.Now()
	ended, err := k.store.EndStandings(ctx, now)
	for _, id := range ended {
		k.wake(id)
	}
	return errors.Join(err, k.release(ctx, now))
}

// release lets go what is held for a lock that ends earlier than was thought.
func (k *Keeper) release(ctx context.Context, now time.Time) error {
	held, err := k.store.Holds(ctx, healthpolicy.ReasonLock, now)
	if err != nil {
		return err
	}
	for id, until := range held {
		known, err := k.store.Standing(ctx, id)
		if err != nil {
			return err // the database is away, for all of them
		}
		end := now
		if known, _ = known.At(now); known.Lock.Active && known.Lock.Until != nil {
			end = *known.Lock.Until
		}
		// What is held until a moment after the end was held by it.
		if until.Sub(end) < slack {
			continue
		}
		if err := k.shorten(ctx, id, healthpolicy.ReasonLock, end); err != nil {
			return err
		}
	}
	return nil
}

// shorten lets no send of an instance be held beyond a time.
func (k *Keeper) shorten(ctx context.Context, id supervisor.ID, reason string, until time.Time) error {
	if _, err := k.store.ShortenHolds(ctx, id, reason, until); err != nil {
		return err
	}
	return k.queue.Look(ctx, id)
}
