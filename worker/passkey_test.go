package worker_test

import (
	"testing"
	"time"

	"whatsapp-manager/proto/fault"
	workerv1 "whatsapp-manager/proto/worker/v1"
	"whatsapp-manager/supervisor/store/storetest"
	"whatsapp-manager/worker/wasim/passkey"
	"whatsapp-manager/worker/wasim/passkey/authenticator"
)

// An answer that comes after the proof's time: somebody has to compare the code. Before
// that, more time passes than three rounds of codes have, and no timer ends the ceremony.
func TestACodeIsComparedAfterALatePasskey(t *testing.T) {
	t.Parallel()
	const life = 50 * time.Millisecond
	for name, tc := range map[string]struct {
		matches bool
		state   workerv1.LinkState
	}{"the same": {true, online}, "another": {false, unpaired}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, storetest.NewURL(t))
			demand, err := w.account.DemandPasskey(passkey.Demand{})
			if err != nil {
				t.Fatal(err)
			}
			// Codes live long enough to be scanned on a slow machine, the proof does not.
			w.env = append(w.env, codeLife+"=500ms", proofLife+"="+life.String())
			p := w.start().attach()
			w.eventually("a code that can be scanned", func() bool {
				_, err := w.account.StartQR(p.state(pairing).GetQr())
				return err == nil
			})
			asked := p.link("the passkey", func(l *workerv1.Link) bool { return l.GetLinking().GetPasskey() != nil })
			rounds := 3 * 8 * 500 * time.Millisecond
			select {
			case <-time.After(rounds): // it is this time that must do nothing
			case <-w.ctx.Done():
			}
			answer, err := authenticator.Authenticator{Credential: authenticator.Credential(demand.Credential)}.
				Get(asked.GetLinking().GetPasskey().GetOptions())
			if err != nil {
				t.Fatal(err)
			}
			if _, err := p.AnswerPasskey(w.ctx, &workerv1.AnswerPasskeyRequest{Response: answer}); err != nil {
				t.Fatal(err)
			}
			shown := p.link("a code to compare", func(l *workerv1.Link) bool { return l.GetLinking().GetConfirmation().GetRequired() })
			w.eventually("the phone's code", func() bool {
				all := w.account.Ceremonies()
				return all[len(all)-1].Status().Code == shown.GetLinking().GetConfirmation().GetCode()
			})
			if _, err := p.AnswerPasskey(w.ctx, &workerv1.AnswerPasskeyRequest{Response: answer}); !fault.Is(fault.FromGRPC("test", err), fault.Conflict) {
				t.Errorf("answered twice: %v", err)
			}
			if _, err := p.ConfirmPasskey(w.ctx, &workerv1.ConfirmPasskeyRequest{Matches: tc.matches}); err != nil {
				t.Fatal(err)
			}
			p.state(tc.state)
			if n := len(w.account.Devices()); (n == 1) != tc.matches {
				t.Errorf("%d devices", n)
			}
		})
	}
}
