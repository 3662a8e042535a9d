package inbound

import (
	"go.mau.fi/whatsmeow/proto/waCommon"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"

	"whatsapp-manager/worker/message"
	"whatsapp-manager/worker/shape"
)

// message distinguishes the contents of an events.Message: new messages, and changes to
// earlier ones, which travel in the same way.
func (t *translator) message(e *events.Message) Op {
	raw := e.RawMessage
	if raw == nil {
		raw = e.Message
	}
	u := message.Read(raw)
	switch {
	case u.Role == message.Change:
		return t.changed(e, u)
	case !own(u):
		return nil
	case u.Edited && e.Info.MsgBotInfo.EditTargetID != "":
		return t.edit(e, e.Info.MsgBotInfo.EditTargetID, u.Message, e.Info.MsgBotInfo.EditSenderTimestampMS.UnixMilli())
	case e.NewsletterMeta != nil && !e.NewsletterMeta.EditTS.IsZero() && e.NewsletterMeta.EditTS.UnixMilli() > 0:
		return t.edit(e, e.Info.ID, raw, e.NewsletterMeta.EditTS.UnixMilli())
	}
	created := t.newMessage(e.Info, raw)
	created.Timer = timerIn(created, u.Context)
	return created
}

// own reports whether something is a message of its own, which has its row in a chat,
// whether it came live or from the past.
func own(c message.Content) bool { return c.Role != message.Change && message.HasContent(c.Message) }

// changed is what came about an earlier message or about the chat.
func (t *translator) changed(e *events.Message, c message.Content) Op {
	switch m := c.Message; c.Field {
	case "protocolMessage":
		return t.protocol(e, m.ProtocolMessage)
	case "reactionMessage":
		return t.reaction(e, m.ReactionMessage)
	case "encReactionMessage":
		return t.encReaction(e, m.EncReactionMessage)
	case "pollUpdateMessage":
		return t.vote(e, m.PollUpdateMessage)
	case "encCommentMessage":
		return t.comment(e, m.EncCommentMessage)
	case "encEventResponseMessage":
		return t.eventResponse(e, m.EncEventResponseMessage)
	case "secretEncryptedMessage":
		return t.secretEdit(e, m.SecretEncryptedMessage)
	case "pinInChatMessage":
		return t.pin(e, m)
	case "keepInChatMessage":
		return t.keep(e, m.KeepInChatMessage)
	case "pollAddOptionMessage":
		return t.option(e, m.PollAddOptionMessage)
	}
	return nil
}

func (t *translator) newMessage(info types.MessageInfo, raw *waE2E.Message) *Message {
	chat, broadcast := t.chat(info.MessageSource)
	m := &Message{
		Chat:      chat,
		ID:        shape.CleanMessageID(info.ID),
		FromMe:    info.IsFromMe,
		Sender:    t.sender(info.MessageSource),
		At:        info.Timestamp,
		PushName:  shape.Clean(info.PushName),
		Raw:       raw,
		ServerID:  info.ServerID,
		Broadcast: broadcast,
		Ack:       int(LevelServer),
	}
	t.names(info, m.Sender)
	return m
}

// names keeps the names that a message has of its author.
func (t *translator) names(info types.MessageInfo, sender string) {
	if info.IsFromMe || !shape.IsUser(sender) {
		return
	}
	c := Contact{ID: sender, PushName: shape.Clean(info.PushName)}
	if info.VerifiedName != nil {
		c.BusinessName = shape.Clean(info.VerifiedName.Details.GetVerifiedName())
	}
	if c.PushName != "" || c.BusinessName != "" {
		t.contacts = append(t.contacts, c)
	}
}

// undecryptable is a message whose content may follow. Messages that are meant to be
// hidden are left out: they have nothing that a person would read.
func (t *translator) undecryptable(e *events.UndecryptableMessage) Op {
	if e.DecryptFailMode == events.DecryptFailHide || e.Info.Category == "peer" {
		return nil
	}
	m := t.newMessage(e.Info, nil)
	m.Type = shape.TypeCiphertext
	m.Subtype = placeholder(e)
	return m
}

// placeholder is WhatsApp Web's subtype of a message that WhatsApp does not hand over to
// linked devices; empty for one that could not be decrypted.
func placeholder(e *events.UndecryptableMessage) string {
	switch {
	case !e.IsUnavailable:
		return ""
	case e.UnavailableType == events.UnavailableTypeViewOnce:
		return "view_once_unavailable_fanout"
	case e.Info.Chat.IsBot() || e.Info.Sender.IsBot():
		return "bot_unavailable_fanout"
	case e.Info.IsGroup && e.UnavailableType == "":
		// whatsmeow says the same of a group message whose key has not come yet.
		return ""
	}
	return "fanout"
}

