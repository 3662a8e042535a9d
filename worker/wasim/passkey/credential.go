package passkey

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"fmt"

	"github.com/go-webauthn/webauthn/protocol/webauthncbor"
	"github.com/go-webauthn/webauthn/protocol/webauthncose"
)

// RPID and Origin are what every passkey of WhatsApp is bound to: the relying party,
// and the page on which an assertion must be made.
const (
	RPID   = "whatsapp.com"
	Origin = "https://web.whatsapp.com"
)

// ErrCredential is returned for a credential that cannot be used.
var ErrCredential = errors.New("not a usable passkey")

// Credential is a passkey as an authenticator holds it. As JSON it has the names and
// the encoding of the credential that Chromium's WebAuthn.addCredential takes.
type Credential struct {
	ID         []byte `json:"credentialId"`
	PrivateKey []byte `json:"privateKey"` // PKCS #8, of a key on P-256
	UserHandle []byte `json:"userHandle"`
}

// NewCredential makes a passkey that nobody else has.
func NewCredential() (Credential, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return Credential{}, fmt.Errorf("make passkey: %w", err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return Credential{}, fmt.Errorf("make passkey: %w", err)
	}
	return Credential{ID: random(32), PrivateKey: private, UserHandle: random(16)}, nil
}

// Key is the private key. It fails with ErrCredential.
func (c Credential) Key() (*ecdsa.PrivateKey, error) {
	parsed, err := x509.ParsePKCS8PrivateKey(c.PrivateKey)
	if err != nil {
		return nil, fmt.Errorf("%w: the private key is no PKCS #8", ErrCredential)
	}
	key, ok := parsed.(*ecdsa.PrivateKey)
	if !ok || key.Curve != elliptic.P256() {
		return nil, fmt.Errorf("%w: the private key is not on P-256", ErrCredential)
	}
	return key, nil
}

// PublicKey is the public half of the key in PKIX form (SubjectPublicKeyInfo).
func (c Credential) PublicKey() ([]byte, error) {
	key, err := c.Key()
	if err != nil {
		return nil, err
	}
	return x509.MarshalPKIXPublicKey(&key.PublicKey)
}

// check fails with ErrCredential. The bounds are those of WebAuthn.
func (c Credential) check() error {
	if len(c.ID) < 1 || len(c.ID) > 1023 {
		return fmt.Errorf("%w: credential id of %d bytes, not 1 to 1023", ErrCredential, len(c.ID))
	}
	if len(c.UserHandle) < 1 || len(c.UserHandle) > 64 {
		return fmt.Errorf("%w: user handle of %d bytes, not 1 to 64", ErrCredential, len(c.UserHandle))
	}
	_, err := c.Key()
	return err
}

// cose is the public half as a relying party stores it.
func (c Credential) cose() ([]byte, error) {
	key, err := c.Key()
	if err != nil {
		return nil, err
	}
	point, err := key.PublicKey.Bytes() // 4, then x and y
	if err != nil {
		return nil, err
	}
	return webauthncbor.Marshal(webauthncose.EC2PublicKeyData{
		PublicKeyData: webauthncose.PublicKeyData{
			KeyType: int64(webauthncose.EllipticKey), Algorithm: int64(webauthncose.AlgES256),
		},
		Curve:  int64(webauthncose.P256),
		XCoord: point[1:33],
		YCoord: point[33:65],
	})
}

func random(n int) []byte {
	raw := make([]byte, n)
	rand.Read(raw)
	return raw
}
