package store

import (
	"context"
	"time"

	"whatsapp-manager/supervisor"
	"whatsapp-manager/supervisor/store/db"
)

// APIKey lets its bearer act for one instance. Hash is the key's SHA-256, and
// Prefix its first characters; the key itself is not kept.
type APIKey struct {
	ID                    string
	InstanceID            supervisor.ID
	Name                  string
	Hash                  []byte
	Prefix                string
	CreatedAt             time.Time
	LastUsedAt, RevokedAt *time.Time
}

// InsertKey adds a key to an instance.
func (s *Store) InsertKey(ctx context.Context, k APIKey) error {
	return failure("store.InsertKey", insertKey(ctx, s.q, k))
}

// Keys returns all keys of an instance, revoked ones too, oldest first.
func (s *Store) Keys(ctx context.Context, instance supervisor.ID) ([]APIKey, error) {
	rows, err := s.q.KeysOf(ctx, string(instance))
	keys := make([]APIKey, len(rows))
	for i, r := range rows {
		keys[i] = keyOf(r)
	}
	return keys, failure("store.Keys", err)
}

// InstanceByKeyHash returns whose key it is; NotFound when the key is unknown
// or revoked or the instance deleted, Unauthorized with Code account_disabled
// when the instance's owner is disabled. The instance comes without its Worker.
func (s *Store) InstanceByKeyHash(ctx context.Context, hash []byte) (Instance, APIKey, error) {
	row, err := s.q.InstanceByKeyHash(ctx, hash)
	if err != nil {
		return Instance{}, APIKey{}, failure("store.InstanceByKeyHash", err)
	}
	if row.OwnerDisabled {
		return Instance{}, APIKey{}, unauthorized("store.InstanceByKeyHash", "account_disabled", "the account that the instance belongs to is disabled")
	}
	return instanceOf(row.Instance), keyOf(row.ApiKey), nil
}

// RevokeKey ends a key of the instance, and the link pages made with it; the time of the first revocation stays.
func (s *Store) RevokeKey(ctx context.Context, instance supervisor.ID, id string, now time.Time) error {
	n, err := s.q.RevokeKey(ctx, db.RevokeKeyParams{InstanceID: string(instance), ID: id, At: now})
	return found("store.RevokeKey", n, err)
}

// TouchKeys records when keys, by id, were last used; older times and unknown
// keys change nothing.
func (s *Store) TouchKeys(ctx context.Context, used map[string]time.Time) error {
	if len(used) == 0 {
		return nil
	}
	p := db.TouchKeysParams{}
	for id, at := range used {
		p.Ids, p.Ats = append(p.Ids, id), append(p.Ats, at)
	}
	return failure("store.TouchKeys", s.q.TouchKeys(ctx, p))
}

func insertKey(ctx context.Context, q *db.Queries, k APIKey) error {
	return q.InsertKey(ctx, db.InsertKeyParams{
		ID: k.ID, InstanceID: string(k.InstanceID), Name: k.Name, Hash: k.Hash, Prefix: k.Prefix,
		CreatedAt: k.CreatedAt, LastUsedAt: k.LastUsedAt, RevokedAt: k.RevokedAt,
	})
}

func keyOf(r db.ApiKey) APIKey {
	return APIKey{
		ID: r.ID, InstanceID: supervisor.ID(r.InstanceID), Name: r.Name, Hash: r.Hash, Prefix: r.Prefix,
		CreatedAt: r.CreatedAt, LastUsedAt: r.LastUsedAt, RevokedAt: r.RevokedAt,
	}
}
