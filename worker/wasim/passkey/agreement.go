package passkey

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base32"
	"fmt"
	"slices"

	"go.mau.fi/whatsmeow/proto/waCompanionReg"
	"go.mau.fi/whatsmeow/util/gcmutil"
	"go.mau.fi/whatsmeow/util/hkdfutil"
	"go.mau.fi/whatsmeow/util/keys"
	"golang.org/x/crypto/curve25519"
	"google.golang.org/protobuf/proto"

	"whatsapp-manager/worker/wasim/stanza"
)

// Labels of the keys that are derived.
const (
	proofInfo   = "shortcake-passkey-handoff-v1"
	pairingInfo = "Pairing Information Encryption Key"
	pairingSalt = "Companion Pairing %d with ref %s"
)

// codeAlphabet is that of the codes by which phone numbers are linked.
var codeAlphabet = base32.NewEncoding("123456789ABCDEFGHJKLMNPQRSTVWXYZ")

// proofKey is the key by which a companion proves that it holds the secret of the code
// that was scanned or entered.
func proofKey(advSecret []byte) []byte { return hkdfutil.SHA256(advSecret, nil, []byte(proofInfo), 32) }

func provesHandoff(key, payload, proof []byte) bool {
	mac := hmac.New(sha256.New, key)
	mac.Write(payload)
	return hmac.Equal(mac.Sum(nil), proof)
}

// agreement is the phone's half of the agreement with a companion.
type agreement struct {
	own        *keys.KeyPair
	ownNonce   []byte
	identity   []byte // of the companion, as it was committed to
	commitment []byte
	shared     []byte
	salt       []byte
}

// newAgreement reads the companion's ephemeral key and commitment. The ref is the one
// that the companion got.
func newAgreement(payload []byte, ref string) (agreement, *refusal) {
	var prologue waCompanionReg.ProloguePayload
	var identity waCompanionReg.CompanionEphemeralIdentity
	if proto.Unmarshal(payload, &prologue) != nil ||
		proto.Unmarshal(prologue.GetCompanionEphemeralIdentity(), &identity) != nil {
		return agreement{}, refused(stanza.ErrBadRequest, "the prologue cannot be read")
	}
	if len(prologue.GetCommitment().GetHash()) != sha256.Size || len(identity.GetPublicKey()) != 32 {
		return agreement{}, refused(stanza.ErrBadRequest, "the commitment or the ephemeral key has a wrong length")
	}
	if identity.GetRef() != ref {
		return agreement{}, refused(stanza.ErrNotAuthorized, "the ref is not the one that was given")
	}
	a := agreement{
		own: keys.NewKeyPair(), ownNonce: random(32),
		identity: prologue.GetCompanionEphemeralIdentity(), commitment: prologue.GetCommitment().GetHash(),
		salt: fmt.Appendf(nil, pairingSalt, identity.GetDeviceType(), ref),
	}
	var err error
	if a.shared, err = curve25519.X25519(a.own.Priv[:], identity.GetPublicKey()); err != nil {
		return agreement{}, refused(stanza.ErrBadRequest, "the ephemeral key is of low order")
	}
	return a, nil
}

// primaryIdentity is what the companion gets of the phone: key and nonce.
func (a agreement) primaryIdentity() []byte {
	raw, err := proto.Marshal(&waCompanionReg.PrimaryEphemeralIdentity{PublicKey: a.own.Pub[:], Nonce: a.ownNonce})
	if err != nil {
		return nil // two byte strings can be encoded
	}
	return raw
}

// reveal checks the companion's nonce against its commitment, and returns the code.
func (a agreement) reveal(nonce []byte) (code string, problem *refusal) {
	if len(nonce) != 32 {
		return "", refused(stanza.ErrBadRequest, "the nonce has a wrong length")
	}
	committed := sha256.Sum256(slices.Concat(a.identity, nonce))
	if !bytes.Equal(committed[:], a.commitment) {
		return "", refused(stanza.ErrNotAuthorized, "the nonce is not the one that was committed to")
	}
	digest := sha256.Sum256(slices.Concat(nonce, a.own.Pub[:]))
	raw := make([]byte, 5)
	for i := range raw {
		raw[i] = a.ownNonce[i] ^ digest[i]
	}
	code = codeAlphabet.EncodeToString(raw)
	return code[:4] + "-" + code[4:], nil
}

// open decrypts the companion's last request, which must name the keys by which it
// connected, and returns its new ADV secret.
func (a agreement) open(sealed, noise, identity []byte) (advSecret []byte, problem *refusal) {
	var envelope waCompanionReg.EncryptedPairingRequest
	if proto.Unmarshal(sealed, &envelope) != nil || len(envelope.GetIV()) != 12 {
		return nil, refused(stanza.ErrBadRequest, "the pairing request cannot be read")
	}
	key := hkdfutil.SHA256(a.shared, a.salt, []byte(pairingInfo), 32)
	plain, err := gcmutil.Decrypt(key, envelope.GetIV(), envelope.GetEncryptedPayload(), nil)
	if err != nil {
		return nil, refused(stanza.ErrNotAuthorized, "the pairing request does not decrypt")
	}
	var request waCompanionReg.PairingRequest
	if proto.Unmarshal(plain, &request) != nil || len(request.GetAdvSecret()) != 32 {
		return nil, refused(stanza.ErrBadRequest, "the pairing request cannot be read")
	}
	if !bytes.Equal(request.GetCompanionPublicKey(), noise) || !bytes.Equal(request.GetCompanionIdentityKey(), identity) {
		return nil, refused(stanza.ErrNotAuthorized, "the keys are not those of the connection")
	}
	return request.GetAdvSecret(), nil
}
