package wasim_test

import (
	"testing"

	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"

	"whatsapp-manager/worker/wasim"
)

func TestTextBothWays(t *testing.T) {
	for name, settings := range map[string]func(*wasim.Server){
		"lid": nil,
		"pn":  func(s *wasim.Server) { s.DirectByPhoneNumber = true },
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, settings)
			alice, bob := r.account("15550000001", "Alice"), r.account("15550000002", "Bob")
			c, d := r.pair(alice)

			sent := c.send(bob.PN(), "hello bob")
			got := r.awaitReceived(bob, "hello bob")
			if got.ID != sent.ID || got.PN != alice.PN() {
				t.Errorf("bob got %s from %s", got.ID, got.PN)
			}
			await(c, "delivery receipt", func(e *events.Receipt) bool {
				return e.MessageIDs[0] == sent.ID && e.Type == types.ReceiptTypeDelivered
			})
			if err := bob.Phone().MarkRead(r.ctx, alice.LID(), alice.LID(), sent.ID); err != nil {
				t.Fatal(err)
			}
			await(c, "read receipt", func(e *events.Receipt) bool {
				return e.MessageIDs[0] == sent.ID && e.Type == types.ReceiptTypeRead
			})
			if r.awaitReceived(alice, "hello bob"); !alice.Phone().Received()[0].Own {
				t.Error("alice's phone does not know the message as her own")
			}

			for _, body := range []string{"hello alice", "are you there?"} {
				id := r.say(bob, alice.PN(), body)
				m := c.awaitText(body)
				if m.Info.ID != id || m.Info.PushName != "Bob" || m.Info.IsFromMe {
					t.Errorf("alice got %+v", m.Info)
				}
				r.awaitReceipt(bob, id, "inactive")
			}
			m := c.awaitText("hello alice")
			if err := c.MarkRead(r.ctx, []string{m.Info.ID}, m.Info.Timestamp, m.Info.Chat, m.Info.Sender); err != nil {
				t.Fatal(err)
			}
			r.awaitReceipt(bob, m.Info.ID, "read")
			if err := d.WaitIdle(r.ctx); err != nil {
				t.Fatal(err)
			}
			if d.Logins() != 1 {
				t.Errorf("%d logins", d.Logins())
			}
			if unknown := r.Unknown(); len(unknown) > 0 {
				t.Errorf("unknown requests: %v", unknown)
			}
		})
	}
}

func TestSecondCompanion(t *testing.T) {
	r := newRig(t, nil)
	alice, bob := r.account("15550000001", "Alice"), r.account("15550000002", "Bob")
	one, d1 := r.pair(alice)
	one.send(bob.PN(), "before")
	two, d2 := r.pair(alice)
	if d1.Number() == d2.Number() {
		t.Fatal("two companions share a number")
	}

	sent := one.send(bob.PN(), "from the first")
	copied := two.awaitText("from the first")
	if copied.Info.ID != sent.ID || !copied.Info.IsFromMe || copied.Info.Chat != bob.LID() {
		t.Errorf("second companion got %+v", copied.Info)
	}
	two.send(bob.PN(), "from the second")
	one.awaitText("from the second")
	r.awaitReceived(bob, "from the second")

	r.say(bob, alice.PN(), "to both")
	one.awaitText("to both")
	two.awaitText("to both")

	r.say(alice, bob.PN(), "from the phone")
	if m := two.awaitText("from the phone"); !m.Info.IsFromMe {
		t.Error("the phone's message is not the account's own")
	}
	// Reading on one companion tells the other.
	m := one.awaitText("to both")
	if err := one.MarkRead(r.ctx, []string{m.Info.ID}, m.Info.Timestamp, m.Info.Chat, m.Info.Sender); err != nil {
		t.Fatal(err)
	}
	await(two, "own read receipt", func(e *events.Receipt) bool {
		return e.IsFromMe && e.MessageIDs[0] == m.Info.ID && e.Type == types.ReceiptTypeRead
	})
}

func TestTwoClientsTalk(t *testing.T) {
	r := newRig(t, nil)
	alice, bob := r.account("15550000001", "Alice"), r.account("15550000002", "Bob")
	a, _ := r.pair(alice)
	b, _ := r.pair(bob)
	a.send(bob.PN(), "ping")
	b.awaitText("ping")
	b.send(alice.PN(), "pong")
	a.awaitText("pong")
	a.send(bob.LID(), "ping again")
	b.awaitText("ping again")
	r.awaitReceived(bob, "ping again")
}
