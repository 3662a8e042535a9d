package prekeys

import (
	"encoding/binary"
	"errors"

	"go.mau.fi/libsignal/ecc"
	"go.mau.fi/libsignal/keys/identity"
	"go.mau.fi/libsignal/keys/prekey"
	"go.mau.fi/libsignal/util/optional"
	waBinary "go.mau.fi/whatsmeow/binary"
)

// Bundle is the keys of a device for one new session.
type Bundle struct {
	keys    keys
	oneTime []byte // id and key; nil without one
}

// FromSignal is a bundle in libsignal's form, without a one-time key: a phone's.
func FromSignal(b *prekey.Bundle) Bundle {
	identity := b.IdentityKey().PublicKey().PublicKey()
	signed := b.SignedPreKey().PublicKey()
	signature := b.SignedPreKeySignature()
	return Bundle{keys: keys{
		registration: binary.BigEndian.AppendUint32(nil, b.RegistrationID()),
		identity:     identity[:],
		signedID:     binary.BigEndian.AppendUint32(nil, b.SignedPreKeyID())[1:],
		signedKey:    signed[:],
		signature:    signature[:],
	}}
}

// Nodes is the bundle as the answer to a key query holds it.
func (b Bundle) Nodes() []waBinary.Node {
	content := b.keys.nodes()
	if b.oneTime != nil {
		content = append(content, waBinary.Node{Tag: "key", Content: []waBinary.Node{
			{Tag: "id", Content: b.oneTime[:3]}, {Tag: "value", Content: b.oneTime[3:]},
		}})
	}
	return content
}

// Signal is the bundle in libsignal's form, for a device number. It fails while
// the device has not registered all its keys.
func (b Bundle) Signal(device uint16) (*prekey.Bundle, error) {
	k := b.keys
	if len(k.registration) != 4 || len(k.identity) != 32 || len(k.signedID) != 3 ||
		len(k.signedKey) != 32 || len(k.signature) != 64 {
		return nil, errors.New("incomplete keys")
	}
	id, public := optional.NewEmptyUint32(), ecc.ECPublicKeyable(nil)
	if b.oneTime != nil {
		id = optional.NewOptionalUint32(uint24(b.oneTime))
		public = ecc.NewDjbECPublicKey([32]byte(b.oneTime[3:]))
	}
	return prekey.NewBundle(
		binary.BigEndian.Uint32(k.registration), uint32(device), id, uint24(k.signedID),
		public, ecc.NewDjbECPublicKey([32]byte(k.signedKey)), [64]byte(k.signature),
		identity.NewKey(ecc.NewDjbECPublicKey([32]byte(k.identity))),
	), nil
}

func uint24(raw []byte) uint32 { return uint32(raw[0])<<16 | uint32(raw[1])<<8 | uint32(raw[2]) }
