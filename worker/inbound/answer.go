package inbound

import (
	"strings"

	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types/events"

	"whatsapp-manager/worker/addon"
	"whatsapp-manager/worker/shape"
)

// EventResponse is an answer to an earlier event. Response is going, not_going, maybe or
// unknown.
type EventResponse struct {
	Chat         string
	Target       string
	TargetFromMe bool
	TargetSender string
	ID           string
	FromMe       bool
	Sender       string
	Response     string
	ExtraGuests  int
	AtMs         int64
}

// Concerns returns the event.
func (o *EventResponse) Concerns() (chat, id string) { return o.Chat, o.Target }

func (*EventResponse) op() {}

func (t *translator) eventResponse(e *events.Message, m *waE2E.EncEventResponseMessage) Op {
	key, content := m.GetEventCreationMessageKey(), &waE2E.EventResponseMessage{}
	if key.GetID() == "" || !t.open(e, addon.EventResponse, m, key, content) {
		return nil
	}
	chat, _ := t.chat(e.Info.MessageSource)
	r := &EventResponse{
		Chat: chat, Target: shape.CleanMessageID(key.GetID()), ID: shape.CleanMessageID(e.Info.ID),
		FromMe: e.Info.IsFromMe, Sender: t.sender(e.Info.MessageSource), AtMs: sentAt(e, content.GetTimestampMS()),
		Response: answer(content), ExtraGuests: int(content.GetExtraGuestCount()),
	}
	r.TargetSender, r.TargetFromMe = t.author(e.Info.MessageSource, key)
	return r
}

// answer is going, not_going, maybe or unknown.
func answer(r *waE2E.EventResponseMessage) string {
	if _, known := waE2E.EventResponseMessage_EventResponseType_name[int32(r.GetResponse())]; !known {
		return "unknown"
	}
	return strings.ToLower(r.GetResponse().String())
}
