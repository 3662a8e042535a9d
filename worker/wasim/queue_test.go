package wasim_test

import (
	"fmt"
	"testing"
	"time"

	"go.mau.fi/whatsmeow/types/events"
)

func TestOfflineQueueKeepsOrder(t *testing.T) {
	r := newRig(t, nil)
	alice, bob := r.account("15550000001", "Alice"), r.account("15550000002", "Bob")
	c, d := r.pair(alice)
	c.Disconnect()
	if err := d.WaitDisconnected(r.ctx); err != nil {
		t.Fatal(err)
	}
	const n = 20
	for i := range n {
		r.say(bob, alice.PN(), fmt.Sprintf("queued %d", i))
	}
	if d.Pending() != n {
		t.Fatalf("%d pending", d.Pending())
	}
	c.forget()
	if err := c.ConnectContext(r.ctx); err != nil {
		t.Fatal(err)
	}
	preview := await[*events.OfflineSyncPreview](c, "preview", nil)
	if preview.Messages != n || preview.Total != n {
		t.Errorf("preview %+v", preview)
	}
	await[*events.OfflineSyncCompleted](c, "end of the queue", nil)
	if err := d.WaitIdle(r.ctx); err != nil {
		t.Fatal(err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	next := 0
	for _, event := range c.events {
		if m, ok := event.(*events.Message); ok {
			if want := fmt.Sprintf("queued %d", next); text(m) != want {
				t.Fatalf("got %q, want %q", text(m), want)
			}
			next++
		}
	}
	if next != n {
		t.Errorf("%d messages", next)
	}
}

func TestUnacknowledgedMessageComesBack(t *testing.T) {
	r := newRig(t, nil)
	alice, bob := r.account("15550000001", "Alice"), r.account("15550000002", "Bob")
	r.syncAck = true
	c, d := r.pair(alice)
	refused := make(chan string, 8)
	c.mu.Lock()
	c.refuse = func(event any) bool {
		if m, ok := event.(*events.Message); ok {
			refused <- m.Info.ID
			return true
		}
		return false
	}
	c.mu.Unlock()
	id := r.say(bob, alice.PN(), "keep me")
	select {
	case got := <-refused:
		if got != id {
			t.Fatalf("refused %s", got)
		}
	case <-r.ctx.Done():
		t.Fatal("message did not arrive")
	}
	if d.Pending() != 1 {
		t.Fatalf("%d pending after a failed handler", d.Pending())
	}
	c.mu.Lock()
	c.refuse = nil
	c.mu.Unlock()
	d.Drop()
	if err := d.WaitLogins(r.ctx, 2); err != nil {
		t.Fatal(err)
	}
	if m := c.awaitText("keep me"); m.Info.ID != id {
		t.Errorf("got %s again, want %s", m.Info.ID, id)
	}
	if err := d.WaitIdle(r.ctx); err != nil {
		t.Fatal(err)
	}
	// Now that it is acknowledged it is gone for good.
	before := c.texts("keep me")
	d.Drop()
	if err := d.WaitLogins(r.ctx, 3); err != nil {
		t.Fatal(err)
	}
	r.say(bob, alice.PN(), "after")
	c.awaitText("after")
	if after := c.texts("keep me"); after != before {
		t.Errorf("acknowledged message came %d times more", after-before)
	}
}

func TestPrekeysAreReplenished(t *testing.T) {
	r := newRig(t, nil)
	alice, bob := r.account("15550000001", "Alice"), r.account("15550000002", "Bob")
	_, d := r.pair(alice)
	start := d.Prekeys()
	if start < 800 {
		t.Fatalf("%d one-time keys after pairing", start)
	}
	for d.Prekeys() >= 5 {
		if _, err := r.Bundle(d.LID()); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.WaitIdle(r.ctx); err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(20 * time.Second)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for d.Prekeys() < 50 {
		if time.Now().After(deadline) {
			t.Fatalf("%d one-time keys left", d.Prekeys())
		}
		<-tick.C
	}
	r.say(bob, alice.PN(), "with a fresh key")
	r.awaitReceived(alice, "with a fresh key")
}
