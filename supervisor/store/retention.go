package store

import (
	"context"
	"time"

	"whatsapp-manager/supervisor"
	"whatsapp-manager/supervisor/store/db"
)

// TrimMessages removes messages that are older than before from all mirrors,
// with their receipts, reactions, votes, answers and pins, and returns how many. Starred
// messages stay, and those that somebody kept in a chat whose messages disappear. It works in pages, so that no lock is held for long.
func (s *Store) TrimMessages(ctx context.Context, before time.Time) (int, error) {
	total := 0
	for {
		n, err := s.q.TrimMessages(ctx, db.TrimMessagesParams{Before: before.Unix(), Lim: trimPage})
		total += int(n)
		if err != nil || n < trimPage {
			return total, failure("store.TrimMessages", err)
		}
	}
}

// TrimFeeds removes events that are older than before from all feeds and
// returns how many; see TrimEvents for what is kept.
func (s *Store) TrimFeeds(ctx context.Context, before time.Time) (int, error) {
	const op = "store.TrimFeeds"
	instances, err := s.q.FeedsWithEvents(ctx)
	if err != nil {
		return 0, failure(op, err)
	}
	total := 0
	for _, id := range instances {
		upTo, err := s.SeqBefore(ctx, supervisor.ID(id), before)
		if err != nil {
			return total, err
		}
		if upTo == 0 {
			continue
		}
		n, err := s.TrimEvents(ctx, supervisor.ID(id), upTo)
		if total += n; err != nil {
			return total, err
		}
	}
	return total, nil
}
