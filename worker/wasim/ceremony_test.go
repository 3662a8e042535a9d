package wasim_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"go.mau.fi/whatsmeow"
	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"

	"whatsapp-manager/worker/wasim"
	"whatsapp-manager/worker/wasim/passkey"
	"whatsapp-manager/worker/wasim/passkey/authenticator"
)

func TestPhoneDecidesOnTheCode(t *testing.T) {
	t.Run("confirmed before the keys came", func(t *testing.T) {
		r := newRig(t, nil)
		alice, key := r.passkeyAccount("15550000001", passkey.Demand{AlwaysConfirm: true})
		c, linking := r.scan(alice)
		if err := alice.ConfirmCode("1234-5678"); !errors.Is(err, passkey.ErrNoCode) {
			t.Errorf("a code nobody knows yet: %v", err)
		}
		if err := c.assert(key); err != nil {
			t.Fatal(err)
		}
		shown := c.confirmation().Code
		if err := alice.ConfirmCode(otherCode(shown)); !errors.Is(err, passkey.ErrWrongCode) {
			t.Errorf("a wrong code: %v", err)
		}
		if err := alice.ConfirmCode(strings.ToLower(strings.ReplaceAll(shown, "-", ""))); err != nil {
			t.Errorf("the right code: %v", err)
		}
		if err := alice.ConfirmCode(shown); !errors.Is(err, passkey.ErrNoCode) {
			t.Errorf("the code once more: %v", err)
		}
		r.finish(c, alice, linking)
	})
	t.Run("confirmed after the keys came", func(t *testing.T) {
		r := newRig(t, nil)
		alice, key := r.passkeyAccount("15550000001", passkey.Demand{AlwaysConfirm: true})
		c, linking := r.scan(alice)
		sent := r.sendKeys(alice, c, key)
		if err := alice.ConfirmCode(c.confirmation().Code); err != nil {
			t.Error(err)
		}
		if err := <-sent; err != nil {
			t.Fatalf("the keys were refused: %v", err)
		}
		if err := linking.Wait(r.ctx); err != nil {
			t.Fatal(err)
		}
		r.idle(c, alice)
	})
	t.Run("rejected before the keys came", func(t *testing.T) {
		r := newRig(t, nil)
		alice, key := r.passkeyAccount("15550000001", passkey.Demand{})
		c, linking := r.scan(alice)
		if err := c.assert(key); err != nil {
			t.Fatal(err)
		}
		c.confirmation()
		if err := alice.RejectLinking(); err != nil {
			t.Fatal(err)
		}
		wantCode(t, c.SendPasskeyConfirmation(r.ctx), 403)
		r.wantEnd(linking, alice, passkey.ErrRejected)
		if err := alice.RejectLinking(); !errors.Is(err, passkey.ErrNoCode) {
			t.Errorf("rejected once more: %v", err)
		}
	})
	t.Run("rejected after the keys came", func(t *testing.T) {
		r := newRig(t, nil)
		alice, key := r.passkeyAccount("15550000001", passkey.Demand{AlwaysConfirm: true})
		c, linking := r.scan(alice)
		sent := r.sendKeys(alice, c, key)
		if err := alice.RejectLinking(); err != nil {
			t.Fatal(err)
		}
		wantCode(t, <-sent, 403)
		r.wantEnd(linking, alice, passkey.ErrRejected)
	})
	t.Run("rejected before the assertion", func(t *testing.T) {
		r := newRig(t, nil)
		alice, key := r.passkeyAccount("15550000001", passkey.Demand{})
		c, linking := r.scan(alice)
		if err := alice.RejectLinking(); err != nil {
			t.Fatal(err)
		}
		wantCode(t, c.assert(key), 403)
		r.wantEnd(linking, alice, passkey.ErrRejected)
	})
}

// sendKeys goes through the ceremony up to the client's last request, which waits for
// the phone; its answer comes on the channel.
func (r *rig) sendKeys(a *wasim.Account, c *client, key authenticator.Authenticator) <-chan error {
	r.t.Helper()
	if err := c.assert(key); err != nil {
		r.t.Fatal(err)
	}
	c.confirmation()
	sent := make(chan error, 1)
	go func() { sent <- c.SendPasskeyConfirmation(r.ctx) }()
	all := a.Ceremonies()
	if _, err := all[len(all)-1].Until(r.ctx, func(s passkey.Status) bool { return s.Sent }); err != nil {
		r.t.Fatalf("the keys did not arrive: %v", err)
	}
	return sent
}

// wantEnd fails unless the linking ended by this error and the account has no device.
func (r *rig) wantEnd(linking *wasim.Linking, a *wasim.Account, want error) {
	r.t.Helper()
	if err := linking.Wait(r.ctx); !errors.Is(err, want) {
		r.t.Errorf("the linking ended by %v, want %v", err, want)
	}
	if n := len(a.Devices()); n != 0 {
		r.t.Errorf("%d devices", n)
	}
}

func otherCode(code string) string {
	if code[0] == '1' {
		return "2" + code[1:]
	}
	return "1" + code[1:]
}

