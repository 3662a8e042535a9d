package inbound

import (
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/proto/waWeb"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"

	"whatsapp-manager/worker/message"
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
	Count        int   // how often it was kept, where that is more than this once; 0: it is not
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

// pastKeep is a keep that the history has as a message of its own; nil for any other.
func (h *historian) pastKeep(s types.MessageSource, wm *waWeb.WebMessageInfo) *Keep {
	m := message.Read(wm.GetMessage()).Message.GetKeepInChatMessage()
	if m.GetKey().GetID() == "" || m.GetKeepType() == waE2E.KeepType_UNKNOWN_KEEP_TYPE {
		return nil
	}
	chat, _ := h.chat(s)
	k := &Keep{
		Chat: chat, Target: shape.CleanMessageID(m.GetKey().GetID()), ID: shape.CleanMessageID(wm.GetKey().GetID()),
		FromMe: s.IsFromMe, By: h.sender(s), On: m.GetKeepType() == waE2E.KeepType_KEEP_FOR_ALL, AtMs: m.GetTimestampMS(),
	}
	if k.AtMs <= 0 {
		k.AtMs = int64(min(wm.GetMessageTimestamp(), 1<<40)) * 1000
	}
	return k
}
