package api

import (
	"context"
	"time"

	"github.com/rs/zerolog"

	"whatsapp-manager/api/sends"
	"whatsapp-manager/proto/fault"
	"whatsapp-manager/supervisor"
	"whatsapp-manager/supervisor/store"
)

// tidyEvery is also how long a deletion may take before another finishes it.
const tidyEvery = 2 * removal

// cleanup finishes the deletion of instances. It is a loop of each manager and no
// job of one of them: a worker is ended by the manager that supervises it, and each
// manager forgets what it remembers of the instance.
type cleanup struct {
	store      cleanupRecords
	supervisor remover
	sender     *sends.Sender
	pace       *callPace
	log        zerolog.Logger
}

type cleanupRecords interface {
	DeleteInstance(ctx context.Context, id supervisor.ID) error
	// DeletedInstances lists those whose deletion began and did not end.
	DeletedInstances(ctx context.Context) ([]store.Instance, error)
}

type remover interface {
	Remove(ctx context.Context, id supervisor.ID) error
	Recovered() <-chan struct{}
}

// run finishes deletions that a manager or a client left half done. It begins when
// the supervisor knows its workers, for one of them may belong to a deleted instance.
func (c *cleanup) run(ctx context.Context) error {
	select {
	case <-c.supervisor.Recovered():
	case <-ctx.Done():
		return nil
	}
	tick := time.NewTicker(tidyEvery)
	defer tick.Stop()
	for {
		if err := c.finishDeletions(ctx, now().Add(-removal)); err != nil && ctx.Err() == nil {
			c.log.Warn().Err(err).Msg("deleted instances are not all removed")
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// finishDeletions removes the instances whose deletion began before.
func (c *cleanup) finishDeletions(ctx context.Context, before time.Time) error {
	rows, err := c.store.DeletedInstances(ctx)
	if err != nil {
		return err
	}
	for _, row := range rows {
		if row.DeletedAt != nil && row.DeletedAt.After(before) {
			continue // whoever began is still at it
		}
		if err := c.remove(ctx, row); err != nil {
			return err
		}
		c.log.Info().Str("instance", string(row.ID)).Msg("deletion finished")
	}
	return nil
}

// remove ends the worker of a deleted instance and drops its rows. Doing it
// twice is no error.
func (c *cleanup) remove(ctx context.Context, row store.Instance) error {
	if err := c.supervisor.Remove(ctx, row.ID); err != nil && !fault.Is(err, fault.NotFound) {
		return err
	}
	if err := c.store.DeleteInstance(ctx, row.ID); err != nil && !fault.Is(err, fault.NotFound) {
		return err
	}
	c.sender.Forget(row.ID)
	c.pace.forget(row.ID)
	return nil
}
