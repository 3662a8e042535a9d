package wasim_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"

	"whatsapp-manager/worker/wasim"
	"whatsapp-manager/worker/wasim/passkey"
	"whatsapp-manager/worker/wasim/passkey/authenticator"
)

// passkeyAccount makes an account that demands a passkey, and an authenticator that
// has it.
func (r *rig) passkeyAccount(number string, demand passkey.Demand) (*wasim.Account, authenticator.Authenticator) {
	r.t.Helper()
	a, err := r.CreateAccount(number, "Passkey", wasim.AccountOptions{Passkey: &demand})
	if err != nil {
		r.t.Fatal(err)
	}
	complete, _ := a.Passkey()
	return a, authenticator.Authenticator{Credential: authenticator.Credential(complete.Credential)}
}

// qr connects a new client and returns it with the first QR text.
func (r *rig) qr() (*client, string) {
	r.t.Helper()
	c := r.newClient()
	if err := c.ConnectContext(r.ctx); err != nil {
		r.t.Fatalf("connect: %v", err)
	}
	return c, await[*events.QR](c, "QR", nil).Codes[0]
}

// scan has the account's phone scan the QR text of a new client.
func (r *rig) scan(a *wasim.Account) (*client, *wasim.Linking) {
	r.t.Helper()
	c, text := r.qr()
	linking, err := a.StartQR(text)
	if err != nil {
		r.t.Fatalf("scan QR: %v", err)
	}
	return c, linking
}

// assert lets the authenticator answer the last request for a passkey, and sends it.
func (c *client) assert(a authenticator.Authenticator) error {
	c.rig.t.Helper()
	await[*events.PairPasskeyRequest](c, "PairPasskeyRequest", nil)
	return c.answer(a)
}

func (c *client) answer(a authenticator.Authenticator) error {
	c.rig.t.Helper()
	c.mu.Lock()
	var asked *events.PairPasskeyRequest
	for _, event := range c.events {
		if e, ok := event.(*events.PairPasskeyRequest); ok {
			asked = e
		}
	}
	c.mu.Unlock()
	options, err := json.Marshal(asked.PublicKey)
	if err != nil {
		c.rig.t.Fatal(err)
	}
	raw, err := a.Get(options)
	if err != nil {
		c.rig.t.Fatalf("ask the authenticator: %v", err)
	}
	var answer types.WebAuthnResponse
	if err = json.Unmarshal(raw, &answer); err != nil {
		c.rig.t.Fatal(err)
	}
	return c.SendPasskeyResponse(c.rig.ctx, &answer)
}

// confirmation waits until the client knows the code.
func (c *client) confirmation() *events.PairPasskeyConfirmation {
	c.rig.t.Helper()
	return await[*events.PairPasskeyConfirmation](c, "PairPasskeyConfirmation", nil)
}

// finish sends the client's keys and waits until the device is active.
func (r *rig) finish(c *client, a *wasim.Account, linking *wasim.Linking) {
	r.t.Helper()
	if err := c.SendPasskeyConfirmation(r.ctx); err != nil {
		r.t.Fatalf("confirm: %v", err)
	}
	if err := linking.Wait(r.ctx); err != nil {
		r.t.Fatalf("wait for the linking: %v", err)
	}
	r.idle(c, a)
}

func last(a *wasim.Account) passkey.Status {
	all := a.Ceremonies()
	return all[len(all)-1].Status()
}

// wantCode fails unless the error is the server's refusal by this code.
func wantCode(t *testing.T, err error, code int) {
	t.Helper()
	var refused *whatsmeow.IQError
	if !errors.As(err, &refused) || refused.Code != code {
		t.Errorf("got %v, want a refusal by %d", err, code)
	}
}

func TestPasskeyByQR(t *testing.T) {
	for _, tc := range []struct {
		name   string
		demand passkey.Demand
	}{
		{"options without credentials", passkey.Demand{}},
		{"options with the credential", passkey.Demand{ListCredential: true}},
		{"options asked for", passkey.Demand{OmitOptions: true}},
		{"options with the credential asked for", passkey.Demand{OmitOptions: true, ListCredential: true}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := newRig(t, nil)
			alice, key := r.passkeyAccount("15550000001", tc.demand)
			c, linking := r.scan(alice)
			asked := await[*events.PairPasskeyRequest](c, "PairPasskeyRequest", nil).PublicKey
			if asked.RelyingPartID != "whatsapp.com" || asked.UserVerification != "required" || asked.Timeout != 600_000 ||
				len(asked.Challenge) < 16 || asked.Extensions["uvm"] != true {
				t.Errorf("options %+v", asked)
			}
			if named := len(asked.AllowCredentials) == 1; named != tc.demand.ListCredential {
				t.Errorf("allowed credentials %v", asked.AllowCredentials)
			}
			if err := c.assert(key); err != nil {
				t.Fatalf("send the assertion: %v", err)
			}
			shown := c.confirmation()
			if known := last(alice); known.Code != shown.Code || !known.Proved || known.Confirm || !shown.SkipHandoffUX {
				t.Errorf("client shows %+v, phone %+v", shown, known)
			}
			r.finish(c, alice, linking)
			if s := last(alice); s.Step != passkey.StepDone || s.Err != nil {
				t.Errorf("ceremony %+v", s)
			}
			bob := r.account("15550000002", "Bob")
			r.say(bob, alice.PN(), "after the passkey")
			c.awaitText("after the passkey")
		})
	}
}

