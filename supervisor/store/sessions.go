package store

import (
	"context"
	"time"

	"whatsapp-manager/supervisor"
	"whatsapp-manager/supervisor/store/db"
)

// LivingSession returns whose the session (the family of refresh tokens) is and
// when they last gave the password for it; NotFound when it has ended. A user
// who is disabled is returned as well.
func (s *Store) LivingSession(ctx context.Context, family string, now time.Time) (User, time.Time, error) {
	row, err := s.q.LivingSession(ctx, db.LivingSessionParams{Family: family, Now: now})
	return User(row.User), row.ProvedAt, failure("store.LivingSession", err)
}

// SessionUse is a session that reads from an instance.
type SessionUse struct {
	Family   string
	Instance supervisor.ID
}

// StandingKeys returns those of the keys, by id, that still open their instance.
func (s *Store) StandingKeys(ctx context.Context, ids []string) ([]string, error) {
	standing, err := s.q.StandingKeys(ctx, ids)
	return standing, failure("store.StandingKeys", err)
}

// StandingSessions returns those of the uses that are still allowed: the
// session lives, and its user may see the instance.
func (s *Store) StandingSessions(ctx context.Context, uses []SessionUse, now time.Time) ([]SessionUse, error) {
	p := db.StandingSessionsParams{Now: now}
	for _, u := range uses {
		p.Families, p.Instances = append(p.Families, u.Family), append(p.Instances, string(u.Instance))
	}
	rows, err := s.q.StandingSessions(ctx, p)
	list := make([]SessionUse, len(rows))
	for i, r := range rows {
		list[i] = SessionUse{Family: r.Family, Instance: supervisor.ID(r.InstanceID)}
	}
	return list, failure("store.StandingSessions", err)
}

// RememberAddress keeps the hash of an address from which the user signed in,
// and of their addresses the newest keep ones.
func (s *Store) RememberAddress(ctx context.Context, userID string, hash []byte, at time.Time, keep int) error {
	return failure("store.RememberAddress", s.inTx(ctx, func(q *db.Queries) error {
		if err := q.RememberAddress(ctx, db.RememberAddressParams{UserID: userID, Hash: hash, SeenAt: at}); err != nil {
			return err
		}
		return q.TrimAddresses(ctx, db.TrimAddressesParams{UserID: userID, Keep: keep})
	}))
}

// ForgetAddresses drops what RememberAddress kept of the user.
func (s *Store) ForgetAddresses(ctx context.Context, userID string) error {
	return failure("store.ForgetAddresses", s.q.ForgetAddresses(ctx, userID))
}

// KnowsAddress tells whether the user with that email signed in from the
// address before; false when there is no such user.
func (s *Store) KnowsAddress(ctx context.Context, email string, hash []byte) (bool, error) {
	known, err := s.q.KnowsAddress(ctx, db.KnowsAddressParams{Email: email, Hash: hash})
	return known, failure("store.KnowsAddress", err)
}
