package phone

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"go.mau.fi/whatsmeow/util/hkdfutil"
	"go.mau.fi/whatsmeow/util/keys"
	"golang.org/x/crypto/curve25519"
	"golang.org/x/crypto/pbkdf2"
)

// QR is what a companion shows as a QR code: the server's reference and its own keys.
type QR struct {
	Ref                              string
	NoisePub, IdentityPub, AdvSecret []byte // 32 bytes each
}

// LinkHello is the phone's half of pairing by code, sent to the companion as primary_hello.
type LinkHello struct {
	WrappedEphemeral []byte // 80 bytes: salt 32, IV 16, encrypted public key 32
	IdentityPub      []byte // 32 bytes
}

// Errors of pairing.
var (
	ErrQR       = errors.New("not a pairing QR code")
	ErrLinkCode = errors.New("pairing code does not match")
	ErrNoLink   = errors.New("no pairing by code was started")
)

const (
	linkRounds     = 2 << 16
	wrappedLength  = 80
	linkBundleInfo = "link_code_pairing_key_bundle_encryption_key"
)

// pendingLink is what the phone remembers between the two halves of pairing by code.
type pendingLink struct {
	ephemeral    *keys.KeyPair
	companionPub []byte
}

// ScanQR reads the text of a QR code, with or without the URL in front, with four or more
// fields. It fails with ErrQR.
func (p *Phone) ScanQR(text string) (QR, error) {
	if _, fields, ok := strings.Cut(text, "#"); ok {
		text = fields
	}
	parts := strings.Split(strings.TrimSpace(text), ",")
	if len(parts) < 4 {
		return QR{}, fmt.Errorf("scan QR of %d fields: %w", len(parts), ErrQR)
	}
	qr := QR{Ref: parts[0]}
	for i, field := range []*[]byte{&qr.NoisePub, &qr.IdentityPub, &qr.AdvSecret} {
		key, err := base64.StdEncoding.DecodeString(parts[i+1])
		if err != nil || len(key) != 32 {
			return QR{}, fmt.Errorf("scan QR: field %d is no 32-byte key: %w", i+2, ErrQR)
		}
		*field = key
	}
	return qr, nil
}

// wrapKey encrypts or decrypts a public key under the pairing code, with AES-CTR either way.
func wrapKey(code string, salt, iv, key []byte) []byte {
	block, err := aes.NewCipher(pbkdf2.Key([]byte(code), salt, linkRounds, 32, sha256.New))
	if err != nil {
		panic(err) // the key length is constant
	}
	out := make([]byte, len(key))
	cipher.NewCTR(block, iv).XORKeyStream(out, key)
	return out
}

// StartLink enters the pairing code that a companion shows, with or without its dash.
// A wrong code is noticed only by FinishLink. It takes about 50 ms of CPU. A later call
// replaces the pending one.
func (p *Phone) StartLink(wrappedCompanionEphemeral []byte, code string) (primaryHello LinkHello, err error) {
	if len(wrappedCompanionEphemeral) != wrappedLength {
		return LinkHello{}, fmt.Errorf("start link: wrapped key of %d bytes", len(wrappedCompanionEphemeral))
	}
	code = strings.ToUpper(strings.ReplaceAll(strings.TrimSpace(code), "-", ""))
	w := wrappedCompanionEphemeral
	companionPub := wrapKey(code, w[:32], w[32:48], w[48:])
	pending := &pendingLink{ephemeral: keys.NewKeyPair(), companionPub: companionPub}
	wrapped := make([]byte, wrappedLength)
	rand.Read(wrapped[:48])
	copy(wrapped[48:], wrapKey(code, wrapped[:32], wrapped[32:48], pending.ephemeral.Pub[:]))
	p.mu.Lock()
	defer p.mu.Unlock()
	p.link = pending
	return LinkHello{WrappedEphemeral: wrapped, IdentityPub: append([]byte(nil), p.ownKeys().identity.Pub[:]...)}, nil
}

// FinishLink opens the companion's key bundle and returns the ADV secret for Sign. It fails
// with ErrLinkCode when the code of StartLink was wrong, with ErrNoLink without one;
// the pending link is used up by success only.
func (p *Phone) FinishLink(keyBundle, companionIdentity []byte) (advSecret []byte, err error) {
	p.mu.Lock()
	pending, own := p.link, p.ownKeys()
	p.mu.Unlock()
	if pending == nil {
		return nil, fmt.Errorf("finish link: %w", ErrNoLink)
	}
	if len(keyBundle) != 32+12+96+16 || len(companionIdentity) != 32 {
		return nil, fmt.Errorf("finish link: bundle of %d bytes, identity of %d", len(keyBundle), len(companionIdentity))
	}
	shared, err := curve25519.X25519(pending.ephemeral.Priv[:], pending.companionPub)
	if err != nil {
		return nil, fmt.Errorf("finish link: %w", ErrLinkCode)
	}
	block, err := aes.NewCipher(hkdfutil.SHA256(shared, keyBundle[:32], []byte(linkBundleInfo), 32))
	if err != nil {
		return nil, fmt.Errorf("finish link: %w", err)
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		return nil, fmt.Errorf("finish link: %w", err)
	}
	plain, err := gcm.Open(nil, keyBundle[32:44], keyBundle[44:], nil)
	if err != nil {
		return nil, fmt.Errorf("finish link: %w", ErrLinkCode)
	}
	if string(plain[:32]) != string(companionIdentity) || string(plain[32:64]) != string(own.identity.Pub[:]) {
		return nil, errors.New("finish link: bundle names other identities")
	}
	identityShared, err := curve25519.X25519(own.identity.Priv[:], companionIdentity)
	if err != nil {
		return nil, fmt.Errorf("finish link: %w", err)
	}
	p.mu.Lock()
	if p.link == pending {
		p.link = nil
	}
	p.mu.Unlock()
	return hkdfutil.SHA256(join(shared, identityShared, plain[64:]), nil, []byte("adv_secret"), 32), nil
}
