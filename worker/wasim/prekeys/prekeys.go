package prekeys

import (
	"crypto/sha1"
	"sync"

	"go.mau.fi/libsignal/ecc"
	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/proto/waWa6"

	"whatsapp-manager/worker/wasim/stanza"
)

const (
	// oneTimeSize is an id of 3 bytes and a key of 32.
	oneTimeSize = 3 + 32
	// low is where clients upload more when told.
	low = 5
)

// Store is a companion's public keys. One-time keys lie flat, id after key, since
// there are 812 of them per device. All methods may be called at the same time.
type Store struct {
	mu      sync.Mutex
	keys    keys
	oneTime []byte
	warned  bool
}

// keys are the lasting ones.
type keys struct {
	registration []byte // 4
	identity     []byte // 32
	signedID     []byte // 3
	signedKey    []byte // 32
	signature    []byte // 64
}

// Register takes the keys of the registration payload, so that the device can
// be written to before its first upload.
func (s *Store) Register(data *waWa6.ClientPayload_DevicePairingRegistrationData) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keys = keys{
		registration: data.GetERegid(),
		identity:     data.GetEIdent(),
		signedID:     data.GetESkeyID(),
		signedKey:    data.GetESkeyVal(),
		signature:    data.GetESkeySig(),
	}
}

// Count is how many one-time keys are left to hand out.
func (s *Store) Count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.count()
}

func (s *Store) count() int { return len(s.oneTime) / oneTimeSize }

// Upload takes the keys of a companion's upload and adds to its one-time keys.
func (s *Store) Upload(iq *waBinary.Node) *stanza.Error {
	s.mu.Lock()
	defer s.mu.Unlock()
	skey, ok := iq.GetOptionalChildByTag("skey")
	if !ok {
		return stanza.ErrBadRequest
	}
	if err := s.keys.setSigned(skey); err != nil {
		return err
	}
	registration, identity := iq.GetChildByTag("registration"), iq.GetChildByTag("identity")
	if raw, _ := registration.Content.([]byte); len(raw) == 4 {
		s.keys.registration = raw
	}
	if raw, _ := identity.Content.([]byte); len(raw) == 32 {
		s.keys.identity = raw
	}
	list := iq.GetChildByTag("list")
	for _, key := range list.GetChildren() {
		id, value := key.GetChildByTag("id"), key.GetChildByTag("value")
		rawID, _ := id.Content.([]byte)
		rawValue, _ := value.Content.([]byte)
		if len(rawID) != 3 || len(rawValue) != 32 {
			return stanza.ErrNotAcceptable
		}
		s.oneTime = append(append(s.oneTime, rawID...), rawValue...)
	}
	s.warned = false
	return nil
}

// Rotate takes a new signed prekey.
func (s *Store) Rotate(skey waBinary.Node) *stanza.Error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.keys.setSigned(skey)
}

func (k *keys) setSigned(skey waBinary.Node) *stanza.Error {
	id, value, signature := skey.GetChildByTag("id"), skey.GetChildByTag("value"), skey.GetChildByTag("signature")
	rawID, _ := id.Content.([]byte)
	rawValue, _ := value.Content.([]byte)
	rawSignature, _ := signature.Content.([]byte)
	if len(rawID) != 3 || len(rawValue) != 32 || len(rawSignature) != 64 {
		return stanza.ErrNotAcceptable
	}
	k.signedID, k.signedKey, k.signature = rawID, rawValue, rawSignature
	return nil
}

// Digest describes what the server holds, so that Baileys need not upload again.
// The order of the hashed parts is a guess.
func (s *Store) Digest() ([]waBinary.Node, *stanza.Error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k := &s.keys
	if len(s.oneTime) == 0 {
		return nil, stanza.ErrNotFound
	}
	hash := sha1.New()
	hash.Write(k.identity)
	hash.Write(k.signedKey)
	hash.Write(k.signature)
	ids := make([]waBinary.Node, 0, s.count())
	for rest := s.oneTime; len(rest) > 0; rest = rest[oneTimeSize:] {
		ids = append(ids, waBinary.Node{Tag: "id", Content: rest[:3:3]})
		hash.Write(rest[3:oneTimeSize])
	}
	return []waBinary.Node{{Tag: "digest", Content: append(k.nodes(),
		waBinary.Node{Tag: "list", Content: ids},
		waBinary.Node{Tag: "hash", Content: hash.Sum(nil)},
	)}}, nil
}

func (k *keys) nodes() []waBinary.Node {
	return []waBinary.Node{
		{Tag: "registration", Content: k.registration},
		{Tag: "type", Content: []byte{ecc.DjbType}},
		{Tag: "identity", Content: k.identity},
		{Tag: "skey", Content: []waBinary.Node{
			{Tag: "id", Content: k.signedID}, {Tag: "value", Content: k.signedKey}, {Tag: "signature", Content: k.signature},
		}},
	}
}

// HandOut gives the keys for one new session, a one-time key included while there
// are any. The companion should be warned, with the number of keys left, when they
// have become few; that is said once per upload.
func (s *Store) HandOut() (bundle Bundle, left int, warn bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	bundle.keys = s.keys
	if len(s.oneTime) > 0 {
		bundle.oneTime = s.oneTime[:oneTimeSize:oneTimeSize]
		s.oneTime = s.oneTime[oneTimeSize:]
	}
	left = s.count()
	warn = left < low && !s.warned
	s.warned = s.warned || warn
	return bundle, left, warn
}
