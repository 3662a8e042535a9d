package wasim_test

import (
	"errors"
	"testing"
	"time"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/types/events"

	"whatsapp-manager/worker/wasim"
)

// TestConnectionFaults breaks the connection in every way after which the client
// comes back by itself, and expects it back with nothing lost.
func TestConnectionFaults(t *testing.T) {
	r := newRig(t, nil)
	alice, bob := r.account("15550000001", "Alice"), r.account("15550000002", "Bob")
	c, d := r.pair(alice)
	for name, fault := range map[string]func(){
		"reset":         d.Drop,
		"clean close":   d.CloseClean,
		"mid frame":     d.DropMidFrame,
		"503":           func() { d.StreamError(503) },
		"515":           func() { d.StreamError(515) },
		"stream end":    d.StreamEnd,
		"garbage":       func() { d.Garbage(64); d.CloseClean() },
		"unknown error": func() { d.StreamError(599) },
	} {
		t.Run(name, func(t *testing.T) {
			logins, connection := d.Logins(), d.ConnectionID()
			fault()
			r.say(bob, alice.PN(), "during "+name)
			if err := d.WaitLogins(r.ctx, logins+1); err != nil {
				t.Fatal(err)
			}
			c.awaitText("during " + name)
			if d.ConnectionID() == connection {
				t.Error("connection unchanged")
			}
			if err := d.WaitIdle(r.ctx); err != nil {
				t.Fatal(err)
			}
			if n := c.texts("during " + name); n != 1 {
				t.Errorf("message came %d times", n)
			}
		})
	}
}

func TestBlackHole(t *testing.T) {
	r := newRig(t, nil)
	alice, bob := r.account("15550000001", "Alice"), r.account("15550000002", "Bob")
	c, d := r.pair(alice)

	d.BlackHole()
	r.say(bob, alice.PN(), "into the hole")
	await[*events.KeepAliveTimeout](c, "keepalive timeout", nil)
	if c.texts("into the hole") != 0 {
		t.Fatal("a black hole let a message through")
	}
	d.Resume()
	c.awaitText("into the hole")
	if d.Logins() != 1 {
		t.Fatalf("%d logins after resuming", d.Logins())
	}

	d.BlackHole()
	r.say(bob, alice.PN(), "across connections")
	if err := d.WaitLogins(r.ctx, 2); err != nil {
		t.Fatal(err)
	}
	c.awaitText("across connections")
}

func TestLogOut(t *testing.T) {
	r := newRig(t, nil)
	// whatsmeow's Logout races with a notification that is still being handled.
	r.syncAck = true
	alice := r.account("15550000001", "Alice")
	c, d := r.pair(alice)
	other, keep := r.pair(alice)
	d.LogOut()
	if out := await[*events.LoggedOut](c, "LoggedOut", nil); out.OnConnect {
		t.Error("logged out on connect")
	}
	if len(alice.Devices()) != 1 || !d.Removed() || keep.Removed() {
		t.Fatalf("devices %v", alice.Devices())
	}
	if err := keep.WaitIdle(r.ctx); err != nil {
		t.Fatal(err)
	}
	if err := other.Logout(r.ctx); err != nil {
		t.Fatalf("log out by the client: %v", err)
	}
	if len(alice.Devices()) != 0 {
		t.Fatal("a device stayed after its own logout")
	}
}

func TestReplacedStream(t *testing.T) {
	r := newRig(t, nil)
	c, d := r.pair(r.account("15550000001", "Alice"))
	d.ReplaceStream()
	await[*events.StreamReplaced](c, "StreamReplaced", nil)
}

func TestRefusedLogins(t *testing.T) {
	r := newRig(t, nil)
	alice := r.account("15550000001", "Alice")
	c, d := r.pair(alice)
	reconnect := func() {
		t.Helper()
		c.Disconnect()
		if err := d.WaitDisconnected(r.ctx); err != nil {
			t.Fatal(err)
		}
		c.forget()
		if err := c.ConnectContext(r.ctx); err != nil {
			t.Fatal(err)
		}
	}
	d.RefuseLogin(405, 1)
	reconnect()
	await[*events.ClientOutdated](c, "ClientOutdated", nil)

	alice.TemporaryBan(102, time.Hour, 1)
	reconnect()
	if ban := await[*events.TemporaryBan](c, "TemporaryBan", nil); ban.Code != 102 || ban.Expire != time.Hour {
		t.Errorf("ban %+v", ban)
	}
	r.RefuseLogin(400, 1)
	reconnect()
	await[*events.ConnectFailure](c, "ConnectFailure", nil)

	d.RefuseLogin(503, 1)
	logins := d.Logins()
	reconnect()
	if err := d.WaitLogins(r.ctx, logins+1); err != nil {
		t.Fatal(err)
	}
	d.RefuseLogin(403, 1)
	reconnect()
	if out := await[*events.LoggedOut](c, "LoggedOut", nil); !out.OnConnect {
		t.Error("not logged out on connect")
	}
}

func TestRefusedUpgrade(t *testing.T) {
	r := newRig(t, nil)
	c := r.newClient()
	r.RefuseUpgrade(503, 1)
	if err := c.ConnectContext(r.ctx); err == nil {
		t.Fatal("connected through a refused upgrade")
	}
	if err := c.ConnectContext(r.ctx); err != nil {
		t.Fatal(err)
	}
}

func TestRequestFaults(t *testing.T) {
	r := newRig(t, nil)
	alice, bob := r.account("15550000001", "Alice"), r.account("15550000002", "Bob")
	c, d := r.pair(alice)
	d.IQError("w:g2", 429, 1)
	if _, err := c.GetJoinedGroups(r.ctx); !errors.Is(err, whatsmeow.ErrIQRateOverLimit) {
		t.Errorf("groups: %v", err)
	}
	if _, err := c.GetJoinedGroups(r.ctx); err != nil {
		t.Errorf("groups after the fault: %v", err)
	}
	d.MessageError(463, 1)
	if _, err := c.SendMessage(r.ctx, bob.PN(), textMessage("refused")); !errors.Is(err, whatsmeow.ErrServerReturnedError) {
		t.Errorf("send: %v", err)
	}
	c.send(bob.PN(), "accepted")
	r.awaitReceived(bob, "accepted")

	d.CorruptMessages(1)
	c.send(bob.PN(), "mended")
	if m := r.awaitReceived(bob, "mended"); m.Retry == 0 {
		t.Error("arrived without a retry")
	}
	bob.CorruptMessages(1)
	r.say(bob, alice.PN(), "mended too")
	c.awaitText("mended too")

	c.forget()
	r.say(bob, alice.PN(), "once")
	c.awaitText("once")
	if !d.RepeatLast() {
		t.Fatal("nothing to repeat")
	}
	r.say(bob, alice.PN(), "next")
	c.awaitText("next")
	if n := c.texts("once"); n != 1 {
		t.Errorf("a repeated message raised %d events", n)
	}

	d.Delay(300 * time.Millisecond)
	start := time.Now()
	c.send(bob.PN(), "slow")
	if took := time.Since(start); took < 300*time.Millisecond {
		t.Errorf("a delayed answer took %s", took)
	}
	d.Delay(0)
}

func TestOnlyLoopback(t *testing.T) {
	for _, address := range []string{"0.0.0.0:0", ":0", "192.0.2.1:80", "localhost:0", "nonsense"} {
		t.Run(address, func(t *testing.T) {
			if err := (&wasim.Server{Listen: address}).Run(t.Context()); err == nil {
				t.Error("listened")
			}
		})
	}
}
