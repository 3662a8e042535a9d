package ratchet

import (
	"crypto/sha256"

	"google.golang.org/protobuf/encoding/protowire"
)

// message is a protobuf message, by the numbers of its fields. Only what appears in
// Signal's LocalStorageProtocol is read: numbers, bytes and messages.
type message map[protowire.Number][]value

type value struct {
	number uint64
	bytes  []byte
}

func parse(raw []byte) (message, bool) {
	m := message{}
	for len(raw) > 0 {
		field, kind, n := protowire.ConsumeTag(raw)
		if n < 0 {
			return nil, false
		}
		raw = raw[n:]
		var v value
		switch kind {
		case protowire.VarintType:
			v.number, n = protowire.ConsumeVarint(raw)
		case protowire.BytesType:
			v.bytes, n = protowire.ConsumeBytes(raw)
		default:
			n = protowire.ConsumeFieldValue(field, kind, raw)
		}
		if n < 0 {
			return nil, false
		}
		raw = raw[n:]
		m[field] = append(m[field], v)
	}
	return m, true
}

func (m message) number(field protowire.Number) uint32 {
	if len(m[field]) == 0 {
		return 0
	}
	return uint32(m[field][len(m[field])-1].number)
}

func (m message) bytes(field protowire.Number) []byte {
	if len(m[field]) == 0 {
		return nil
	}
	return m[field][len(m[field])-1].bytes
}

// each calls f with the messages of a field, until one is damaged.
func (m message) each(field protowire.Number, f func(message) bool) bool {
	for _, v := range m[field] {
		inner, ok := parse(v.bytes)
		if !ok || !f(inner) {
			return false
		}
	}
	return true
}

// SessionFromProto reads Signal's RecordStructure.
func SessionFromProto(raw []byte) (*Session, error) {
	m, ok := parse(raw)
	if !ok {
		return nil, ErrRecord
	}
	s := &Session{PreviousStates: []*State{}}
	ok = m.each(1, func(m message) (ok bool) {
		s.SessionState, ok = stateFrom(m)
		return ok
	}) && m.each(2, func(m message) bool {
		state, ok := stateFrom(m)
		s.PreviousStates = append(s.PreviousStates, state)
		return ok
	})
	if !ok || s.SessionState == nil {
		return nil, ErrRecord
	}
	return s, nil
}

func stateFrom(m message) (*State, bool) {
	s := &State{
		SessionVersion: int(m.number(1)), LocalIdentityPublic: m.bytes(2), RemoteIdentityPublic: m.bytes(3), RootKey: m.bytes(4),
		PreviousCounter: m.number(5), RemoteRegistrationID: m.number(10), LocalRegistrationID: m.number(11), NeedsRefresh: m.number(12) != 0,
		SenderBaseKey: m.bytes(13), ReceiverChains: []*Chain{},
	}
	if s.SessionVersion == 0 {
		s.SessionVersion = Version
	}
	if len(s.SenderBaseKey) == 0 {
		// Some programs drop it. It is only a name of the state, so any unique one will do.
		name := sha256.Sum256(s.RootKey)
		s.SenderBaseKey = append([]byte{keyType}, name[:]...)
	}
	for _, key := range []*[]byte{&s.LocalIdentityPublic, &s.RemoteIdentityPublic, &s.SenderBaseKey} {
		var ok bool
		if *key, ok = Typed(*key); !ok {
			return nil, false
		}
	}
	ok := m.each(6, func(m message) (ok bool) {
		s.SenderChain, ok = chainFrom(m)
		return ok
	}) && m.each(7, func(m message) bool {
		c, ok := chainFrom(m)
		s.ReceiverChains = append(s.ReceiverChains, c)
		return ok
	}) && m.each(9, func(m message) bool {
		key, ok := Typed(m.bytes(2))
		s.PendingPreKey = &PendingPreKey{SignedPreKeyID: m.number(3), BaseKey: key, PreKeyID: &Optional{IsEmpty: len(m[1]) == 0, Value: m.number(1)}}
		return ok
	})
	return s, ok && s.whole()
}

func chainFrom(m message) (*Chain, bool) {
	public, ok := Typed(m.bytes(1))
	c := &Chain{SenderRatchetKeyPublic: public, SenderRatchetKeyPrivate: m.bytes(2), ChainKey: &ChainKey{Key: []byte{}}, MessageKeys: []*MessageKey{}}
	return c, ok && m.each(3, func(m message) bool {
		c.ChainKey = &ChainKey{Index: m.number(1), Key: append([]byte{}, m.bytes(2)...)}
		return true
	}) && m.each(4, func(m message) bool {
		c.MessageKeys = append(c.MessageKeys, &MessageKey{Index: m.number(1), CipherKey: m.bytes(2), MacKey: m.bytes(3), IV: m.bytes(4)})
		return len(m.bytes(2)) == 32 && len(m.bytes(3)) == 32 && len(m.bytes(4)) == 16
	})
}

