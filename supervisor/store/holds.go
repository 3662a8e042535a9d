package store

import (
	"context"
	"time"

	"whatsapp-manager/supervisor"
	"whatsapp-manager/supervisor/store/db"
)

// HoldSend lets a send of the queue wait until a time, while others pass it: its State,
// Code and Reason are written, and Code is why. NotFound when it has ended.
func (s *Store) HoldSend(ctx context.Context, send Send, until time.Time) error {
	n, err := s.q.HoldSend(ctx, db.HoldSendParams{
		InstanceID: string(send.Instance), Key: send.Key, State: string(send.State), ErrorCode: send.Code, Error: send.Reason, Until: until,
	})
	return found("store.HoldSend", n, err)
}

// Holds returns until when sends are held for a reason at a time, by instance.
func (s *Store) Holds(ctx context.Context, reason string, now time.Time) (map[supervisor.ID]time.Time, error) {
	rows, err := s.q.Holds(ctx, db.HoldsParams{Reason: reason, Now: now})
	until := make(map[supervisor.ID]time.Time, len(rows))
	for _, r := range rows {
		until[supervisor.ID(r.InstanceID)] = r.Until
	}
	return until, failure("store.Holds", err)
}

// ShortenHolds lets no send of the instance be held for a reason beyond a time; for no
// reason at all when it is empty. It returns how many are held less long.
func (s *Store) ShortenHolds(ctx context.Context, instance supervisor.ID, reason string, until time.Time) (int, error) {
	n, err := s.q.ShortenHolds(ctx, db.ShortenHoldsParams{InstanceID: string(instance), Reason: reason, Until: until})
	return int(n), failure("store.ShortenHolds", err)
}
