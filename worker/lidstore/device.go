package lidstore

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"
	"github.com/jackc/pgx/v5"
	"go.mau.fi/whatsmeow/store"
	"go.mau.fi/whatsmeow/types"
)

// Adopt puts the instance's own pairs into a paired device that has whatsmeow's stores.
// Stores that change values on their way, such as seals, come in front of it afterwards:
// it reads values as they stand in whatsmeow's tables.
func (s *Store) Adopt(device *store.Device) {
	device.LIDs = s
	device.MsgSecrets = secrets{device.MsgSecrets, s, device.ID.String()}
	device.PrivacyTokens = newTokens(device.PrivacyTokens, s, device.ID.String())
}

// forms returns all addresses of a person under which whatsmeow may have filed
// something. The one that was asked for comes first.
func (s *Store) forms(ctx context.Context, jid types.JID) ([]string, error) {
	jid = jid.ToNonAD()
	all := []string{jid.String()}
	var from side
	var server string
	switch jid.Server {
	case types.DefaultUserServer:
		from, server = byPN, types.HiddenUserServer
	case types.HiddenUserServer:
		from, server = byLID, types.DefaultUserServer
	default:
		return all, nil
	}
	other, err := s.find(ctx, from, jid.User)
	if err == nil && other.user != "" {
		all = append(all, types.NewJID(other.user, server).String())
	}
	return all, err
}

// secrets finds message secrets under both addresses of a person. whatsmeow's own
// statement looks up the other address in the table that all accounts share.
type secrets struct {
	store.MsgSecretStore
	pairs *Store
	jid   string
}

const secret = `select key, sender_jid from whatsmeow_message_secrets
	where our_jid = $1 and chat_jid = any($2::text[]) and sender_jid = any($3::text[]) and message_id = $4
	order by array_position($3::text[], sender_jid), array_position($2::text[], chat_jid) limit 1`

// GetMessageSecret returns the secret and the address of the sender under which it was
// filed, and nil where there is none.
func (s secrets) GetMessageSecret(ctx context.Context, chat, sender types.JID, id types.MessageID) (key []byte, filed types.JID, err error) {
	chats, err := s.pairs.forms(ctx, chat)
	if err != nil {
		return nil, types.EmptyJID, err
	}
	senders, err := s.pairs.forms(ctx, sender)
	if err != nil {
		return nil, types.EmptyJID, err
	}
	var text string
	err = s.pairs.retry(ctx, func() error {
		return s.pairs.pool.QueryRow(ctx, secret, s.jid, chats, senders, id).Scan(&key, &text)
	})
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, types.EmptyJID, nil
	}
	if err == nil {
		filed, err = types.ParseJID(text)
	}
	return key, filed, err
}

// tokens does the same for privacy tokens, and remembers those that were asked for last:
// every message to a person asks.
type tokens struct {
	store.PrivacyTokenStore
	pairs *Store
	jid   string

	mu   *sync.Mutex
	read *simplelru.LRU[string, readToken] // by address
}

// readToken is as in the table while no pair and no token has changed.
type readToken struct {
	token store.PrivacyToken
	none  bool
	epoch uint64
}

// tokenCache is the number of people whose tokens are remembered.
const tokenCache = 512

func newTokens(inner store.PrivacyTokenStore, pairs *Store, jid string) tokens {
	read, err := simplelru.NewLRU[string, readToken](tokenCache, nil)
	if err != nil {
		panic(err) // the size is not positive
	}
	return tokens{PrivacyTokenStore: inner, pairs: pairs, jid: jid, mu: &sync.Mutex{}, read: read}
}

const token = `select token, timestamp, sender_timestamp from whatsmeow_privacy_tokens
	where our_jid = $1 and their_jid = any($2) order by timestamp desc limit 1`

// GetPrivacyToken returns a person's newest token, nil where there is none. The caller
// owns it.
func (t tokens) GetPrivacyToken(ctx context.Context, user types.JID) (*store.PrivacyToken, error) {
	address, epoch := user.ToNonAD().String(), t.pairs.present()
	t.mu.Lock()
	have, ok := t.read.Get(address)
	t.mu.Unlock()
	if !ok || have.epoch != epoch {
		var err error
		if have, err = t.find(ctx, user); err != nil {
			return nil, err
		}
		have.epoch = epoch
		t.mu.Lock()
		t.read.Add(address, have)
		t.mu.Unlock()
	}
	if have.none {
		return nil, nil
	}
	found := have.token
	return &found, nil
}

func (t tokens) find(ctx context.Context, user types.JID) (readToken, error) {
	users, err := t.pairs.forms(ctx, user)
	if err != nil {
		return readToken{}, err
	}
	found := store.PrivacyToken{User: user.ToNonAD()}
	var at int64
	var sent *int64
	err = t.pairs.retry(ctx, func() error {
		return t.pairs.pool.QueryRow(ctx, token, t.jid, users).Scan(&found.Token, &at, &sent)
	})
	if errors.Is(err, pgx.ErrNoRows) {
		return readToken{none: true}, nil
	}
	if err != nil {
		return readToken{}, err
	}
	found.Timestamp = time.Unix(at, 0)
	if sent != nil {
		found.SenderTimestamp = time.Unix(*sent, 0)
	}
	return readToken{token: found}, nil
}

func (t tokens) PutPrivacyTokens(ctx context.Context, all ...store.PrivacyToken) error {
	defer t.pairs.outdate()
	return t.PrivacyTokenStore.PutPrivacyTokens(ctx, all...)
}

func (t tokens) DeleteExpiredPrivacyTokens(ctx context.Context, cutoff time.Time) (int64, error) {
	defer t.pairs.outdate()
	return t.PrivacyTokenStore.DeleteExpiredPrivacyTokens(ctx, cutoff)
}