// building is a message that is written.
type building []byte

func (b *building) number(field protowire.Number, v uint32) {
	*b = protowire.AppendVarint(protowire.AppendTag(*b, field, protowire.VarintType), uint64(v))
}

func (b *building) bytes(field protowire.Number, v []byte) {
	if v != nil {
		*b = protowire.AppendBytes(protowire.AppendTag(*b, field, protowire.BytesType), v)
	}
}

// Proto writes Signal's RecordStructure.
func (s *Session) Proto() []byte {
	var b building
	b.bytes(1, s.SessionState.proto())
	for _, state := range s.PreviousStates {
		b.bytes(2, state.proto())
	}
	return b
}

func (s *State) proto() []byte {
	var b building
	b.number(1, uint32(s.SessionVersion))
	b.bytes(2, s.LocalIdentityPublic)
	b.bytes(3, s.RemoteIdentityPublic)
	b.bytes(4, s.RootKey)
	b.number(5, s.PreviousCounter)
	b.bytes(6, s.SenderChain.proto())
	for _, c := range s.ReceiverChains {
		b.bytes(7, c.proto())
	}
	if p := s.PendingPreKey; p != nil {
		var inner building
		if p.PreKeyID != nil && !p.PreKeyID.IsEmpty {
			inner.number(1, p.PreKeyID.Value)
		}
		inner.bytes(2, p.BaseKey)
		inner.number(3, p.SignedPreKeyID)
		b.bytes(9, inner)
	}
	b.number(10, s.RemoteRegistrationID)
	b.number(11, s.LocalRegistrationID)
	b.bytes(13, s.SenderBaseKey)
	return b
}

func (c *Chain) proto() []byte {
	var b, key building
	b.bytes(1, c.SenderRatchetKeyPublic)
	b.bytes(2, c.SenderRatchetKeyPrivate)
	key.number(1, c.ChainKey.Index)
	key.bytes(2, c.ChainKey.Key)
	b.bytes(3, key)
	for _, k := range c.MessageKeys {
		var inner building
		inner.number(1, k.Index)
		inner.bytes(2, k.CipherKey)
		inner.bytes(3, k.MacKey)
		inner.bytes(4, k.IV)
		b.bytes(4, inner)
	}
	return b
}

// SenderKeyFromProto reads Signal's SenderKeyRecordStructure.
func SenderKeyFromProto(raw []byte) (*SenderKey, error) {
	m, ok := parse(raw)
	if !ok {
		return nil, ErrRecord
	}
	k := &SenderKey{}
	ok = m.each(1, func(m message) bool {
		s := &SenderKeyState{KeyID: m.number(1), Keys: []*SenderMessageKey{}}
		k.SenderKeyStates = append(k.SenderKeyStates, s)
		return m.each(2, func(m message) bool {
			s.SenderChainKey = &SenderChainKey{Iteration: m.number(1), ChainKey: m.bytes(2)}
			return len(m.bytes(2)) == 32
		}) && m.each(3, func(m message) (ok bool) {
			s.SigningKeyPublic, ok = Typed(m.bytes(1))
			s.SigningKeyPrivate = m.bytes(2)
			return ok
		}) && m.each(4, func(m message) bool {
			s.Keys = append(s.Keys, DerivedSender(m.bytes(2), m.number(1)))
			return len(m.bytes(2)) == 32
		}) && s.SenderChainKey != nil && s.SigningKeyPublic != nil
	})
	if !ok || len(k.SenderKeyStates) == 0 {
		return nil, ErrRecord
	}
	return k, nil
}

// Proto writes Signal's SenderKeyRecordStructure.
func (k *SenderKey) Proto() []byte {
	var b building
	for _, s := range k.SenderKeyStates {
		var state, chain, signing building
		state.number(1, s.KeyID)
		chain.number(1, s.SenderChainKey.Iteration)
		chain.bytes(2, s.SenderChainKey.ChainKey)
		state.bytes(2, chain)
		signing.bytes(1, s.SigningKeyPublic)
		signing.bytes(2, s.SigningKeyPrivate)
		state.bytes(3, signing)
		for _, m := range s.Keys {
			var inner building
			inner.number(1, m.Iteration)
			inner.bytes(2, m.Seed)
			state.bytes(4, inner)
		}
		b.bytes(1, state)
	}
	return b
}