func (t *translator) protocol(e *events.Message, p *waE2E.ProtocolMessage) Op {
	switch p.GetType() {
	case waE2E.ProtocolMessage_REVOKE:
		if p.GetKey().GetID() == "" {
			return nil
		}
		chat, _ := t.chat(e.Info.MessageSource)
		r := &Revoke{
			Chat: chat, Target: shape.CleanMessageID(p.GetKey().GetID()), ID: shape.CleanMessageID(e.Info.ID),
			By: t.sender(e.Info.MessageSource), FromMe: e.Info.IsFromMe, At: e.Info.Timestamp,
			Admin: e.Info.Edit == types.EditAttributeAdminRevoke, Raw: &waE2E.Message{ProtocolMessage: p},
		}
		r.TargetSender, r.TargetFromMe = t.author(e.Info.MessageSource, p.GetKey())
		return r
	case waE2E.ProtocolMessage_MESSAGE_EDIT:
		if p.GetKey().GetID() == "" || p.GetEditedMessage() == nil {
			return nil
		}
		return t.edit(e, p.GetKey().GetID(), p.GetEditedMessage(), p.GetTimestampMS())
	case waE2E.ProtocolMessage_EPHEMERAL_SETTING, waE2E.ProtocolMessage_EPHEMERAL_SYNC_RESPONSE:
		chat, broadcast := t.chat(e.Info.MessageSource)
		if broadcast || !shape.IsUser(chat) {
			return nil
		}
		return &TimerSet{
			Chat: chat, ID: shape.CleanMessageID(e.Info.ID),
			Timer: *newTimer(p.GetEphemeralExpiration(), p.GetEphemeralSettingTimestamp(), e.Info.Timestamp),
		}
	}
	return nil
}

// sentAt is the time by the clock of the sender, in milliseconds. Where the sender gives
// none, it is the time of the message that carried the change.
func sentAt(e *events.Message, senderMs int64) int64 {
	if senderMs > 0 {
		return senderMs
	}
	return e.Info.Timestamp.UnixMilli()
}

func (t *translator) edit(e *events.Message, target string, content *waE2E.Message, atMs int64) Op {
	chat, _ := t.chat(e.Info.MessageSource)
	return &Edit{
		Chat: chat, Target: shape.CleanMessageID(target), ID: shape.CleanMessageID(e.Info.ID),
		FromMe: e.Info.IsFromMe, Sender: t.sender(e.Info.MessageSource), AtMs: sentAt(e, atMs), Raw: content, At: e.Info.Timestamp,
	}
}

func (t *translator) reaction(e *events.Message, r *waE2E.ReactionMessage) Op {
	if r.GetKey().GetID() == "" {
		return nil
	}
	chat, _ := t.chat(e.Info.MessageSource)
	op := &Reaction{
		Chat: chat, Target: shape.CleanMessageID(r.GetKey().GetID()), ID: shape.CleanMessageID(e.Info.ID),
		FromMe: e.Info.IsFromMe, Sender: t.sender(e.Info.MessageSource),
		Text: shape.Clean(r.GetText()), AtMs: sentAt(e, r.GetSenderTimestampMS()), Unread: !e.Info.IsFromMe,
	}
	op.TargetSender, op.TargetFromMe = t.author(e.Info.MessageSource, r.GetKey())
	return op
}

// pin covers pinning and unpinning. The time of a pin stands beside it in the message.
func (t *translator) pin(e *events.Message, m *waE2E.Message) Op {
	p := m.GetPinInChatMessage()
	if p.GetKey().GetID() == "" || p.GetType() == waE2E.PinInChatMessage_UNKNOWN_TYPE {
		return nil
	}
	chat, _ := t.chat(e.Info.MessageSource)
	op := &Pinned{
		Chat: chat, Target: shape.CleanMessageID(p.GetKey().GetID()),
		On: p.GetType() == waE2E.PinInChatMessage_PIN_FOR_ALL, AtMs: sentAt(e, p.GetSenderTimestampMS()),
	}
	if seconds := m.GetMessageContextInfo().GetMessageAddOnDurationInSecs(); seconds > 0 && op.On {
		op.Until = e.Info.Timestamp.Unix() + int64(seconds)
	}
	return op
}

// author returns the author of the message that a key names. Keys are written from the
// point of view of their sender.
func (t *translator) author(s types.MessageSource, key *waCommon.MessageKey) (sender string, fromMe bool) {
	switch {
	case key.GetFromMe():
		return t.sender(s), s.IsFromMe
	case key.GetParticipant() != "":
		sender = t.text(key.GetParticipant())
		return sender, sender != "" && sender == t.acct.ID()
	case s.IsFromMe:
		chat, _ := t.chat(s)
		return chat, false
	default:
		return t.acct.ID(), true
	}
}

// receipt keeps receipts that change an ack or an unread count.
func (t *translator) receipt(e *events.Receipt) Op {
	r := &Receipt{At: e.Timestamp}
	switch e.Type {
	case types.ReceiptTypeDelivered, types.ReceiptTypeInactive:
		r.Level = LevelDelivered
	case types.ReceiptTypeRead:
		r.Level = LevelRead
	case types.ReceiptTypePlayed:
		r.Level = LevelPlayed
	case types.ReceiptTypeReadSelf, types.ReceiptTypePlayedSelf:
		r.Level, r.Self = LevelRead, true
	default:
		return nil
	}
	if e.IsFromMe {
		if r.Level == LevelDelivered {
			return nil
		}
		r.Self = true
	}
	r.Chat, _ = t.chat(e.MessageSource)
	r.By = t.sender(e.MessageSource)
	if e.Chat.IsBroadcastList() {
		// The list is our own: the message stands in the chat of the list.
		r.Chat = shape.ID(e.Chat)
	}
	for _, id := range e.MessageIDs {
		r.IDs = append(r.IDs, shape.CleanMessageID(id))
	}
	if len(r.IDs) == 0 || r.Chat == "" {
		return nil
	}
	return r
}