func TestPasskeyByCode(t *testing.T) {
	r := newRig(t, nil)
	alice, key := r.passkeyAccount("15550000001", passkey.Demand{})
	c, _ := r.qr()
	code, err := c.PairPhone(r.ctx, alice.Number(), true, whatsmeow.PairClientChrome, "Chrome (Linux)")
	if err != nil {
		t.Fatal(err)
	}
	linking, err := alice.StartCode(r.ctx, code)
	if err != nil {
		t.Fatal(err)
	}
	if err = c.assert(key); err != nil {
		t.Fatalf("send the assertion: %v", err)
	}
	if shown := c.confirmation(); last(alice).Code != shown.Code || !last(alice).Proved {
		t.Errorf("client shows %+v, phone %+v", shown, last(alice))
	}
	r.finish(c, alice, linking)
}

func TestWrongAssertionMayBeTriedAgain(t *testing.T) {
	other, err := passkey.NewCredential()
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name  string
		wrong func(*authenticator.Authenticator)
		why   string
	}{
		{"challenge", func(a *authenticator.Authenticator) { a.Challenge = "bm90IHRoZSBjaGFsbGVuZ2U" }, "challenge"},
		{"origin", func(a *authenticator.Authenticator) { a.Origin = "https://web.whatsapp.com.example" }, "origin"},
		{"relying party", func(a *authenticator.Authenticator) { a.RPID = "web.whatsapp.com" }, "RP Hash"},
		{"type", func(a *authenticator.Authenticator) { a.Type = "webauthn.create" }, "ceremony type"},
		{"signature", func(a *authenticator.Authenticator) { a.Forged = true }, "signature"},
		{"key", func(a *authenticator.Authenticator) { a.Credential.PrivateKey = other.PrivateKey }, "signature"},
		{"credential", func(a *authenticator.Authenticator) { a.Credential.ID = other.ID }, "credential"},
		{"user handle", func(a *authenticator.Authenticator) { a.Credential.UserHandle = other.UserHandle }, "handle"},
		{"no user handle", func(a *authenticator.Authenticator) { a.Credential.UserHandle = nil }, "handle"},
		{"nobody there", func(a *authenticator.Authenticator) { a.Absent = true }, "presence"},
		{"nobody verified", func(a *authenticator.Authenticator) { a.Unverified = true }, "verification required"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := newRig(t, nil)
			alice, right := r.passkeyAccount("15550000001", passkey.Demand{})
			c, linking := r.scan(alice)
			wrong := right
			tc.wrong(&wrong)
			wantCode(t, c.assert(wrong), 401)
			if s := last(alice); s.Step != passkey.StepAssertion || !strings.Contains(s.Refusal, tc.why) {
				t.Errorf("ceremony %+v", s)
			}
			if err := c.assert(right); err != nil {
				t.Fatalf("the right one was refused: %v", err)
			}
			c.confirmation()
			r.finish(c, alice, linking)
		})
	}
}

// An assertion that was made for one ceremony is worth nothing in another.
func TestTwoCeremoniesAtOnce(t *testing.T) {
	r := newRig(t, nil)
	alice, aliceKey := r.passkeyAccount("15550000001", passkey.Demand{})
	bob, bobKey := r.passkeyAccount("15550000002", passkey.Demand{AlwaysConfirm: true})
	a, aliceLinking := r.scan(alice)
	b, bobLinking := r.scan(bob)
	wantCode(t, a.assert(bobKey), 401)
	wantCode(t, b.assert(aliceKey), 401)
	if err := b.assert(bobKey); err != nil {
		t.Fatal(err)
	}
	if err := a.assert(aliceKey); err != nil {
		t.Fatal(err)
	}
	b.confirmation()
	if err := bob.ConfirmCode(a.confirmation().Code); !errors.Is(err, passkey.ErrWrongCode) {
		t.Errorf("bob confirmed the code of alice's device: %v", err)
	}
	if err := bob.ConfirmCode(b.confirmation().Code); err != nil {
		t.Error(err)
	}
	r.finish(b, bob, bobLinking)
	r.finish(a, alice, aliceLinking)
}
