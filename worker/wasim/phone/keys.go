package phone

import (
	"crypto/rand"
	"encoding/binary"

	"go.mau.fi/libsignal/ecc"
	"go.mau.fi/libsignal/keys/identity"
	"go.mau.fi/libsignal/keys/prekey"
	"go.mau.fi/libsignal/util/optional"
	"go.mau.fi/whatsmeow/util/keys"
)

// accountKeys is the key material of one account: the identity key A that signs companions
// and opens Signal sessions, and one signed prekey. Simulated phones publish no one-time keys.
type accountKeys struct {
	identity     *keys.KeyPair
	signed       *keys.PreKey
	registration uint32
	rawID        uint32 // of ADV, 31 bits, constant for the account
	maxKeyIndex  uint32
}

// ownKeys makes the keys at the first use. The caller holds p.mu.
func (p *Phone) ownKeys() *accountKeys {
	if p.keys == nil {
		var random [8]byte
		rand.Read(random[:])
		identity := keys.NewKeyPair()
		p.keys = &accountKeys{
			identity:     identity,
			signed:       identity.CreateSignedPreKey(1),
			registration: binary.BigEndian.Uint32(random[:4])%16380 + 1,
			rawID:        binary.BigEndian.Uint32(random[4:]) >> 1,
		}
	}
	return p.keys
}

func (p *Phone) keysLocked() *accountKeys {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.ownKeys()
}

// Bundle returns the keys to open a session with this phone: identity key, signed prekey,
// no one-time key.
func (p *Phone) Bundle() (*prekey.Bundle, error) {
	k := p.keysLocked()
	return prekey.NewBundle(
		k.registration, 0, optional.NewEmptyUint32(), k.signed.KeyID,
		nil, ecc.NewDjbECPublicKey(*k.signed.Pub), *k.signed.Signature,
		identity.NewKey(ecc.NewDjbECPublicKey(*k.identity.Pub)),
	), nil
}

// Registration returns the phone's Signal registration id.
func (p *Phone) Registration() uint32 { return p.keysLocked().registration }
