package phone

import (
	"crypto/rand"
	"encoding/hex"
	"strings"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
	"google.golang.org/protobuf/proto"
)

// Option changes one message that the phone sends.
type Option func(*outgoing)

// outgoing is a message on its way out.
type outgoing struct {
	id       types.MessageID
	quoted   *Received
	mentions []types.JID
}

// ID sends under a given message id in place of a random one. Sending twice under one id
// repeats the message newly encrypted, which receivers do not recognise as a repetition.
func ID(id types.MessageID) Option { return func(o *outgoing) { o.id = id } }

// Reply quotes a message the phone received.
func Reply(quoted Received) Option { return func(o *outgoing) { o.quoted = &quoted } }

// Mentions names users in the message; the text should hold an @ and their user part.
func Mentions(users ...types.JID) Option {
	return func(o *outgoing) { o.mentions = append(o.mentions, users...) }
}

func collect(opts []Option) outgoing {
	var o outgoing
	for _, opt := range opts {
		opt(&o)
	}
	if o.id == "" {
		o.id = newID()
	}
	return o
}

// newID makes a message id of the length Android phones use.
func newID() types.MessageID {
	var random [15]byte
	rand.Read(random[:])
	return "AC" + strings.ToUpper(hex.EncodeToString(random[:]))
}

// textMessage builds the message for a text: plain when it carries no context.
func (o *outgoing) textMessage(text string) *waE2E.Message {
	context := o.contextInfo()
	if context == nil {
		return &waE2E.Message{Conversation: proto.String(text)}
	}
	return &waE2E.Message{ExtendedTextMessage: &waE2E.ExtendedTextMessage{
		Text: proto.String(text), ContextInfo: context,
	}}
}

func (o *outgoing) contextInfo() *waE2E.ContextInfo {
	if o.quoted == nil && len(o.mentions) == 0 {
		return nil
	}
	info := &waE2E.ContextInfo{}
	if o.quoted != nil {
		info.StanzaID = proto.String(o.quoted.ID)
		info.Participant = proto.String(o.quoted.Sender.ToNonAD().String())
		info.QuotedMessage = o.quoted.Message
	}
	for _, user := range o.mentions {
		info.MentionedJID = append(info.MentionedJID, user.ToNonAD().String())
	}
	return info
}

// textOf returns what a person would read in a message: its text, caption or reaction.
func textOf(m *waE2E.Message) string {
	switch {
	case m == nil:
		return ""
	case m.Conversation != nil:
		return m.GetConversation()
	case m.ExtendedTextMessage != nil:
		return m.GetExtendedTextMessage().GetText()
	case m.ImageMessage != nil:
		return m.GetImageMessage().GetCaption()
	case m.VideoMessage != nil:
		return m.GetVideoMessage().GetCaption()
	case m.DocumentMessage != nil:
		return m.GetDocumentMessage().GetCaption()
	case m.ReactionMessage != nil:
		return m.GetReactionMessage().GetText()
	case m.ProtocolMessage.GetEditedMessage() != nil:
		return textOf(m.ProtocolMessage.EditedMessage)
	case m.EphemeralMessage != nil:
		return textOf(m.EphemeralMessage.GetMessage())
	case m.EditedMessage != nil:
		return textOf(m.EditedMessage.GetMessage())
	case m.DocumentWithCaptionMessage != nil:
		return textOf(m.DocumentWithCaptionMessage.GetMessage())
	}
	return ""
}

// stanzaType is the type attribute of a message stanza, mediaType that of its enc elements.
func stanzaType(m *waE2E.Message) string {
	switch {
	case m.ReactionMessage != nil, m.EncReactionMessage != nil:
		return "reaction"
	case m.PollCreationMessage != nil, m.PollUpdateMessage != nil:
		return "poll"
	case mediaType(m) != "":
		return "media"
	}
	return "text"
}

func mediaType(m *waE2E.Message) string {
	switch {
	case m.ImageMessage != nil:
		return "image"
	case m.VideoMessage != nil:
		return "video"
	case m.StickerMessage != nil:
		return "sticker"
	case m.DocumentMessage != nil, m.DocumentWithCaptionMessage != nil:
		return "document"
	case m.AudioMessage != nil:
		if m.AudioMessage.GetPTT() {
			return "ptt"
		}
		return "audio"
	case m.ContactMessage != nil:
		return "vcard"
	}
	return ""
}

// editAttribute is the edit attribute of a stanza: 1 edit, 7 revocation by the sender.
func editAttribute(m *waE2E.Message) string {
	switch protocol := m.GetProtocolMessage(); {
	case protocol != nil && protocol.GetType() == waE2E.ProtocolMessage_REVOKE:
		if protocol.GetKey().GetFromMe() {
			return string(types.EditAttributeSenderRevoke)
		}
		return string(types.EditAttributeAdminRevoke)
	case protocol != nil && protocol.GetType() == waE2E.ProtocolMessage_MESSAGE_EDIT:
		return string(types.EditAttributeMessageEdit)
	case m.ReactionMessage != nil && m.GetReactionMessage().GetText() == "":
		return string(types.EditAttributeSenderRevoke)
	}
	return ""
}

// Typing shows a chat's other side that the person is writing, or has stopped. Nobody
// acknowledges it, and devices that are offline miss it.
func (p *Phone) Typing(chat types.JID, on bool) {
	state := "paused"
	if on {
		state = "composing"
	}
	p.net.Send(p.lid, waBinary.Node{
		Tag: "chatstate", Attrs: waBinary.Attrs{"to": chat.ToNonAD()},
		Content: []waBinary.Node{{Tag: state}},
	})
}
