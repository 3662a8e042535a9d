package baileys

import (
	"encoding/base64"
	"encoding/json"
	"slices"
	"strconv"
	"time"

	"whatsapp-manager/supervisor/moving/ratchet"
)

// The numbers of libsignal-node.
const (
	sending, receiving = 1, 2 // kinds of chains
	ours, theirs       = 1, 2 // who began a session
	isOpen             = -1
	maxReceiving       = 5 // chains that whatsmeow keeps
)

// session is libsignal-node's record of the sessions with one device.
type session struct {
	Sessions ordered[*entry] `json:"_sessions"`
	Version  string          `json:"version"`
}

type entry struct {
	RegistrationID uint32         `json:"registrationId"`
	Current        currentRatchet `json:"currentRatchet"`
	Index          indexInfo      `json:"indexInfo"`
	Chains         ordered[chain] `json:"_chains"`
	Pending        *pending       `json:"pendingPreKey,omitempty"`
}

type currentRatchet struct {
	Ephemeral struct {
		Public  text `json:"pubKey"`
		Private text `json:"privKey"`
	} `json:"ephemeralKeyPair"`
	LastRemote      text  `json:"lastRemoteEphemeralKey"`
	PreviousCounter int64 `json:"previousCounter"`
	RootKey         text  `json:"rootKey"`
}

type indexInfo struct {
	BaseKey     text  `json:"baseKey"`
	BaseKeyType int   `json:"baseKeyType"`
	Closed      int64 `json:"closed"`
	Used        int64 `json:"used"`
	Created     int64 `json:"created"`
	Remote      text  `json:"remoteIdentityKey"`
}

type chain struct {
	ChainKey struct {
		Counter int64 `json:"counter"`
		Key     *text `json:"key,omitempty"` // missing when the chain has ended
	} `json:"chainKey"`
	Type        int             `json:"chainType"`
	MessageKeys map[string]text `json:"messageKeys"`
}

type pending struct {
	SignedKeyID uint32  `json:"signedKeyId"`
	BaseKey     text    `json:"baseKey"`
	PreKeyID    *uint32 `json:"preKeyId,omitempty"`
}

// text is bytes that libsignal-node writes as base64. A blob reads more than it.
type text []byte

// UnmarshalJSON reads what a blob reads: versions differ.
func (t *text) UnmarshalJSON(raw []byte) error { return (*blob)(t).UnmarshalJSON(raw) }

// MarshalJSON writes base64.
func (t text) MarshalJSON() ([]byte, error) {
	return json.Marshal(base64.StdEncoding.EncodeToString(t))
}

// local is what a session holds about our own side.
type local struct {
	identity     []byte // public, with its type
	registration uint32
}

// toRatchet translates a record. dropped counts the states that cannot be used: closed ones
// where none is open, and those that are not whole. Nil when nothing is left.
func (s *session) toRatchet(l local) (record *ratchet.Session, remote []byte, dropped int) {
	entries := make([]*entry, 0, len(s.Sessions.keys))
	for _, key := range s.Sessions.keys {
		if e := s.Sessions.values[key]; e != nil {
			entries = append(entries, e)
		}
	}
	slices.SortStableFunc(entries, func(a, b *entry) int {
		if open := (b.Index.Closed == isOpen); open != (a.Index.Closed == isOpen) {
			if open {
				return 1
			}
			return -1
		}
		return int(min(1, max(-1, b.Index.Used-a.Index.Used)))
	})
	record = &ratchet.Session{PreviousStates: []*ratchet.State{}}
	for i, e := range entries {
		state, ok := e.toState(l)
		switch {
		case !ok, i > 0 && record.SessionState == nil, i == 0 && e.Index.Closed != isOpen:
			dropped++
		case i == 0:
			record.SessionState, remote = state, state.RemoteIdentityPublic[1:]
		default:
			record.PreviousStates = append(record.PreviousStates, state)
		}
	}
	if record.SessionState == nil {
		return nil, nil, dropped
	}
	return record, remote, dropped
}

