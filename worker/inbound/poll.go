package inbound

import (
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types/events"

	"whatsapp-manager/worker/addon"
	"whatsapp-manager/worker/message"
	"whatsapp-manager/worker/shape"
)

// AddedOption adds an option to an earlier poll whose author allows that.
type AddedOption struct {
	Chat   string
	Target string
	ID     string // of the message that carried the option
	FromMe bool
	Sender string
	Name   string
	Raw    *waE2E.Message // as it was written
}

// Concerns returns the poll.
func (o *AddedOption) Concerns() (chat, id string) { return o.Chat, o.Target }

func (*AddedOption) op() {}

// sealedOption opens an option for a poll. WhatsApp Web seals it with the label of its own
// (WAWebAddonEncryption), and whatsmeow opens it with the one of edits: a phone may use
// either.
func (t *translator) sealedOption(e *events.Message, m *waE2E.SecretEncryptedMessage) Op {
	content := &waE2E.Message{}
	if !t.open(e, addon.PollAddOption, m, m.GetTargetMessageKey(), content) &&
		(t.err != nil || !t.open(e, addon.PollEdit, m, m.GetTargetMessageKey(), content)) {
		return nil
	}
	added := message.Unwrap(content).Message.GetPollAddOptionMessage()
	if added == nil {
		t.unreadable = unreadableKinds[addon.PollAddOption]
		return nil
	}
	added.PollCreationMessageKey = m.GetTargetMessageKey()
	return t.option(e, added)
}

func (t *translator) option(e *events.Message, m *waE2E.PollAddOptionMessage) Op {
	name := m.GetAddOption().GetOptionName()
	if m.GetPollCreationMessageKey().GetID() == "" || name == "" {
		return nil
	}
	chat, _ := t.chat(e.Info.MessageSource)
	return &AddedOption{
		Chat: chat, Target: shape.CleanMessageID(m.GetPollCreationMessageKey().GetID()), ID: shape.CleanMessageID(e.Info.ID),
		FromMe: e.Info.IsFromMe, Sender: t.sender(e.Info.MessageSource), Name: name,
		Raw: &waE2E.Message{PollAddOptionMessage: m},
	}
}
