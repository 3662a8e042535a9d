package store

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"whatsapp-manager/proto/fault"
	"whatsapp-manager/supervisor/store/db"
)

// RefreshToken is one link of a chain of refresh tokens: a family begins with
// a login, and each exchange adds a token to it. Hash is of the token, which
// itself is not kept. ProvedAt is when the user last gave the password for the
// family.
type RefreshToken struct {
	ID, UserID, Family  string
	Hash                []byte
	IssuedAt, ExpiresAt time.Time
	UsedAt, RevokedAt   *time.Time
	ProvedAt            time.Time
}

// InsertRefreshToken begins a family.
func (s *Store) InsertRefreshToken(ctx context.Context, t RefreshToken) error {
	return failure("store.InsertRefreshToken", insertToken(ctx, s.q, t))
}

// RotateRefreshToken exchanges the token with the hash for next, which gets
// its user, family and ProvedAt, and returns the exchanged one. It returns Unauthorized
// with Code token_unknown, token_expired, token_revoked, or token_reused: a
// token that was exchanged before has been stolen, or its successor has, so
// the whole family is revoked. Of exchanges at the same moment one succeeds.
func (s *Store) RotateRefreshToken(ctx context.Context, hash []byte, next RefreshToken, now time.Time) (RefreshToken, error) {
	const op = "store.RotateRefreshToken"
	var old RefreshToken
	var refusal error // of a transaction that commits nevertheless
	err := s.inTx(ctx, func(q *db.Queries) error {
		row, err := q.LockRefreshToken(ctx, hash)
		if errors.Is(err, pgx.ErrNoRows) {
			refusal = unauthorized(op, "token_unknown", "the refresh token is not known")
			return nil
		}
		if err != nil {
			return err
		}
		old = tokenOf(row)
		switch {
		case old.UsedAt != nil:
			refusal = unauthorized(op, "token_reused", "the refresh token was used before; all of its session is revoked")
			return q.RevokeFamily(ctx, db.RevokeFamilyParams{Family: old.Family, At: now})
		case old.RevokedAt != nil:
			refusal = unauthorized(op, "token_revoked", "the refresh token is revoked")
			return nil
		case !now.Before(old.ExpiresAt):
			refusal = unauthorized(op, "token_expired", "the refresh token is expired")
			return nil
		}
		if err := q.UseRefreshToken(ctx, db.UseRefreshTokenParams{ID: old.ID, At: now}); err != nil {
			return err
		}
		next.UserID, next.Family, next.ProvedAt = old.UserID, old.Family, old.ProvedAt
		return insertToken(ctx, q, next)
	})
	if err != nil {
		return RefreshToken{}, failure(op, err)
	}
	return old, refusal
}

// RevokeFamily ends one login with all its tokens; it is no error when there
// is none.
func (s *Store) RevokeFamily(ctx context.Context, family string, now time.Time) error {
	return failure("store.RevokeFamily", s.q.RevokeFamily(ctx, db.RevokeFamilyParams{Family: family, At: now}))
}

// RevokeUserTokens ends all logins of a user.
func (s *Store) RevokeUserTokens(ctx context.Context, userID string, now time.Time) error {
	return failure("store.RevokeUserTokens", s.q.RevokeUserTokens(ctx, db.RevokeUserTokensParams{UserID: userID, At: now}))
}

// PruneRefreshTokens deletes the tokens that expired before the time and
// returns how many. A pruned token that is used again is unknown, not reused.
func (s *Store) PruneRefreshTokens(ctx context.Context, before time.Time) (int, error) {
	n, err := s.q.PruneRefreshTokens(ctx, before)
	return int(n), failure("store.PruneRefreshTokens", err)
}

func unauthorized(op, code, msg string) error {
	return &fault.Error{Kind: fault.Unauthorized, Op: op, Code: code, Msg: msg}
}

func insertToken(ctx context.Context, q *db.Queries, t RefreshToken) error {
	return q.InsertRefreshToken(ctx, db.InsertRefreshTokenParams{
		ID: t.ID, UserID: t.UserID, Family: t.Family, TokenHash: t.Hash,
		IssuedAt: t.IssuedAt, ExpiresAt: t.ExpiresAt, UsedAt: t.UsedAt, RevokedAt: t.RevokedAt, ProvedAt: t.ProvedAt,
	})
}

func tokenOf(r db.RefreshToken) RefreshToken {
	return RefreshToken{
		ID: r.ID, UserID: r.UserID, Family: r.Family, Hash: r.TokenHash,
		IssuedAt: r.IssuedAt, ExpiresAt: r.ExpiresAt, UsedAt: r.UsedAt, RevokedAt: r.RevokedAt, ProvedAt: r.ProvedAt,
	}
}
