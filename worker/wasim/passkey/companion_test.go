package passkey_test

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"fmt"
	"slices"
	"testing"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/proto/waCompanionReg"
	"go.mau.fi/whatsmeow/util/gcmutil"
	"go.mau.fi/whatsmeow/util/hkdfutil"
	"go.mau.fi/whatsmeow/util/keys"
	"golang.org/x/crypto/curve25519"
	"google.golang.org/protobuf/proto"

	"whatsapp-manager/worker/wasim/passkey"
	"whatsapp-manager/worker/wasim/passkey/authenticator"
)

// companion is a client written after the description of the protocol, which can go
// wrong where whatsmeow does not.
type companion struct {
	t               *testing.T
	ceremony        *passkey.Ceremony
	key             authenticator.Authenticator
	secret          []byte // before the request
	noise, identity []byte
	ephemeral       *keys.KeyPair
	nonce           []byte
	ref             string
	options         []byte
	primary         waCompanionReg.PrimaryEphemeralIdentity
	sent            []waBinary.Node
}

// newCompanion begins a ceremony with a companion.
func newCompanion(t *testing.T, demand passkey.Demand) *companion {
	t.Helper()
	complete, err := demand.Complete()
	if err != nil {
		t.Fatal(err)
	}
	c := &companion{
		t: t, key: authenticator.Authenticator{Credential: authenticator.Credential(complete.Credential)},
		secret: randomBytes(32), noise: randomBytes(32), identity: randomBytes(32), ephemeral: keys.NewKeyPair(), nonce: randomBytes(32),
	}
	c.ceremony = passkey.Begin(complete, c.secret, c)
	return c
}

// Send implements passkey.Companion.
func (c *companion) Send(answer waBinary.Node) { c.sent = append(c.sent, answer) }

// Notify implements passkey.Companion.
func (c *companion) Notify(kind string, content ...waBinary.Node) {
	switch kind {
	case "passkey_prologue_request":
		if len(content) > 0 {
			c.options, _ = content[0].Content.([]byte)
		}
	case "crsc_continuation":
		raw, _ := content[0].Content.([]byte)
		if err := proto.Unmarshal(raw, &c.primary); err != nil {
			c.t.Error(err)
		}
	default:
		c.t.Errorf("notification %q", kind)
	}
}

// Refused implements passkey.Companion.
func (c *companion) Refused(int, string) {}

// Keys implements passkey.Companion.
func (c *companion) Keys() (noise, identity []byte) { return c.noise, c.identity }

// ask makes a request; its answer is the error's code, 0 for a result and -1 for none.
func (c *companion) ask(tag string, content any) (code int, result waBinary.Node) {
	c.sent = nil
	c.ceremony.Answer(&waBinary.Node{
		Tag: "iq", Attrs: waBinary.Attrs{"id": "1"}, Content: []waBinary.Node{{Tag: tag, Content: content}},
	})
	return c.answered()
}

func (c *companion) answered() (code int, result waBinary.Node) {
	if len(c.sent) != 1 {
		return -1, waBinary.Node{}
	}
	if c.sent[0].Attrs["type"] == "result" {
		return 0, c.sent[0]
	}
	refused := c.sent[0].GetChildByTag("error")
	code, _ = refused.Attrs["code"].(int)
	return code, refused
}

func (c *companion) askRef() {
	c.t.Helper()
	code, result := c.ask("ref", nil)
	ref := result.GetChildByTag("ref")
	raw, _ := ref.Content.([]byte)
	if code != 0 || len(raw) == 0 {
		c.t.Fatalf("asked for a ref: %d", code)
	}
	c.ref = string(raw)
}

// prologue is what the client sends with its assertion. The proof is made of the secret;
// without one there is none.
func (c *companion) prologue(secret []byte) []waBinary.Node {
	c.t.Helper()
	answer, err := c.key.Get(c.options)
	if err != nil {
		c.t.Fatal(err)
	}
	commitment := sha256.Sum256(slices.Concat(c.ephemeralIdentity(), c.nonce))
	payload := c.marshal(&waCompanionReg.ProloguePayload{
		CompanionEphemeralIdentity: c.ephemeralIdentity(),
		Commitment:                 &waCompanionReg.CompanionCommitment{Hash: commitment[:]},
	})
	nodes := []waBinary.Node{
		{Tag: "credential_id", Content: c.key.Credential.ID},
		{Tag: "webauthn_assertion", Content: answer},
		{Tag: "prologue_payload", Content: payload},
	}
	if secret != nil {
		mac := hmac.New(sha256.New, hkdfutil.SHA256(secret, nil, []byte("shortcake-passkey-handoff-v1"), 32))
		mac.Write(payload)
		nodes = append(nodes, waBinary.Node{Tag: "pairing_handoff_proof", Content: mac.Sum(nil)})
	}
	return nodes
}

func (c *companion) ephemeralIdentity() []byte {
	return c.marshal(&waCompanionReg.CompanionEphemeralIdentity{
		PublicKey: c.ephemeral.Pub[:], DeviceType: waCompanionReg.DeviceProps_CHROME.Enum(), Ref: &c.ref,
	})
}

// code is the one that the client shows.
func (c *companion) code() string {
	digest := sha256.Sum256(slices.Concat(c.nonce, c.primary.GetPublicKey()))
	for i := range 5 {
		digest[i] ^= c.primary.GetNonce()[i]
	}
	code := base32.NewEncoding("123456789ABCDEFGHJKLMNPQRSTVWXYZ").EncodeToString(digest[:5])
	return code[:4] + "-" + code[4:]
}

// request encrypts keys and the new secret.
func (c *companion) request(noise, identity, advSecret []byte) []byte {
	c.t.Helper()
	shared, err := curve25519.X25519(c.ephemeral.Priv[:], c.primary.GetPublicKey())
	if err != nil {
		c.t.Fatal(err)
	}
	key := hkdfutil.SHA256(shared, fmt.Appendf(nil, "Companion Pairing 1 with ref %s", c.ref),
		[]byte("Pairing Information Encryption Key"), 32)
	iv := randomBytes(12)
	sealed, err := gcmutil.Encrypt(key, iv, c.marshal(&waCompanionReg.PairingRequest{
		CompanionPublicKey: noise, CompanionIdentityKey: identity, AdvSecret: advSecret,
	}), nil)
	if err != nil {
		c.t.Fatal(err)
	}
	return c.marshal(&waCompanionReg.EncryptedPairingRequest{EncryptedPayload: sealed, IV: iv})
}

func (c *companion) marshal(m proto.Message) []byte {
	c.t.Helper()
	raw, err := proto.Marshal(m)
	if err != nil {
		c.t.Fatal(err)
	}
	return raw
}

// upTo goes through the ceremony, with a valid proof if so wanted, up to a step.
func (c *companion) upTo(step passkey.Step, proves bool) {
	c.t.Helper()
	c.askRef()
	if step == passkey.StepAssertion {
		return
	}
	var secret []byte
	if proves {
		secret = c.secret
	}
	if code, _ := c.ask("passkey_prologue", c.prologue(secret)); code != 0 {
		c.t.Fatalf("the prologue was refused by %d: %s", code, c.ceremony.Status().Refusal)
	}
	if step == passkey.StepNonce {
		return
	}
	if code, _ := c.ask("companion_nonce", c.nonce); code != 0 {
		c.t.Fatalf("the nonce was refused by %d: %s", code, c.ceremony.Status().Refusal)
	}
}

func randomBytes(n int) []byte {
	raw := make([]byte, n)
	rand.Read(raw)
	return raw
}
