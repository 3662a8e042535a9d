package auth

import (
	"context"
	"errors"
	"maps"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"whatsapp-manager/api/credential"
	"whatsapp-manager/proto/fault"
	"whatsapp-manager/supervisor"
	"whatsapp-manager/supervisor/store"
)

const (
	// keyTTL bounds how long a key revoked through another node still opens;
	// on this node a revocation holds at once.
	keyTTL     = 10 * time.Second
	touchEvery = 15 * time.Second
)

// keyring answers "whose key is this?" without asking the database each time.
type keyring struct {
	store keyUses

	mu      sync.Mutex
	entries map[string]keyEntry  // guarded by mu; by hash
	epoch   uint64               // guarded by mu; raised by forget, so that a read that began before is not kept
	used    map[string]time.Time // guarded by mu; key id to last use, since the last flush
}

type keyEntry struct {
	instance store.Instance
	keyID    string
	until    time.Time
}

func newKeyring(st keyUses) *keyring {
	return &keyring{store: st, entries: map[string]keyEntry{}, used: map[string]time.Time{}}
}

// find returns the instance of the key and the key's id, or fault.Unauthorized.
func (k *keyring) find(ctx context.Context, key string) (store.Instance, string, error) {
	unknown := &fault.Error{Kind: fault.Unauthorized, Op: "auth.key", Code: "unknown_key", Field: "apiKey", Msg: "unknown API key"}
	if !credential.LooksLikeKey(key) {
		return store.Instance{}, "", unknown
	}
	hash := credential.Hash(key)
	at := time.Now()

	k.mu.Lock()
	entry, ok := k.entries[string(hash)]
	if ok && at.Before(entry.until) {
		k.used[entry.keyID] = at
		k.mu.Unlock()
		return entry.instance, entry.keyID, nil
	}
	epoch := k.epoch
	k.mu.Unlock()

	in, found, err := k.store.InstanceByKeyHash(ctx, hash)
	switch {
	case fault.Is(err, fault.NotFound):
		return store.Instance{}, "", unknown
	case err != nil:
		return store.Instance{}, "", err
	case found.RevokedAt != nil || in.DeletedAt != nil:
		return store.Instance{}, "", unknown
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.used[found.ID] = at
	if k.epoch == epoch {
		k.entries[string(hash)] = keyEntry{instance: in, keyID: found.ID, until: at.Add(keyTTL)}
	}
	return in, found.ID, nil
}

// forget drops what is remembered of an instance: a key was revoked, its
// settings changed, or it is gone.
func (k *keyring) forget(id supervisor.ID) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.epoch++
	maps.DeleteFunc(k.entries, func(_ string, e keyEntry) bool { return e.instance.ID == id })
}

// forgetOwner drops what is remembered of all instances of a user.
func (k *keyring) forgetOwner(userID string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.epoch++
	maps.DeleteFunc(k.entries, func(_ string, e keyEntry) bool { return e.instance.OwnerID == userID })
}

// run writes the last uses of keys down from time to time, and once more at the end.
func (k *keyring) run(ctx context.Context, log zerolog.Logger) error {
	tick := time.NewTicker(touchEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			k.flush(ctx, log)
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 3*time.Second)
			defer cancel()
			k.flush(last, log)
			return nil
		}
	}
}

func (k *keyring) flush(ctx context.Context, log zerolog.Logger) {
	k.mu.Lock()
	used := k.used
	k.used = map[string]time.Time{}
	at := time.Now()
	maps.DeleteFunc(k.entries, func(_ string, e keyEntry) bool { return at.After(e.until) })
	k.mu.Unlock()
	if len(used) == 0 {
		return
	}
	if err := k.store.TouchKeys(ctx, used); err != nil && !errors.Is(err, context.Canceled) {
		log.Warn().Err(err).Msg("last uses of API keys are not written down")
	}
}
