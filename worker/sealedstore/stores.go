package sealedstore

import (
	"context"
	"fmt"
	"slices"
	"time"

	"go.mau.fi/whatsmeow/store"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/util/keys"

	"whatsapp-manager/proto/seal"
)

type sessions struct {
	store.SessionStore
	*seal.Device
}

const sessionTable = "whatsmeow_sessions"

func (s sessions) GetSession(ctx context.Context, address string) ([]byte, error) {
	sealed, err := s.SessionStore.GetSession(ctx, address)
	if err != nil {
		return nil, err
	}
	return s.Open(sessionTable, sealed)
}

func (s sessions) GetManySessions(ctx context.Context, addresses []string) (map[string][]byte, error) {
	found, err := s.SessionStore.GetManySessions(ctx, addresses)
	if err != nil {
		return nil, err
	}
	for address, sealed := range found {
		if found[address], err = s.Open(sessionTable, sealed); err != nil {
			return nil, err
		}
	}
	return found, nil
}

func (s sessions) PutSession(ctx context.Context, address string, session []byte) error {
	return s.SessionStore.PutSession(ctx, address, s.Seal(sessionTable, session))
}

func (s sessions) PutManySessions(ctx context.Context, sessions map[string][]byte) error {
	sealed := make(map[string][]byte, len(sessions))
	for address, session := range sessions {
		sealed[address] = s.Seal(sessionTable, session)
	}
	return s.SessionStore.PutManySessions(ctx, sealed)
}

// preKeys opens the keys that whatsmeow has stored. A new key needs no sealing: the random
// bytes that whatsmeow stores for it count as sealed, see seal.Device.OpenPreKey.
type preKeys struct {
	store.PreKeyStore
	sealer *seal.Device
	by     string
}

func (p preKeys) open(key *keys.PreKey) (*keys.PreKey, error) {
	if key == nil {
		return nil, nil
	}
	private, ok := p.sealer.OpenPreKey(p.by, key.KeyID, *key.Priv)
	if !ok {
		return nil, fmt.Errorf("open pre key: %w", seal.ErrUnknown)
	}
	return &keys.PreKey{KeyPair: *keys.NewKeyPairFromPrivateKey(private), KeyID: key.KeyID}, nil
}

func (p preKeys) GetOrGenPreKeys(ctx context.Context, count uint32) ([]*keys.PreKey, error) {
	list, err := p.PreKeyStore.GetOrGenPreKeys(ctx, count)
	if err != nil {
		return nil, err
	}
	for i := range list {
		if list[i], err = p.open(list[i]); err != nil {
			return nil, err
		}
	}
	return list, nil
}

func (p preKeys) GenOnePreKey(ctx context.Context) (*keys.PreKey, error) {
	key, err := p.PreKeyStore.GenOnePreKey(ctx)
	if err != nil {
		return nil, err
	}
	return p.open(key)
}

func (p preKeys) GetPreKey(ctx context.Context, id uint32) (*keys.PreKey, error) {
	key, err := p.PreKeyStore.GetPreKey(ctx, id)
	if err != nil {
		return nil, err
	}
	return p.open(key)
}

type senderKeys struct {
	store.SenderKeyStore
	*seal.Device
}

const senderKeyTable = "whatsmeow_sender_keys"

func (s senderKeys) PutSenderKey(ctx context.Context, group, user string, key []byte) error {
	return s.SenderKeyStore.PutSenderKey(ctx, group, user, s.Seal(senderKeyTable, key, group))
}

func (s senderKeys) GetSenderKey(ctx context.Context, group, user string) ([]byte, error) {
	sealed, err := s.SenderKeyStore.GetSenderKey(ctx, group, user)
	if err != nil {
		return nil, err
	}
	return s.Open(senderKeyTable, sealed, group)
}

type appStateKeys struct {
	store.AppStateSyncKeyStore
	*seal.Device
}

const appStateKeyTable = "whatsmeow_app_state_sync_keys"

func (a appStateKeys) PutAppStateSyncKey(ctx context.Context, id []byte, key store.AppStateSyncKey) error {
	key.Data = a.Seal(appStateKeyTable, key.Data)
	return a.AppStateSyncKeyStore.PutAppStateSyncKey(ctx, id, key)
}

func (a appStateKeys) GetAppStateSyncKey(ctx context.Context, id []byte) (*store.AppStateSyncKey, error) {
	key, err := a.AppStateSyncKeyStore.GetAppStateSyncKey(ctx, id)
	if err != nil || key == nil {
		return nil, err
	}
	key.Data, err = a.Open(appStateKeyTable, key.Data)
	return key, err
}

