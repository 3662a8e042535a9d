package store

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"whatsapp-manager/proto/fault"
	"whatsapp-manager/supervisor"
	"whatsapp-manager/supervisor/store/db"
	"whatsapp-manager/supervisor/store/roles"
)

// MoveAway ends an instance's life on this server, because another one takes
// it over: it is wanted stopped, its present worker can record nothing more,
// and no other can be started until TakeBack. It returns what was wanted
// before. The worker itself is for the caller to end. Conflict when it was
// moved already.
func (s *Store) MoveAway(ctx context.Context, id supervisor.ID, now time.Time) (supervisor.Desired, error) {
	const op = "store.MoveAway"
	was, err := s.q.MoveAway(ctx, db.MoveAwayParams{ID: string(id), At: now})
	if errors.Is(err, pgx.ErrNoRows) {
		if in, ierr := s.Instance(ctx, id); ierr == nil && in.MovedAt != nil {
			return "", moved(op, nil)
		}
	}
	if err != nil {
		return "", failure(op, err)
	}
	return supervisor.Desired(was), failure(op, s.endWorkers(ctx, id, roles.AnyGeneration))
}

// TakeBack lets an instance run here again that was moved away. It stays
// stopped until somebody starts it. Where the account runs on the other server
// meanwhile, WhatsApp lets only one of the two stay connected, and both lose
// messages. NotFound when there is no such instance or it was not moved.
func (s *Store) TakeBack(ctx context.Context, id supervisor.ID) error {
	n, err := s.q.TakeBack(ctx, string(id))
	return found("store.TakeBack", n, err)
}

// Undelivered tells whether the instance has events that an enabled webhook has
// neither got nor parked.
func (s *Store) Undelivered(ctx context.Context, id supervisor.ID) (bool, error) {
	waiting, err := s.q.Undelivered(ctx, string(id))
	return waiting, failure("store.Undelivered", err)
}

func moved(op string, cause error) error {
	return &fault.Error{Kind: fault.Conflict, Op: op, Code: "moved", Msg: "the instance was moved to another server", Err: cause}
}
