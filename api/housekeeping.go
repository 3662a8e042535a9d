package api

import (
	"context"
	"time"

	"whatsapp-manager/api/sends"
	"whatsapp-manager/proto/fault"
	"whatsapp-manager/supervisor/store"
)

// tidyEvery is also how long a deletion may take before another finishes it.
const tidyEvery = 2 * removal

// tidy finishes deletions that a manager or a client left half done, and drops
// refresh tokens that nobody can use any more and sends whose time is over, as
// soon as the clock may be believed: a key that is forgotten early lets its
// message be sent twice. It begins when the supervisor
// knows its workers, for one of them may belong to a deleted instance.
func (s *Server) tidy(ctx context.Context) error {
	select {
	case <-s.supervisor.Recovered():
	case <-ctx.Done():
		return nil
	}
	tick := time.NewTicker(tidyEvery)
	defer tick.Stop()
	for {
		if err := s.finishDeletions(ctx, now().Add(-removal)); err != nil && ctx.Err() == nil {
			s.log.Warn().Err(err).Msg("deleted instances are not all removed")
		}
		if s.clock.Steady() {
			s.prune(ctx)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

func (s *Server) prune(ctx context.Context) {
	s.auth.Prune(ctx)
	if _, err := s.store.PruneSends(ctx, now().Add(-sends.Kept)); err != nil && ctx.Err() == nil {
		s.log.Warn().Err(err).Msg("old sends are not removed")
	}
}

// finishDeletions removes the instances whose deletion began before.
func (s *Server) finishDeletions(ctx context.Context, before time.Time) error {
	rows, err := s.store.DeletedInstances(ctx)
	if err != nil {
		return err
	}
	for _, row := range rows {
		if row.DeletedAt != nil && row.DeletedAt.After(before) {
			continue // whoever began is still at it
		}
		if err := s.remove(ctx, row); err != nil {
			return err
		}
		s.log.Info().Str("instance", string(row.ID)).Msg("deletion finished")
	}
	return nil
}

// remove ends the worker of a deleted instance and drops its rows. Doing it
// twice is no error.
func (s *Server) remove(ctx context.Context, row store.Instance) error {
	if err := s.supervisor.Remove(ctx, row.ID); err != nil && !fault.Is(err, fault.NotFound) {
		return err
	}
	if err := s.store.DeleteInstance(ctx, row.ID); err != nil && !fault.Is(err, fault.NotFound) {
		return err
	}
	s.sender.Forget(row.ID)
	s.pace.forget(row.ID)
	return nil
}
