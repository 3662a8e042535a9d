package numberhealth

import (
	"context"
	"encoding/json"
	"time"

	"github.com/rs/zerolog"

	"whatsapp-manager/proto/fault"
	"whatsapp-manager/supervisor"
	"whatsapp-manager/supervisor/store"
)

// lookEvery is how late the end of a lock may be told.
const lookEvery = 5 * time.Second

// Store is what a Keeper needs of the database, by use; *store.Store is one.
type Store interface {
	factStore
	counts
	EndStandings(ctx context.Context, now time.Time) ([]supervisor.ID, error)
	SetHealthPolicy(ctx context.Context, id supervisor.ID, policy json.RawMessage) error
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
	wake  func(supervisor.ID)
	log   zerolog.Logger
}

// New returns a keeper. Wake is told of instances whose feed grew. It starts nothing.
func New(st Store, wake func(supervisor.ID), log zerolog.Logger) *Keeper {
	return &Keeper{store: st, wake: wake, log: log}
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
	ended, err := k.store.EndStandings(ctx, time.Now())
	for _, id := range ended {
		k.wake(id)
	}
	return err
}
