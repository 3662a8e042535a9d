package wasim_test

import (
	"errors"
	"testing"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/types/events"

	"whatsapp-manager/worker/wasim/phone"
)

func TestPairByQR(t *testing.T) {
	r := newRig(t, nil)
	alice := r.account("15550000001", "Alice")
	c, d := r.pair(alice)
	if c.Store.ID.String() != d.JID().String() || c.Store.LID != d.LID() {
		t.Fatalf("client is %s / %s, device %s / %s", c.Store.ID, c.Store.LID, d.JID(), d.LID())
	}
	if d.Logins() != 1 || !d.Connected() {
		t.Fatalf("logins %d, connected %v", d.Logins(), d.Connected())
	}
	await[*events.HistorySync](c, "history", nil)
	await[*events.OfflineSyncCompleted](c, "end of the offline queue", nil)
}

func TestPairByCode(t *testing.T) {
	r := newRig(t, nil)
	alice := r.account("15550000001", "Alice")
	c := r.newClient()
	if err := c.ConnectContext(r.ctx); err != nil {
		t.Fatal(err)
	}
	await[*events.QR](c, "QR", nil)
	if err := alice.EnterCode(r.ctx, "ABCD-EFGH"); err == nil {
		t.Fatal("a code nobody asked for was accepted")
	}
	if _, err := c.PairPhone(r.ctx, "15559999999", true, whatsmeow.PairClientChrome, "Chrome (Linux)"); err == nil {
		t.Fatal("an unknown number was accepted")
	}
	code, err := c.PairPhone(r.ctx, alice.Number(), true, whatsmeow.PairClientChrome, "Chrome (Linux)")
	if err != nil {
		t.Fatal(err)
	}
	wrong := "A" + code[1:]
	if wrong == code {
		wrong = "B" + code[1:]
	}
	if err = alice.EnterCode(r.ctx, wrong); !errors.Is(err, phone.ErrLinkCode) {
		t.Fatalf("wrong code: %v", err)
	}
	if err = alice.EnterCode(r.ctx, code); err != nil {
		t.Fatalf("right code: %v", err)
	}
	r.idle(c, alice)
	await[*events.PairSuccess](c, "PairSuccess", nil)
}

func TestPairRejectsForeignQR(t *testing.T) {
	r := newRig(t, nil)
	alice := r.account("15550000001", "Alice")
	if err := alice.ScanQR(r.ctx, "not a code"); !errors.Is(err, phone.ErrQR) {
		t.Fatalf("scan nonsense: %v", err)
	}
}
