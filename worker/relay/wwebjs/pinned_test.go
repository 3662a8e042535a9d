package wwebjs

import (
	"testing"
	"time"

	"go.mau.fi/whatsmeow/proto/waCommon"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"google.golang.org/protobuf/proto"

	"whatsapp-manager/worker/shape"
)

func TestPinnedMessages(t *testing.T) {
	r := newRig(t)
	bob := r.Contact("15550000002", "Bob")
	const chat = "15550000002@c.us"
	mine := ask[shape.Message](r, "sendMessage", chat, "by us")
	theirs := r.Say(bob, "by Bob")
	pinned := func() (bodies []string) {
		for _, m := range ask[[]shape.Message](r, "getPinnedMessages", chat) {
			bodies = append(bodies, m.Body)
		}
		return bodies
	}
	if got := pinned(); len(got) != 0 {
		t.Fatalf("pinned at first: %v", got)
	}
	ask[bool](r, "Message.pin", mine.ID.Serialized, 86400)
	r.Arrived(bob, "pin", func(m *waE2E.Message) bool { return m.GetPinInChatMessage().GetKey().GetID() == mine.ID.ID })
	if got := pinned(); len(got) != 1 || got[0] != "by us" {
		t.Errorf("after our pin: %v", got)
	}
	// Bob pins his own, for no time to speak of, and then for a day.
	pin := func(seconds uint32, at time.Time) {
		if _, err := bob.Phone().SendMessage(r.Ctx, r.Me.PN(), &waE2E.Message{
			PinInChatMessage: &waE2E.PinInChatMessage{
				Key:  &waCommon.MessageKey{RemoteJID: proto.String(r.Me.PN().String()), FromMe: proto.Bool(true), ID: &theirs},
				Type: waE2E.PinInChatMessage_PIN_FOR_ALL.Enum(), SenderTimestampMS: proto.Int64(at.UnixMilli()),
			},
			MessageContextInfo: &waE2E.MessageContextInfo{MessageAddOnDurationInSecs: &seconds},
		}); err != nil {
			t.Fatal(err)
		}
	}
	pin(86400, time.Now())
	r.Eventually("both, Bob's first", func() bool { got := pinned(); return len(got) == 2 && got[0] == "by Bob" })
	// A late arrival of something older changes nothing; a lapsed pin is none.
	pin(1, time.Now().Add(-time.Hour))
	if _, err := r.Pool.Exec(r.Ctx, `update pins set until = $1 where message_id = $2`, time.Now().Add(-time.Minute).Unix(), mine.ID.ID); err != nil {
		t.Fatal(err)
	}
	r.Eventually("only Bob's", func() bool { got := pinned(); return len(got) == 1 && got[0] == "by Bob" })
	ask[bool](r, "Message.unpin", "false_"+chat+"_"+theirs)
	if got := ask[[]shape.Message](r, "Chat.getPinnedMessages", chat); len(got) != 0 {
		t.Errorf("after unpinning: %d", len(got))
	}
}
