package ratchet

import (
	"encoding/json"
	"errors"
)

// ErrRecord says that a record is not in the form that it should have.
var ErrRecord = errors.New("the record is damaged")

// Version is that of the sessions that WhatsApp uses.
const Version = 3

// Session is whatsmeow's record of a session with one device. The fields of all types in
// this file have the names that stand in its JSON.
type Session struct {
	SessionState   *State
	PreviousStates []*State
}

// State is one of the states of a session: each side may have begun one. Public keys have
// the leading byte of their type.
type State struct {
	LocalIdentityPublic  []byte
	LocalRegistrationID  uint32
	NeedsRefresh         bool
	PendingKeyExchange   json.RawMessage `json:",omitempty"` // is not used any more
	PendingPreKey        *PendingPreKey
	PreviousCounter      uint32
	ReceiverChains       []*Chain // the newest last
	RemoteIdentityPublic []byte
	RemoteRegistrationID uint32
	RootKey              []byte
	SenderBaseKey        []byte // of the side that began
	SenderChain          *Chain
	SessionVersion       int
}

// PendingPreKey is repeated in every message until the other side has answered.
type PendingPreKey struct {
	PreKeyID       *Optional
	SignedPreKeyID uint32
	BaseKey        []byte
}

// Optional is a number that may be missing.
type Optional struct {
	Value   uint32
	IsEmpty bool
}

// Chain is a chain of message keys in one direction.
type Chain struct {
	SenderRatchetKeyPublic  []byte
	SenderRatchetKeyPrivate []byte // nil in a receiving chain
	ChainKey                *ChainKey
	MessageKeys             []*MessageKey // of messages that were skipped
}

// ChainKey is the key of the next message and what follows.
type ChainKey struct {
	Key   []byte // empty when the chain has ended
	Index uint32
}

// MessageKey is that of one message.
type MessageKey struct {
	CipherKey, MacKey, IV []byte
	Index                 uint32
}

// SenderKey is whatsmeow's record of a device's sender key in a group, the newest first.
type SenderKey struct {
	SenderKeyStates []*SenderKeyState
}

// SenderKeyState is one of a device's sender keys.
type SenderKeyState struct {
	Keys              []*SenderMessageKey
	KeyID             uint32
	SenderChainKey    *SenderChainKey
	SigningKeyPrivate []byte // our own keys only
	SigningKeyPublic  []byte
}

// SenderChainKey is the key of the next message and what follows.
type SenderChainKey struct {
	Iteration uint32
	ChainKey  []byte
}

// SenderMessageKey is that of one message to a group.
type SenderMessageKey struct {
	Iteration           uint32
	IV, CipherKey, Seed []byte
}

// ParseSession reads a record as whatsmeow stores it.
func ParseSession(record []byte) (*Session, error) {
	var s Session
	if json.Unmarshal(record, &s) != nil || !s.SessionState.whole() {
		return nil, ErrRecord
	}
	for _, state := range s.PreviousStates {
		if !state.whole() {
			return nil, ErrRecord
		}
	}
	return &s, nil
}

func (s *State) whole() bool {
	if s == nil || !s.SenderChain.whole() || s.PendingPreKey != nil && s.PendingPreKey.PreKeyID == nil {
		return false
	}
	for _, c := range s.ReceiverChains {
		if !c.whole() {
			return false
		}
	}
	return len(s.RemoteIdentityPublic) == 33 && len(s.LocalIdentityPublic) == 33 && len(s.SenderBaseKey) == 33 && len(s.RootKey) == 32
}

func (c *Chain) whole() bool {
	if c == nil || c.ChainKey == nil || len(c.SenderRatchetKeyPublic) != 33 {
		return false
	}
	for _, k := range c.MessageKeys {
		if k == nil {
			return false
		}
	}
	return true
}

// Bytes is the record as whatsmeow stores it.
func (s *Session) Bytes() []byte { return encoded(s) }

// ParseSenderKey reads a record as whatsmeow stores it.
func ParseSenderKey(record []byte) (*SenderKey, error) {
	var k SenderKey
	if json.Unmarshal(record, &k) != nil {
		return nil, ErrRecord
	}
	for _, s := range k.SenderKeyStates {
		if s == nil || s.SenderChainKey == nil {
			return nil, ErrRecord
		}
		for _, m := range s.Keys {
			if m == nil {
				return nil, ErrRecord
			}
		}
	}
	return &k, nil
}

// Bytes is the record as whatsmeow stores it.
func (k *SenderKey) Bytes() []byte { return encoded(k) }

func encoded(v any) []byte {
	raw, err := json.Marshal(v)
	if err != nil {
		panic(err) // of types only, which are ours
	}
	return raw
}
