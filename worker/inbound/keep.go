package inbound

import (
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types/events"

	"whatsapp-manager/worker/shape"
)

// Keep keeps a message for everybody that would have disappeared, or no longer does.
type Keep struct {
	Chat, Target string
	ID           string // of the message that said so
	FromMe       bool
	By           string
	On           bool
	AtMs         int64 // by the clock of the person who did it
}

// Concerns returns the message that was kept.
func (o *Keep) Concerns() (chat, id string) { return o.Chat, o.Target }

func (*Keep) op() {}

func (t *translator) keep(e *events.Message, m *waE2E.KeepInChatMessage) Op {
	if m.GetKey().GetID() == "" || m.GetKeepType() == waE2E.KeepType_UNKNOWN_KEEP_TYPE {
		return nil
	}
	chat, _ := t.chat(e.Info.MessageSource)
	return &Keep{
		Chat: chat, Target: shape.CleanMessageID(m.GetKey().GetID()), ID: shape.CleanMessageID(e.Info.ID),
		FromMe: e.Info.IsFromMe, By: t.sender(e.Info.MessageSource),
		On: m.GetKeepType() == waE2E.KeepType_KEEP_FOR_ALL, AtMs: sentAt(e, m.GetTimestampMS()),
	}
}
