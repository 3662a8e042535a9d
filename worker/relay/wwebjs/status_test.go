package wwebjs

import (
	"testing"

	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"

	"whatsapp-manager/proto/fault"
	"whatsapp-manager/worker/shape"
)

func TestStatusMessages(t *testing.T) {
	r := newRig(t)
	bob := r.Contact("15550000002", "Bob")
	r.Say(bob, "hello") // so that Bob is among those who see the status
	mine := ask[shape.Message](r, "sendMessage", "status@broadcast", "on holiday")
	theirs, err := bob.Phone().SendText(r.Ctx, types.StatusBroadcastJID, "at work")
	if err != nil {
		t.Fatal(err)
	}
	await(r, "status", func(m *events.Message) bool { return m.Info.ID == theirs && m.Message.GetConversation() != "" })

	all := ask[[]broadcast](r, "getBroadcasts")
	if len(all) != 2 || all[0].ID.Serialized != "15550000002@c.us" || all[0].TotalCount != 1 || all[0].UnreadCount != 1 || all[0].Msgs[0].Body != "at work" || all[1].UnreadCount != 0 {
		t.Fatalf("broadcasts %+v", all)
	}
	for _, method := range []string{"getBroadcastById", "Contact.getBroadcast"} {
		if b := ask[broadcast](r, method, "15550000002@c.us"); b.Timestamp == 0 || len(b.Msgs) != 1 || b.Msgs[0].ID.ID != theirs {
			t.Errorf("%s: %+v", method, b)
		}
	}
	if got := r.Raw("getBroadcastById", "15559999999@c.us"); got != "{}" {
		t.Errorf("of a stranger: %s", got)
	}
	if chat := ask[shape.Chat](r, "Broadcast.getChat", "15550000002@c.us"); chat.ID.Serialized != "15550000002@c.us" {
		t.Errorf("chat %+v", chat)
	}
	if contact := ask[shape.Contact](r, "Broadcast.getContact", "15550000002@c.us"); contact.Pushname != "Bob" {
		t.Errorf("contact %+v", contact)
	}

	if _, err := r.Try("", "revokeStatusMessage", all[0].Msgs[0].ID.Serialized); !fault.Is(err, fault.Invalid) {
		t.Errorf("somebody else's status: %v", err)
	}
	ask[any](r, "revokeStatusMessage", mine.ID.Serialized)
	if all := ask[[]broadcast](r, "getBroadcasts"); len(all) != 1 {
		t.Errorf("after the revocation %+v", all)
	}
}