func (e *entry) toState(l local) (*ratchet.State, bool) {
	public, ok1 := ratchet.Typed(e.Current.Ephemeral.Public)
	remote, ok2 := ratchet.Typed(e.Index.Remote)
	base, ok3 := ratchet.Typed(e.Index.BaseKey)
	mine, there := e.Chains.values[base64.StdEncoding.EncodeToString(e.Current.Ephemeral.Public)]
	if !ok1 || !ok2 || !ok3 || !there || mine.Type != sending || len(e.Current.RootKey) != 32 || len(e.Current.Ephemeral.Private) != 32 {
		return nil, false
	}
	s := &ratchet.State{
		LocalIdentityPublic: l.identity, LocalRegistrationID: l.registration, RemoteIdentityPublic: remote, RemoteRegistrationID: e.RegistrationID,
		PreviousCounter: uint32(min(max(0, e.Current.PreviousCounter), 1<<31)), RootKey: e.Current.RootKey, SenderBaseKey: base,
		SessionVersion: ratchet.Version, ReceiverChains: []*ratchet.Chain{},
	}
	if s.SenderChain, there = mine.toChain(public, e.Current.Ephemeral.Private); !there {
		return nil, false
	}
	for _, key := range e.Chains.keys {
		c := e.Chains.values[key]
		if c.Type != receiving {
			continue
		}
		var name blob
		if name.text(key) != nil {
			return nil, false
		}
		from, ok := ratchet.Typed(name)
		if !ok {
			return nil, false
		}
		to, ok := c.toChain(from, nil)
		if !ok {
			return nil, false
		}
		s.ReceiverChains = append(s.ReceiverChains, to)
	}
	s.ReceiverChains = s.ReceiverChains[max(0, len(s.ReceiverChains)-maxReceiving):]
	if e.Pending != nil {
		key, ok := ratchet.Typed(e.Pending.BaseKey)
		if !ok {
			return nil, false
		}
		s.PendingPreKey = &ratchet.PendingPreKey{SignedPreKeyID: e.Pending.SignedKeyID, BaseKey: key, PreKeyID: &ratchet.Optional{IsEmpty: true}}
		if e.Pending.PreKeyID != nil {
			s.PendingPreKey.PreKeyID = &ratchet.Optional{Value: *e.Pending.PreKeyID}
		}
	}
	return s, true
}

// toChain counts on from the next message, where libsignal-node counts the last one.
func (c chain) toChain(public, private []byte) (*ratchet.Chain, bool) {
	if c.ChainKey.Counter < -1 || c.ChainKey.Counter > 1<<31 || len(c.MessageKeys) > maxSkipped {
		return nil, false
	}
	to := &ratchet.Chain{
		SenderRatchetKeyPublic: public, SenderRatchetKeyPrivate: private,
		ChainKey: &ratchet.ChainKey{Key: []byte{}, Index: uint32(c.ChainKey.Counter + 1)}, MessageKeys: []*ratchet.MessageKey{},
	}
	if c.ChainKey.Key != nil {
		to.ChainKey.Key = *c.ChainKey.Key
	}
	for at, seed := range c.MessageKeys {
		n, err := strconv.ParseUint(at, 10, 32)
		if err != nil || len(seed) != 32 {
			return nil, false
		}
		to.MessageKeys = append(to.MessageKeys, ratchet.Derived(seed, uint32(n)))
	}
	slices.SortFunc(to.MessageKeys, func(a, b *ratchet.MessageKey) int { return int(a.Index) - int(b.Index) })
	return to, true
}

const maxSkipped = 4096

// fromRatchet translates a record back. lost counts the keys of skipped messages:
// libsignal-node keeps what they are derived from, which is gone.
func fromRatchet(r *ratchet.Session) (s *session, lost int) {
	s = &session{Version: "v1"}
	now := time.Now().UnixMilli()
	for i, state := range append([]*ratchet.State{r.SessionState}, r.PreviousStates...) {
		e, n := fromState(state)
		lost += n
		e.Index.Used, e.Index.Created, e.Index.Closed = now-int64(i), now-int64(i), now-int64(i)
		if i == 0 {
			e.Index.Closed = isOpen
		}
		if key := base64.StdEncoding.EncodeToString(state.SenderBaseKey); s.Sessions.values[key] == nil {
			s.Sessions.add(key, e)
		}
	}
	return s, lost
}

func fromState(state *ratchet.State) (e *entry, lost int) {
	e = &entry{RegistrationID: state.RemoteRegistrationID}
	e.Current.Ephemeral.Public, e.Current.Ephemeral.Private = state.SenderChain.SenderRatchetKeyPublic, state.SenderChain.SenderRatchetKeyPrivate
	e.Current.PreviousCounter, e.Current.RootKey = int64(state.PreviousCounter), state.RootKey
	e.Index.BaseKey, e.Index.BaseKeyType, e.Index.Remote = state.SenderBaseKey, theirs, state.RemoteIdentityPublic
	e.Current.LastRemote = append([]byte{5}, make([]byte, 32)...) // of no chain
	for _, c := range state.ReceiverChains {
		e.Chains.add(base64.StdEncoding.EncodeToString(c.SenderRatchetKeyPublic), fromChain(c, receiving))
		e.Current.LastRemote = c.SenderRatchetKeyPublic
		lost += len(c.MessageKeys)
	}
	e.Chains.add(base64.StdEncoding.EncodeToString(state.SenderChain.SenderRatchetKeyPublic), fromChain(state.SenderChain, sending))
	if p := state.PendingPreKey; p != nil {
		e.Index.BaseKeyType = ours
		e.Pending = &pending{SignedKeyID: p.SignedPreKeyID, BaseKey: p.BaseKey}
		if p.PreKeyID != nil && !p.PreKeyID.IsEmpty {
			e.Pending.PreKeyID = &p.PreKeyID.Value
		}
	}
	return e, lost
}

func fromChain(c *ratchet.Chain, kind int) chain {
	to := chain{Type: kind, MessageKeys: map[string]text{}}
	to.ChainKey.Counter = int64(c.ChainKey.Index) - 1
	if len(c.ChainKey.Key) == 32 {
		key := text(c.ChainKey.Key)
		to.ChainKey.Key = &key
	}
	return to
}
