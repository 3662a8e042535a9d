package wwebjs

import (
	"errors"
	"testing"

	"go.mau.fi/whatsmeow/proto/waHistorySync"
	"go.mau.fi/whatsmeow/types/events"

	"whatsapp-manager/worker/mirror"
	"whatsapp-manager/worker/relay/relaytest"
	"whatsapp-manager/worker/shape"
)

func TestOlderMessagesAreAskedOfThePhone(t *testing.T) {
	r := newRig(t)
	bob := r.Contact("15550000002", "Bob")
	for _, text := range []string{"first", "second", "third"} {
		r.Say(bob, text)
	}
	const chat = "15550000002@c.us"
	r.Eventually("all in the mirror", func() bool { return len(ask[[]shape.Message](r, "Chat.fetchMessages", chat)) == 3 })
	// As if the history had begun with the last one.
	if _, err := r.Pool.Exec(r.Ctx, `delete from messages where instance_id = $1 and body in ('first', 'second')`, relaytest.Instance); err != nil {
		t.Fatal(err)
	}
	if r.Raw("Chat.syncHistory", chat) != "true" {
		t.Fatal("nothing was asked")
	}
	await(r, "history", func(e *events.HistorySync) bool { return e.Data.GetSyncType() == waHistorySync.HistorySync_ON_DEMAND })
	r.Eventually("the older ones again", func() bool {
		bodies := map[string]bool{} // all of one second, so in no order
		for _, m := range ask[[]shape.Message](r, "Chat.fetchMessages", chat) {
			bodies[m.Body] = true
		}
		return bodies["first"] && bodies["second"] && bodies["third"]
	})
	if r.Raw("syncHistory", "15559999999@c.us") != "false" {
		t.Error("a chat without messages was asked for")
	}
	if _, err := r.Mirror.Oldest(r.Ctx, "15559999999@c.us"); !errors.Is(err, mirror.ErrNotFound) {
		t.Errorf("oldest of nothing: %v", err)
	}
}