func TestLateAnswersAreRefused(t *testing.T) {
	t.Run("assertion", func(t *testing.T) {
		r := newRig(t, nil)
		alice, key := r.passkeyAccount("15550000001", passkey.Demand{Lifetime: 50 * time.Millisecond})
		c, linking := r.scan(alice)
		r.wantEnd(linking, alice, passkey.ErrExpired)
		wantCode(t, c.assert(key), 410)
	})
	t.Run("keys", func(t *testing.T) {
		r := newRig(t, nil)
		alice, key := r.passkeyAccount("15550000001", passkey.Demand{})
		c, linking := r.scan(alice)
		if err := c.assert(key); err != nil {
			t.Fatal(err)
		}
		c.confirmation()
		if err := alice.ExpireLinking(); err != nil {
			t.Fatal(err)
		}
		wantCode(t, c.SendPasskeyConfirmation(r.ctx), 410)
		r.wantEnd(linking, alice, passkey.ErrExpired)
	})
	t.Run("another scan by a new client goes on", func(t *testing.T) {
		r := newRig(t, nil)
		alice, key := r.passkeyAccount("15550000001", passkey.Demand{})
		_, linking := r.scan(alice)
		if err := alice.ExpireLinking(); err != nil {
			t.Fatal(err)
		}
		r.wantEnd(linking, alice, passkey.ErrExpired)
		c, linking := r.scan(alice)
		if err := c.assert(key); err != nil {
			t.Fatal(err)
		}
		c.confirmation()
		r.finish(c, alice, linking)
	})
}

func TestRequestsOutOfOrderAreRefused(t *testing.T) {
	r := newRig(t, nil)
	alice, key := r.passkeyAccount("15550000001", passkey.Demand{})
	c, text := r.qr()
	raw := func(kind whatsmeow.DangerousInfoQueryType, tag string, content any) error {
		_, err := c.DangerousInternals().SendIQ(r.ctx, whatsmeow.DangerousInfoQuery{
			Namespace: "md", Type: kind, To: types.ServerJID, Content: []waBinary.Node{{Tag: tag, Content: content}},
		})
		return err
	}
	nonce := make([]byte, 32)
	wantCode(t, raw("get", "ref", nil), 404)
	wantCode(t, raw("get", "passkey_request_options", nil), 404)
	wantCode(t, raw("set", "companion_nonce", nonce), 404)

	linking, err := alice.StartQR(text)
	if err != nil {
		t.Fatal(err)
	}
	await[*events.PairPasskeyRequest](c, "PairPasskeyRequest", nil)
	wantCode(t, raw("set", "passkey_prologue", nil), 409) // no ref yet
	wantCode(t, raw("set", "companion_nonce", nonce), 409)
	wantCode(t, raw("set", "encrypted_pairing_request", []byte{1}), 409)
	if err = raw("get", "ref", nil); err != nil {
		t.Fatal(err)
	}
	wantCode(t, raw("set", "passkey_prologue", nil), 400)
	if err = c.assert(key); err != nil {
		t.Fatal(err)
	}
	c.confirmation()
	wantCode(t, raw("get", "passkey_request_options", nil), 409)
	wantCode(t, raw("set", "companion_nonce", nonce), 409)
	wantCode(t, raw("set", "encrypted_pairing_request", []byte{1}), 400)
	r.finish(c, alice, linking)
}

func TestAssertionServesOnce(t *testing.T) {
	r := newRig(t, nil)
	alice, key := r.passkeyAccount("15550000001", passkey.Demand{})
	c, linking := r.scan(alice)
	if err := c.assert(key); err != nil {
		t.Fatal(err)
	}
	c.confirmation()
	wantCode(t, c.assert(key), 409)
	c.Disconnect()
	r.wantEnd(linking, alice, wasim.ErrGone)
}

// The client prints its QR texts once, with a secret that it replaces when it is asked
// for a passkey. A phone that scans again thus knows another secret than the client.
func TestSecondScanOnTheSameConnection(t *testing.T) {
	r := newRig(t, nil)
	alice, key := r.passkeyAccount("15550000001", passkey.Demand{})
	c, text := r.qr()
	first, err := alice.StartQR(text)
	if err != nil {
		t.Fatal(err)
	}
	await[*events.PairPasskeyRequest](c, "PairPasskeyRequest", nil)
	c.forget()
	second, err := alice.StartQR(text)
	if err != nil {
		t.Fatal(err)
	}
	r.wantEnd(first, alice, passkey.ErrReplaced)
	wantCode(t, c.assert(key), 401)
	if s := last(alice); !strings.Contains(s.Refusal, "proof") {
		t.Errorf("refused because %q", s.Refusal)
	}
	c.Disconnect()
	r.wantEnd(second, alice, wasim.ErrGone)

	c, again := r.scan(alice)
	if err = c.assert(key); err != nil {
		t.Fatalf("on a new connection: %v", err)
	}
	c.confirmation()
	r.finish(c, alice, again)
}

// A code makes a new secret, so a second one on the same connection does.
func TestSecondCodeOnTheSameConnection(t *testing.T) {
	r := newRig(t, nil)
	alice, key := r.passkeyAccount("15550000001", passkey.Demand{})
	c, _ := r.qr()
	var linking *wasim.Linking
	for range 2 {
		c.forget()
		code, err := c.PairPhone(r.ctx, alice.Number(), true, whatsmeow.PairClientChrome, "Chrome (Linux)")
		if err != nil {
			t.Fatal(err)
		}
		if linking, err = alice.StartCode(r.ctx, code); err != nil {
			t.Fatal(err)
		}
		await[*events.PairPasskeyRequest](c, "PairPasskeyRequest", nil)
	}
	if err := c.assert(key); err != nil {
		t.Fatal(err)
	}
	c.confirmation()
	r.finish(c, alice, linking)
}
