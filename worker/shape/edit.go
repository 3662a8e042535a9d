package shape

import (
	"go.mau.fi/whatsmeow/proto/waE2E"
	"google.golang.org/protobuf/proto"

	"whatsapp-manager/worker/message"
)

// Edit returns a message with the content of an edit. Media keep their file and take the
// new caption, because an edit may have the caption only. Text keeps its quote. Neither
// argument is changed.
func Edit(original, edited *waE2E.Message) *waE2E.Message {
	to := message.Unwrap(edited).Message
	if p := to.GetProtocolMessage(); p.GetEditedMessage() != nil {
		to = message.Unwrap(p.GetEditedMessage()).Message
	}
	if original != nil {
		kept := proto.Clone(original).(*waE2E.Message)
		if from := message.Unwrap(kept).Message; carry(from, to) {
			return kept
		}
	}
	return proto.Clone(to).(*waE2E.Message)
}

// carry writes the edit into the original. It returns false when they are of different
// kinds.
func carry(from, to *waE2E.Message) bool {
	before, after := message.Read(from), message.Read(to)
	if before.Field == after.Field && message.SetCaption(from, after.Caption) {
		return message.SetContext(from, quoteOf(before.Context, after.Context))
	}
	switch {
	case message.Poll(from) != nil && message.Poll(to).GetName() != "":
		// The options stay, as in WhatsApp Web (WAWebPollEditDecryptedMsgDataConversion): some
		// may have been added since.
		message.Poll(from).Name = message.Poll(to).Name
	case from.ExtendedTextMessage != nil && (to.ExtendedTextMessage != nil || to.Conversation != nil):
		text := proto.Clone(to.ExtendedTextMessage).(*waE2E.ExtendedTextMessage)
		if to.ExtendedTextMessage == nil {
			text = &waE2E.ExtendedTextMessage{Text: to.Conversation}
		}
		text.ContextInfo = quoteOf(from.ExtendedTextMessage.ContextInfo, text.ContextInfo)
		from.ExtendedTextMessage = text
	case from.Conversation != nil && to.Conversation != nil:
		from.Conversation = to.Conversation
	case from.Conversation != nil && to.ExtendedTextMessage != nil:
		from.Conversation, from.ExtendedTextMessage = nil, to.ExtendedTextMessage
	default:
		return false
	}
	return true
}

// quoteOf keeps the quote where the edit has none of its own. Mentions come from the edit.
func quoteOf(from, to *waE2E.ContextInfo) *waE2E.ContextInfo {
	if from == nil || to.GetStanzaID() != "" {
		return to
	}
	kept := proto.Clone(from).(*waE2E.ContextInfo)
	kept.MentionedJID, kept.GroupMentions = to.GetMentionedJID(), to.GetGroupMentions()
	return kept
}
