package passkey_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	waBinary "go.mau.fi/whatsmeow/binary"

	"whatsapp-manager/worker/wasim/passkey"
)

func TestProofStandsInForTheCode(t *testing.T) {
	for _, tc := range []struct {
		name    string
		demand  passkey.Demand
		proves  bool
		after   time.Duration
		confirm bool
	}{
		{"with a proof", passkey.Demand{}, true, 0, false},
		{"without a proof", passkey.Demand{}, false, 0, true},
		{"with a proof in time", passkey.Demand{}, true, 5*time.Minute - 1, false},
		{"with a late proof", passkey.Demand{}, true, 5 * time.Minute, true},
		{"with a proof of a shorter life", passkey.Demand{ProofLifetime: time.Second}, true, time.Second, true},
		{"with a proof that is not enough", passkey.Demand{AlwaysConfirm: true}, true, 0, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newCompanion(t, tc.demand)
				time.Sleep(tc.after) // of the bubble's clock
				c.upTo(passkey.StepConfirm, tc.proves)
				s := c.ceremony.Status()
				if s.Confirm != tc.confirm || s.Code != c.code() {
					t.Errorf("status %+v; the companion shows %s", s, c.code())
				}
				secret := randomBytes(32)
				code, _ := c.ask("encrypted_pairing_request", c.request(c.noise, c.identity, secret))
				if tc.confirm {
					if code != -1 || !c.ceremony.Status().Sent {
						t.Errorf("answered by %d before the phone confirmed", code)
					}
					if err := c.ceremony.Confirm(c.code()); err != nil {
						t.Error(err)
					}
					code, _ = c.answered()
				}
				if code != 0 {
					t.Errorf("refused by %d", code)
				}
				got, err := c.ceremony.Wait(t.Context())
				if err != nil || !slices.Equal(got, secret) {
					t.Errorf("secret differs, or %v", err)
				}
			})
		})
	}
}

func TestPrologueIsChecked(t *testing.T) {
	drop := func(tag string) func(*companion, []waBinary.Node) []waBinary.Node {
		return func(_ *companion, nodes []waBinary.Node) []waBinary.Node {
			return slices.DeleteFunc(nodes, func(n waBinary.Node) bool { return n.Tag == tag })
		}
	}
	set := func(tag string, content []byte) func(*companion, []waBinary.Node) []waBinary.Node {
		return func(_ *companion, nodes []waBinary.Node) []waBinary.Node {
			i := slices.IndexFunc(nodes, func(n waBinary.Node) bool { return n.Tag == tag })
			nodes[i].Content = content
			return nodes
		}
	}
	for _, tc := range []struct {
		name  string
		wrong func(*companion, []waBinary.Node) []waBinary.Node
		code  int
	}{
		{"no payload", drop("prologue_payload"), 400},
		{"payload that cannot be read", set("prologue_payload", []byte{255}), 400},
		{"no assertion", drop("webauthn_assertion"), 401},
		{"assertion that cannot be read", set("webauthn_assertion", []byte("{")), 401},
		{"no credential", drop("credential_id"), 401},
		{"another credential beside the assertion", set("credential_id", []byte{1}), 401},
		{"empty proof", set("pairing_handoff_proof", nil), 401},
		{"wrong proof", set("pairing_handoff_proof", make([]byte, 32)), 401},
		{"proof of another secret", func(c *companion, _ []waBinary.Node) []waBinary.Node { return c.prologue(randomBytes(32)) }, 401},
		{"another ref", func(c *companion, _ []waBinary.Node) []waBinary.Node {
			defer func(ref string) { c.ref = ref }(c.ref)
			c.ref = "another"
			return c.prologue(c.secret)
		}, 401},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := newCompanion(t, passkey.Demand{})
			c.upTo(passkey.StepAssertion, true)
			if code, _ := c.ask("passkey_prologue", tc.wrong(c, c.prologue(c.secret))); code != tc.code {
				t.Errorf("answered by %d, want %d", code, tc.code)
			}
			if s := c.ceremony.Status(); s.Step != passkey.StepAssertion || s.Refusal == "" {
				t.Errorf("status %+v", s)
			}
			if code, _ := c.ask("passkey_prologue", c.prologue(c.secret)); code != 0 {
				t.Errorf("the right one was refused by %d", code)
			}
		})
	}
}

