package auth

import (
	"context"
	"errors"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
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
	// keysKept is how many keys are remembered; the others cost a query.
	keysKept = 10_000
)

// keyring answers "whose key is this?" without asking the database each time.
type keyring struct {
	store keyUses

	mu      sync.Mutex
	entries *lru.Cache[string, keyEntry] // guarded by mu; by hash
	epoch   uint64                       // guarded by mu; raised by forget, so that a read that began before is not kept
	used    map[string]time.Time         // guarded by mu; key id to last use, since the last flush
}

type keyEntry struct {
	instance store.Instance
	keyID    string
	until    time.Time
}

func newKeyring(st keyUses) *keyring {
	entries, err := lru.New[string, keyEntry](keysKept)
	if err != nil {
		panic(err) // only for a size below one
	}
	return &keyring{store: st, entries: entries, used: map[string]time.Time{}}
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
	entry, ok := k.entries.Get(string(hash))
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
		k.entries.Add(string(hash), keyEntry{instance: in, keyID: found.ID, until: at.Add(keyTTL)})
	}
	return in, found.ID, nil
}

// forget drops what is remembered of an instance: a key was revoked, its
// settings changed, or it is gone.
func (k *keyring) forget(id supervisor.ID) {
	k.drop(func(in store.Instance) bool { return in.ID == id })
}

// forgetOwner drops what is remembered of all instances of a user.
func (k *keyring) forgetOwner(userID string) {
	k.drop(func(in store.Instance) bool { return in.OwnerID == userID })
}

func (k *keyring) drop(gone func(store.Instance) bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.epoch++
	for _, hash := range k.entries.Keys() {
		if e, ok := k.entries.Peek(hash); ok && gone(e.instance) {
			k.entries.Remove(hash)
		}
	}
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
	k.mu.Unlock()
	if len(used) == 0 {
		return
	}
	if err := k.store.TouchKeys(ctx, used); err != nil && !errors.Is(err, context.Canceled) {
		log.Warn().Err(err).Msg("last uses of API keys are not written down")
	}
}
