package phone

import (
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"

	"go.mau.fi/libsignal/ecc"
	"go.mau.fi/whatsmeow/proto/waAdv"
	"google.golang.org/protobuf/proto"
)

// Prefixes of what ADV signs, for accounts that are not hosted.
var (
	accountSignaturePrefix = []byte{6, 0}
	deviceSignaturePrefix  = []byte{6, 1}
	keyIndexListPrefix     = []byte{6, 2}
)

// ErrDeviceSignature is returned when a companion's answer does not prove that it owns its
// identity key.
var ErrDeviceSignature = errors.New("device signature does not verify")

// Sign builds the proof that this account accepts a companion: an
// ADVSignedDeviceIdentityHMAC for pair-success. companionIdentity is the 32-byte key of the
// pairing payload, advSecret is the secret of the QR code or of FinishLink.
func (p *Phone) Sign(advSecret, companionIdentity []byte, keyIndex uint32) (container []byte, err error) {
	if len(companionIdentity) != 32 {
		return nil, fmt.Errorf("sign companion: identity key of %d bytes", len(companionIdentity))
	}
	p.mu.Lock()
	k := p.ownKeys()
	k.maxKeyIndex = max(k.maxKeyIndex, keyIndex)
	p.mu.Unlock()
	details, err := proto.Marshal(&waAdv.ADVDeviceIdentity{
		RawID:       proto.Uint32(k.rawID),
		Timestamp:   proto.Uint64(uint64(p.now().Unix())),
		KeyIndex:    proto.Uint32(keyIndex),
		AccountType: waAdv.ADVEncryptionType_E2EE.Enum(),
		DeviceType:  waAdv.ADVEncryptionType_E2EE.Enum(),
	})
	if err != nil {
		return nil, fmt.Errorf("marshal device identity: %w", err)
	}
	signature := k.sign(accountSignaturePrefix, details, companionIdentity)
	signed, err := proto.Marshal(&waAdv.ADVSignedDeviceIdentity{
		Details:             details,
		AccountSignatureKey: k.identity.Pub[:],
		AccountSignature:    signature,
	})
	if err != nil {
		return nil, fmt.Errorf("marshal signed device identity: %w", err)
	}
	mac := hmac.New(sha256.New, advSecret)
	mac.Write(signed)
	container, err = proto.Marshal(&waAdv.ADVSignedDeviceIdentityHMAC{Details: signed, HMAC: mac.Sum(nil)})
	if err != nil {
		return nil, fmt.Errorf("marshal device identity container: %w", err)
	}
	return container, nil
}

// VerifyDeviceSignature checks the bytes of pair-device-sign: the companion must have signed
// the identity that Sign gave it. It fails with ErrDeviceSignature.
func (p *Phone) VerifyDeviceSignature(companionIdentity, signed []byte) error {
	var identity waAdv.ADVSignedDeviceIdentity
	if err := proto.Unmarshal(signed, &identity); err != nil {
		return fmt.Errorf("parse device identity: %w", err)
	}
	if len(companionIdentity) != 32 || len(identity.GetDeviceSignature()) != 64 {
		return fmt.Errorf("verify device identity: key or signature of wrong length: %w", ErrDeviceSignature)
	}
	k := p.keysLocked()
	message := join(deviceSignaturePrefix, identity.GetDetails(), companionIdentity, k.identity.Pub[:])
	key := ecc.NewDjbECPublicKey([32]byte(companionIdentity))
	if !ecc.VerifySignature(key, message, [64]byte(identity.GetDeviceSignature())) {
		return fmt.Errorf("verify device identity: %w", ErrDeviceSignature)
	}
	return nil
}

// KeyIndexList returns the ADVSignedKeyIndexList for usync. It names the key indexes of the
// companions the Network lists at the moment, assuming that the server uses a
// companion's device number as its key index.
func (p *Phone) KeyIndexList() []byte {
	k := p.keysLocked()
	list := &waAdv.ADVKeyIndexList{
		RawID:       proto.Uint32(k.rawID),
		Timestamp:   proto.Uint64(uint64(p.now().Unix())),
		AccountType: waAdv.ADVEncryptionType_E2EE.Enum(),
	}
	current := uint32(0)
	for _, device := range p.net.Devices(p.lid) {
		list.ValidIndexes = append(list.ValidIndexes, uint32(device.Device))
		current = max(current, uint32(device.Device))
	}
	list.CurrentIndex = proto.Uint32(current)
	details, err := proto.Marshal(list)
	if err != nil {
		return nil
	}
	signed, err := proto.Marshal(&waAdv.ADVSignedKeyIndexList{
		Details:          details,
		AccountSignature: k.sign(keyIndexListPrefix, details),
	})
	if err != nil {
		return nil
	}
	return signed
}

// sign is XEdDSA with the account's identity key over the concatenated parts.
func (k *accountKeys) sign(parts ...[]byte) []byte {
	signature := ecc.CalculateSignature(ecc.NewDjbECPrivateKey(*k.identity.Priv), join(parts...))
	return signature[:]
}

func join(parts ...[]byte) []byte {
	var out []byte
	for _, part := range parts {
		out = append(out, part...)
	}
	return out
}
