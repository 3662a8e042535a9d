package signalcache

import (
	"context"

	"go.mau.fi/whatsmeow/store"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/util/keys"
)

type sessionStore struct {
	store.SessionStore
	c *Cache
}

func session(address string) key { return key{table: sessions, a: address} }

func (s sessionStore) GetSession(ctx context.Context, address string) ([]byte, error) {
	r, err := s.c.read(ctx, session(address), func() ([]byte, error) { return s.SessionStore.GetSession(ctx, address) })
	return r.content(), err
}

func (s sessionStore) HasSession(ctx context.Context, address string) (bool, error) {
	found, err := s.GetSession(ctx, address)
	return found != nil, err
}

func (s sessionStore) GetManySessions(ctx context.Context, addresses []string) (map[string][]byte, error) {
	all := make(map[string][]byte, len(addresses))
	var missing []string
	for _, address := range addresses {
		if r, ok := s.c.known(ctx, session(address)); ok {
			all[address] = r.content()
		} else {
			missing = append(missing, address)
		}
	}
	if len(missing) == 0 {
		return all, nil
	}
	found, err := s.SessionStore.GetManySessions(ctx, missing)
	if err != nil {
		return nil, err
	}
	for _, address := range missing {
		r, err := s.c.read(ctx, session(address), func() ([]byte, error) { return found[address], nil })
		if err != nil {
			return nil, err
		}
		all[address] = r.content()
	}
	return all, nil
}

// PutSession returns when the session is written, except in a step.
func (s sessionStore) PutSession(ctx context.Context, address string, content []byte) error {
	s.c.put(ctx, session(address), row{value: content}, true)
	return s.c.written(ctx)
}

// PutManySessions returns when the sessions are written, except in a step.
func (s sessionStore) PutManySessions(ctx context.Context, all map[string][]byte) error {
	for address, content := range all {
		s.c.put(ctx, session(address), row{value: content}, true)
	}
	return s.c.written(ctx)
}

func (s sessionStore) DeleteSession(ctx context.Context, address string) error {
	s.c.put(ctx, session(address), row{absent: true}, true)
	return s.c.written(ctx)
}

func (s sessionStore) DeleteAllSessions(ctx context.Context, phone string) error {
	return s.c.around(sessions, phone+":", func() error { return s.SessionStore.DeleteAllSessions(ctx, phone) })
}

// MigratePNToLID asks the tables once for each phone number in the life of a worker.
func (s sessionStore) MigratePNToLID(ctx context.Context, pn, lid types.JID) error {
	c := s.c
	number := pn.SignalAddressUser()
	c.mu.Lock()
	done := c.migrated.Contains(number)
	c.mu.Unlock()
	if done {
		return nil
	}
	if err := c.write(ctx, nil); err != nil {
		return err
	}
	if err := s.SessionStore.MigratePNToLID(ctx, pn, lid); err != nil {
		return err
	}
	c.forgetAll()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.migrated.Add(number, struct{}{})
	return nil
}

type identityStore struct {
	store.IdentityStore
	c *Cache
}

func (s identityStore) identity(ctx context.Context, address string) (row, error) {
	return s.c.read(ctx, key{table: identities, a: address}, func() ([]byte, error) { return s.c.readIdentity(ctx, address) })
}

// IsTrustedIdentity trusts a key that is not known, as whatsmeow's own store does.
func (s identityStore) IsTrustedIdentity(ctx context.Context, address string, content [32]byte) (bool, error) {
	r, err := s.identity(ctx, address)
	return err == nil && (r.absent || string(r.value) == string(content[:])), err
}

// PutIdentity writes a key that is not known yet.
func (s identityStore) PutIdentity(ctx context.Context, address string, content [32]byte) error {
	r, err := s.identity(ctx, address)
	if err != nil || !r.absent && string(r.value) == string(content[:]) {
		return err
	}
	s.c.put(ctx, key{table: identities, a: address}, row{value: content[:]}, false)
	return nil
}

func (s identityStore) DeleteIdentity(ctx context.Context, address string) error {
	s.c.put(ctx, key{table: identities, a: address}, row{absent: true}, true)
	return s.c.written(ctx)
}

func (s identityStore) DeleteAllIdentities(ctx context.Context, phone string) error {
	return s.c.around(identities, phone+":", func() error { return s.IdentityStore.DeleteAllIdentities(ctx, phone) })
}

type senderKeyStore struct {
	store.SenderKeyStore
	c *Cache
}

// PutSenderKey returns before the key is written; Flush stands before the message.
func (s senderKeyStore) PutSenderKey(ctx context.Context, group, user string, content []byte) error {
	s.c.put(ctx, key{table: senderKeys, a: group, b: user}, row{value: content}, true)
	return nil
}

func (s senderKeyStore) GetSenderKey(ctx context.Context, group, user string) ([]byte, error) {
	r, err := s.c.read(ctx, key{table: senderKeys, a: group, b: user},
		func() ([]byte, error) { return s.SenderKeyStore.GetSenderKey(ctx, group, user) })
	return r.content(), err
}

type preKeyStore struct {
	store.PreKeyStore
	c *Cache
}

func (s preKeyStore) GetPreKey(ctx context.Context, id uint32) (*keys.PreKey, error) {
	if r, ok := s.c.known(ctx, key{table: preKeys, a: number(id)}); ok && r.absent {
		return nil, nil
	}
	return s.PreKeyStore.GetPreKey(ctx, id)
}

func (s preKeyStore) RemovePreKey(ctx context.Context, id uint32) error {
	s.c.put(ctx, key{table: preKeys, a: number(id)}, row{absent: true}, false)
	return nil
}

type secretStore struct {
	store.MsgSecretStore
	c *Cache
}

// PutMessageSecret returns before the secret is written: that happens with its message.
func (s secretStore) PutMessageSecret(ctx context.Context, chat, sender types.JID, id types.MessageID, content []byte) error {
	k := key{table: secrets, a: chat.ToNonAD().String(), b: sender.ToNonAD().String(), c: id}
	s.c.put(ctx, k, row{value: content}, false)
	return nil
}

func (s secretStore) GetMessageSecret(ctx context.Context, chat, sender types.JID, id types.MessageID) ([]byte, types.JID, error) {
	if s.c.stages(secrets) {
		if err := s.c.write(ctx, nil); err != nil {
			return nil, types.EmptyJID, err
		}
	}
	return s.MsgSecretStore.GetMessageSecret(ctx, chat, sender, id)
}

// saltStore reads the salt once.
type saltStore struct {
	store.NCTSaltStore
	c *Cache
}

func (s saltStore) GetNCTSalt(ctx context.Context) ([]byte, error) {
	s.c.mu.Lock()
	salt, known, epoch := s.c.salt, s.c.saltKnown, s.c.epoch
	s.c.mu.Unlock()
	if known {
		return salt, nil
	}
	salt, err := s.NCTSaltStore.GetNCTSalt(ctx)
	if err != nil {
		return nil, err
	}
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	if s.c.epoch == epoch {
		s.c.salt, s.c.saltKnown = salt, true
	}
	return salt, nil
}

func (s saltStore) PutNCTSalt(ctx context.Context, salt []byte) error {
	defer s.forget()
	return s.NCTSaltStore.PutNCTSalt(ctx, salt)
}

func (s saltStore) DeleteNCTSalt(ctx context.Context) error {
	defer s.forget()
	return s.NCTSaltStore.DeleteNCTSalt(ctx)
}

func (s saltStore) forget() {
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	s.c.epoch++
	s.c.saltKnown = false
}
