package authenticator

import (
	"cmp"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
)

// webOrigin is the page to which WhatsApp's passkeys are bound.
const webOrigin = "https://web.whatsapp.com"

// Flags of the authenticator data.
const (
	userPresent  = 1 << 0
	userVerified = 1 << 2
)

// ErrNotAllowed is returned when the options name other credentials only.
var ErrNotAllowed = errors.New("the options allow other credentials only")

// Credential is a passkey. As JSON it is read from what the simulator's control API
// gives out.
type Credential struct {
	ID         []byte `json:"credentialId"`
	PrivateKey []byte `json:"privateKey"` // PKCS #8, of a key on P-256
	UserHandle []byte `json:"userHandle"`
}

// Authenticator holds one passkey. The fields after it make its answers wrong; their
// zero values make right ones.
type Authenticator struct {
	Credential Credential
	// Origin is the page that asks, web.whatsapp.com when empty.
	Origin string
	// RPID is the relying party that is signed for, the one of the options when empty.
	RPID string
	// Challenge is signed in place of that of the options.
	Challenge string
	// Type is what is signed in place of webauthn.get.
	Type string
	// Absent leaves out that a user was there, Unverified that it was the right one.
	Absent, Unverified bool
	// Forged breaks the signature.
	Forged bool
}

// options are what is read of PublicKeyCredentialRequestOptionsJSON.
type options struct {
	Challenge        string    `json:"challenge"`
	RPID             string    `json:"rpId"`
	AllowCredentials []allowed `json:"allowCredentials"`
}

type allowed struct {
	ID string `json:"id"`
}

// clientData is what the browser puts together and the authenticator signs.
type clientData struct {
	Type        string `json:"type"`
	Challenge   string `json:"challenge"`
	Origin      string `json:"origin"`
	CrossOrigin bool   `json:"crossOrigin"`
}

// response is the AuthenticationResponseJSON.
type response struct {
	ID         string            `json:"id"`
	RawID      string            `json:"rawId"`
	Type       string            `json:"type"`
	Attachment string            `json:"authenticatorAttachment"`
	Response   assertion         `json:"response"`
	Extensions map[string]string `json:"clientExtensionResults"`
}

type assertion struct {
	ClientDataJSON    string `json:"clientDataJSON"`
	AuthenticatorData string `json:"authenticatorData"`
	Signature         string `json:"signature"`
	UserHandle        string `json:"userHandle"`
}

// Get answers options, given as PublicKeyCredentialRequestOptionsJSON or as an object
// with them under publicKey. The answer is an AuthenticationResponseJSON. It fails with
// ErrNotAllowed, and for options or a key that cannot be read.
func (a Authenticator) Get(optionsJSON []byte) ([]byte, error) {
	asked, err := readOptions(optionsJSON)
	if err != nil {
		return nil, err
	}
	id := encode(a.Credential.ID)
	if len(asked.AllowCredentials) > 0 && !slices.Contains(asked.AllowCredentials, allowed{id}) {
		return nil, ErrNotAllowed
	}
	client, err := json.Marshal(clientData{
		Type: cmp.Or(a.Type, "webauthn.get"), Challenge: cmp.Or(a.Challenge, asked.Challenge), Origin: cmp.Or(a.Origin, webOrigin),
	})
	if err != nil {
		return nil, err
	}
	party := sha256.Sum256([]byte(cmp.Or(a.RPID, asked.RPID)))
	data := append(party[:], a.flags(), 0, 0, 0, 0) // a passkey that is synchronised counts nothing
	signature, err := a.sign(data, client)
	if err != nil {
		return nil, err
	}
	return json.Marshal(response{
		ID: id, RawID: id, Type: "public-key", Attachment: "platform", Extensions: map[string]string{},
		Response: assertion{
			ClientDataJSON: encode(client), AuthenticatorData: encode(data), Signature: encode(signature),
			UserHandle: encode(a.Credential.UserHandle),
		},
	})
}

func readOptions(raw []byte) (options, error) {
	var wrapped struct {
		options
		PublicKey *options `json:"publicKey"`
	}
	if err := json.Unmarshal(raw, &wrapped); err != nil {
		return options{}, fmt.Errorf("read the options: %w", err)
	}
	asked := wrapped.options
	if wrapped.PublicKey != nil {
		asked = *wrapped.PublicKey
	}
	if asked.Challenge == "" || asked.RPID == "" {
		return options{}, errors.New("the options lack challenge or rpId")
	}
	return asked, nil
}

func (a Authenticator) flags() byte {
	flags := byte(userPresent | userVerified)
	if a.Absent {
		flags &^= userPresent
	}
	if a.Unverified {
		flags &^= userVerified
	}
	return flags
}

func (a Authenticator) sign(data, client []byte) ([]byte, error) {
	parsed, err := x509.ParsePKCS8PrivateKey(a.Credential.PrivateKey)
	if err != nil {
		return nil, fmt.Errorf("read the private key: %w", err)
	}
	key, ok := parsed.(*ecdsa.PrivateKey)
	if !ok {
		return nil, errors.New("the private key is not one of ECDSA")
	}
	hash := sha256.Sum256(client)
	digest := sha256.Sum256(slices.Concat(data, hash[:]))
	if a.Forged {
		digest[0] ^= 1
	}
	return ecdsa.SignASN1(rand.Reader, key, digest[:])
}

func encode(raw []byte) string { return base64.RawURLEncoding.EncodeToString(raw) }
