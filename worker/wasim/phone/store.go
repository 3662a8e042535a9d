package phone

import (
	"context"
	"errors"
	"fmt"

	"go.mau.fi/libsignal/ecc"
	groupRecord "go.mau.fi/libsignal/groups/state/record"
	"go.mau.fi/libsignal/keys/identity"
	"go.mau.fi/libsignal/logger"
	"go.mau.fi/libsignal/protocol"
	"go.mau.fi/libsignal/serialize"
	"go.mau.fi/libsignal/state/record"
	"go.mau.fi/libsignal/state/store"
)

var serializer = serialize.NewProtoBufSerializer()

// The library's default logger prints every message it cannot decrypt to stdout, key material
// included. It is process-wide and read without a lock, so it has to be replaced before the
// first goroutine uses it.
func init() {
	var silent logger.Loggable = silentLogger{}
	logger.Setup(&silent)
}

type silentLogger struct{}

func (silentLogger) Debug(string, string)   {}
func (silentLogger) Info(string, string)    {}
func (silentLogger) Warning(string, string) {}
func (silentLogger) Error(string, string)   {}
func (silentLogger) Configure(string)       {}

// errUnsupported answers the parts of the store that a phone has no use for.
var errUnsupported = errors.New("not supported by the phone's Signal store")

// signalStore is the phone's side of Signal. Records are kept as the bytes they serialise to:
// an idle account costs nothing, and a failed decryption leaves no trace in a stored record.
// The phone trusts every identity, like a phone that shows "security code changed" and goes on.
// Its methods are called with the phone's mu held.
type signalStore struct {
	keys       *accountKeys
	sessions   map[string][]byte // by Signal address
	senderKeys map[string][]byte // by group and Signal address
}

var _ store.SignalProtocol = (*signalStore)(nil)

func (s *signalStore) GetIdentityKeyPair() *identity.KeyPair {
	return identity.NewKeyPair(
		identity.NewKey(ecc.NewDjbECPublicKey(*s.keys.identity.Pub)),
		ecc.NewDjbECPrivateKey(*s.keys.identity.Priv),
	)
}

func (s *signalStore) GetLocalRegistrationID() uint32 { return s.keys.registration }

func (s *signalStore) SaveIdentity(context.Context, *protocol.SignalAddress, *identity.Key) error {
	return nil
}

func (s *signalStore) IsTrustedIdentity(context.Context, *protocol.SignalAddress, *identity.Key) (bool, error) {
	return true, nil
}

func (s *signalStore) LoadSession(_ context.Context, address *protocol.SignalAddress) (*record.Session, error) {
	raw, ok := s.sessions[address.String()]
	if !ok {
		return record.NewSession(serializer.Session, serializer.State), nil
	}
	session, err := record.NewSessionFromBytes(raw, serializer.Session, serializer.State)
	if err != nil {
		return nil, fmt.Errorf("load session: %w", err)
	}
	return session, nil
}

func (s *signalStore) StoreSession(
	_ context.Context, address *protocol.SignalAddress, session *record.Session,
) error {
	if s.sessions == nil {
		s.sessions = make(map[string][]byte)
	}
	s.sessions[address.String()] = session.Serialize()
	return nil
}

func (s *signalStore) ContainsSession(_ context.Context, address *protocol.SignalAddress) (bool, error) {
	_, ok := s.sessions[address.String()]
	return ok, nil
}

func (s *signalStore) DeleteSession(_ context.Context, address *protocol.SignalAddress) error {
	delete(s.sessions, address.String())
	return nil
}

func (s *signalStore) DeleteAllSessions(context.Context) error {
	s.sessions = nil
	return nil
}

func (s *signalStore) GetSubDeviceSessions(context.Context, string) ([]uint32, error) {
	return nil, errUnsupported
}

func (s *signalStore) LoadSignedPreKey(_ context.Context, id uint32) (*record.SignedPreKey, error) {
	if id != s.keys.signed.KeyID {
		return nil, nil
	}
	pair := ecc.NewECKeyPair(ecc.NewDjbECPublicKey(*s.keys.signed.Pub), ecc.NewDjbECPrivateKey(*s.keys.signed.Priv))
	return record.NewSignedPreKey(id, 0, pair, *s.keys.signed.Signature, nil), nil
}

func (s *signalStore) ContainsSignedPreKey(_ context.Context, id uint32) (bool, error) {
	return id == s.keys.signed.KeyID, nil
}

func (s *signalStore) LoadSignedPreKeys(context.Context) ([]*record.SignedPreKey, error) {
	return nil, errUnsupported
}

func (s *signalStore) StoreSignedPreKey(context.Context, uint32, *record.SignedPreKey) error {
	return errUnsupported
}

func (s *signalStore) RemoveSignedPreKey(context.Context, uint32) error { return errUnsupported }

// The phone publishes no one-time keys, so there is none to find or to use up.

func (s *signalStore) LoadPreKey(context.Context, uint32) (*record.PreKey, error) { return nil, nil }

func (s *signalStore) StorePreKey(context.Context, uint32, *record.PreKey) error {
	return errUnsupported
}

func (s *signalStore) ContainsPreKey(context.Context, uint32) (bool, error) { return false, nil }

func (s *signalStore) RemovePreKey(context.Context, uint32) error { return nil }

func senderKeyID(name *protocol.SenderKeyName) string {
	return name.GroupID() + " " + name.Sender().String()
}

func (s *signalStore) LoadSenderKey(
	_ context.Context, name *protocol.SenderKeyName,
) (*groupRecord.SenderKey, error) {
	raw, ok := s.senderKeys[senderKeyID(name)]
	if !ok {
		return groupRecord.NewSenderKey(serializer.SenderKeyRecord, serializer.SenderKeyState), nil
	}
	key, err := groupRecord.NewSenderKeyFromBytes(raw, serializer.SenderKeyRecord, serializer.SenderKeyState)
	if err != nil {
		return nil, fmt.Errorf("load sender key: %w", err)
	}
	return key, nil
}

func (s *signalStore) StoreSenderKey(
	_ context.Context, name *protocol.SenderKeyName, key *groupRecord.SenderKey,
) error {
	if s.senderKeys == nil {
		s.senderKeys = make(map[string][]byte)
	}
	s.senderKeys[senderKeyID(name)] = key.Serialize()
	return nil
}