func (a appStateKeys) GetAllAppStateSyncKeys(ctx context.Context) ([]*store.AppStateSyncKey, error) {
	list, err := a.AppStateSyncKeyStore.GetAllAppStateSyncKeys(ctx)
	if err != nil {
		return nil, err
	}
	for _, key := range list {
		if key.Data, err = a.Open(appStateKeyTable, key.Data); err != nil {
			return nil, err
		}
	}
	return list, nil
}

type messageSecrets struct {
	store.MsgSecretStore
	*seal.Device
}

const secretTable = "whatsmeow_message_secrets"

func (m messageSecrets) PutMessageSecrets(ctx context.Context, inserts []store.MessageSecretInsert) error {
	inserts = slices.Clone(inserts)
	for i, in := range inserts {
		inserts[i].Secret = m.Seal(secretTable, in.Secret, in.ID)
	}
	return m.MsgSecretStore.PutMessageSecrets(ctx, inserts)
}

func (m messageSecrets) PutMessageSecret(ctx context.Context, chat, sender types.JID, id types.MessageID, secret []byte) error {
	return m.MsgSecretStore.PutMessageSecret(ctx, chat, sender, id, m.Seal(secretTable, secret, id))
}

func (m messageSecrets) GetMessageSecret(ctx context.Context, chat, sender types.JID, id types.MessageID) ([]byte, types.JID, error) {
	sealed, realSender, err := m.MsgSecretStore.GetMessageSecret(ctx, chat, sender, id)
	if err != nil {
		return nil, realSender, err
	}
	secret, err := m.Open(secretTable, sealed, id)
	return secret, realSender, err
}

type privacyTokens struct {
	store.PrivacyTokenStore
	*seal.Device
}

const tokenTable = "whatsmeow_privacy_tokens"

func (p privacyTokens) PutPrivacyTokens(ctx context.Context, tokens ...store.PrivacyToken) error {
	tokens = slices.Clone(tokens)
	for i := range tokens {
		tokens[i].Token = p.Seal(tokenTable, tokens[i].Token)
	}
	return p.PrivacyTokenStore.PutPrivacyTokens(ctx, tokens...)
}

func (p privacyTokens) GetPrivacyToken(ctx context.Context, user types.JID) (*store.PrivacyToken, error) {
	token, err := p.PrivacyTokenStore.GetPrivacyToken(ctx, user)
	if err != nil || token == nil {
		return nil, err
	}
	token.Token, err = p.Open(tokenTable, token.Token)
	return token, err
}

type nctSalt struct {
	store.NCTSaltStore
	*seal.Device
}

const saltTable = "whatsmeow_nct_salt"

func (n nctSalt) PutNCTSalt(ctx context.Context, salt []byte) error {
	return n.NCTSaltStore.PutNCTSalt(ctx, n.Seal(saltTable, salt))
}

func (n nctSalt) GetNCTSalt(ctx context.Context) ([]byte, error) {
	sealed, err := n.NCTSaltStore.GetNCTSalt(ctx)
	if err != nil {
		return nil, err
	}
	return n.Open(saltTable, sealed)
}

// eventBuffer seals the texts of messages that are not handled yet, and of messages that
// recipients may ask for again.
type eventBuffer struct {
	store.EventBuffer
	*seal.Device
}

const (
	bufferTable = "whatsmeow_event_buffer"
	retryTable  = "whatsmeow_retry_buffer"
)

func (e eventBuffer) GetBufferedEvent(ctx context.Context, hash [32]byte) (*store.BufferedEvent, error) {
	event, err := e.EventBuffer.GetBufferedEvent(ctx, hash)
	if err != nil || event == nil {
		return nil, err
	}
	event.Plaintext, err = e.Open(bufferTable, event.Plaintext, string(hash[:]))
	return event, err
}

func (e eventBuffer) PutBufferedEvent(ctx context.Context, hash [32]byte, plaintext []byte, serverTime time.Time) error {
	return e.EventBuffer.PutBufferedEvent(ctx, hash, e.Seal(bufferTable, plaintext, string(hash[:])), serverTime)
}

func (e eventBuffer) GetOutgoingEvent(ctx context.Context, chat, altChat types.JID, id types.MessageID) (string, []byte, error) {
	format, sealed, err := e.EventBuffer.GetOutgoingEvent(ctx, chat, altChat, id)
	if err != nil {
		return format, sealed, err
	}
	plaintext, err := e.Open(retryTable, sealed, id)
	return format, plaintext, err
}

func (e eventBuffer) AddOutgoingEvent(ctx context.Context, chat types.JID, id types.MessageID, format string, plaintext []byte) error {
	return e.EventBuffer.AddOutgoingEvent(ctx, chat, id, format, e.Seal(retryTable, plaintext, id))
}