func TestNonceIsTheOneCommittedTo(t *testing.T) {
	for _, tc := range []struct {
		name  string
		nonce []byte
		code  int
	}{{"another", randomBytes(32), 401}, {"short", randomBytes(31), 400}, {"none", nil, 400}} {
		t.Run(tc.name, func(t *testing.T) {
			c := newCompanion(t, passkey.Demand{})
			c.upTo(passkey.StepNonce, true)
			if code, _ := c.ask("companion_nonce", tc.nonce); code != tc.code {
				t.Errorf("answered by %d, want %d", code, tc.code)
			}
			if s := c.ceremony.Status(); s.Code != "" || s.Step != passkey.StepNonce {
				t.Errorf("status %+v", s)
			}
		})
	}
}

func TestKeysAreThoseOfTheConnection(t *testing.T) {
	for _, tc := range []struct {
		name    string
		request func(*companion) []byte
		code    int
	}{
		{"another noise key", func(c *companion) []byte { return c.request(randomBytes(32), c.identity, randomBytes(32)) }, 401},
		{"another identity", func(c *companion) []byte { return c.request(c.noise, randomBytes(32), randomBytes(32)) }, 401},
		{"short secret", func(c *companion) []byte { return c.request(c.noise, c.identity, randomBytes(16)) }, 400},
		{"another key agreed", func(c *companion) []byte {
			c.ref = "another"
			return c.request(c.noise, c.identity, randomBytes(32))
		}, 401},
		{"nothing", func(*companion) []byte { return nil }, 400},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := newCompanion(t, passkey.Demand{})
			c.upTo(passkey.StepConfirm, true)
			if code, _ := c.ask("encrypted_pairing_request", tc.request(c)); code != tc.code {
				t.Errorf("answered by %d, want %d", code, tc.code)
			}
			if s := c.ceremony.Status(); s.Step != passkey.StepConfirm || s.Sent {
				t.Errorf("status %+v", s)
			}
		})
	}
}

func TestTimeRunsOut(t *testing.T) {
	t.Run("for the assertion", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			c := newCompanion(t, passkey.Demand{})
			c.askRef()
			begun := time.Now()
			if _, err := c.ceremony.Wait(t.Context()); !errors.Is(err, passkey.ErrExpired) {
				t.Error(err)
			}
			if took := time.Since(begun); took != 10*time.Minute {
				t.Errorf("expired after %s", took)
			}
			if code, _ := c.ask("passkey_prologue", c.prologue(c.secret)); code != 410 {
				t.Errorf("answered by %d", code)
			}
		})
	})
	t.Run("anew for the rest, and while the phone thinks", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			c := newCompanion(t, passkey.Demand{AlwaysConfirm: true})
			time.Sleep(9 * time.Minute)
			c.upTo(passkey.StepConfirm, true)
			time.Sleep(9 * time.Minute)
			if code, _ := c.ask("encrypted_pairing_request", c.request(c.noise, c.identity, randomBytes(32))); code != -1 {
				t.Fatalf("answered by %d", code)
			}
			if _, err := c.ceremony.Wait(t.Context()); !errors.Is(err, passkey.ErrExpired) {
				t.Error(err)
			}
			if code, _ := c.answered(); code != 410 {
				t.Errorf("answered by %d", code)
			}
			if err := c.ceremony.Confirm(c.code()); !errors.Is(err, passkey.ErrNoCode) {
				t.Errorf("confirmed afterwards: %v", err)
			}
		})
	})
}

func TestWaitersHearTheEnd(t *testing.T) {
	c := newCompanion(t, passkey.Demand{})
	if !c.ceremony.End(passkey.ErrRejected) || c.ceremony.End(passkey.ErrExpired) {
		t.Error("it ends once")
	}
	_, err := c.ceremony.Until(t.Context(), func(s passkey.Status) bool { return s.Step == passkey.StepConfirm })
	if !errors.Is(err, passkey.ErrOver) {
		t.Error(err)
	}
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err = newCompanion(t, passkey.Demand{}).ceremony.Wait(canceled); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestDemandNeedsAUsableCredential(t *testing.T) {
	good, err := passkey.NewCredential()
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name  string
		spoil func(*passkey.Credential)
	}{
		{"no id", func(c *passkey.Credential) { c.ID = nil }},
		{"long id", func(c *passkey.Credential) { c.ID = make([]byte, 1024) }},
		{"no user handle", func(c *passkey.Credential) { c.UserHandle = nil }},
		{"long user handle", func(c *passkey.Credential) { c.UserHandle = make([]byte, 65) }},
		{"no key", func(c *passkey.Credential) { c.PrivateKey = nil }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			bad := good
			tc.spoil(&bad)
			if _, err := (passkey.Demand{Credential: bad}).Complete(); !errors.Is(err, passkey.ErrCredential) {
				t.Error(err)
			}
		})
	}
}
