package shape

import (
	"strings"

	"go.mau.fi/whatsmeow/proto/waE2E"
)

// Message types that other packages branch on.
const (
	TypeChat       = "chat"
	TypeRevoked    = "revoked"
	TypeCiphertext = "ciphertext"
	TypeUnknown    = "unknown"
	TypeCallLog    = "call_log"
	TypeGroup      = "gp2"
	TypePoll       = "poll_creation"
	// TypeNotification covers entries of a chat that nobody wrote.
	TypeNotification    = "notification_template"
	TypeE2ENotification = "e2e_notification"
)

// Notifications are the types that fetchMessages leaves out.
var Notifications = []string{
	TypeNotification, TypeE2ENotification, "broadcast_notification", "notification", TypeGroup,
}

// content is the result for one kind of message.
type content struct {
	kind    string
	body    string
	caption string // of media; also the body
	media   *media
	context *waE2E.ContextInfo
	fill    func(*Message) // writes the fields that only this kind has; may be nil
}

// describe finds the kind of an unwrapped message. A message of a kind that it does not
// know is of type unknown.
func describe(m *waE2E.Message) content {
	switch {
	case m.Conversation != nil:
		return content{kind: TypeChat, body: m.GetConversation()}
	case m.ExtendedTextMessage != nil:
		return describeText(m.ExtendedTextMessage)
	case m.ImageMessage != nil:
		return content{
			kind: "image", caption: m.ImageMessage.GetCaption(),
			media: imageMedia(m.ImageMessage), context: m.ImageMessage.GetContextInfo(),
		}
	case m.VideoMessage != nil:
		return content{
			kind: "video", caption: m.VideoMessage.GetCaption(),
			media: videoMedia(m.VideoMessage), context: m.VideoMessage.GetContextInfo(),
		}
	case m.PtvMessage != nil:
		return content{
			kind: "ptv", caption: m.PtvMessage.GetCaption(),
			media: videoMedia(m.PtvMessage), context: m.PtvMessage.GetContextInfo(),
		}
	case m.AudioMessage != nil:
		kind := "audio"
		if m.AudioMessage.GetPTT() {
			kind = "ptt"
		}
		return content{kind: kind, media: audioMedia(m.AudioMessage), context: m.AudioMessage.GetContextInfo()}
	case m.DocumentMessage != nil:
		return describeDocument(m.DocumentMessage)
	case m.StickerMessage != nil:
		return content{kind: "sticker", media: stickerMedia(m.StickerMessage), context: m.StickerMessage.GetContextInfo()}
	case m.AlbumMessage != nil:
		return content{kind: "album", context: m.AlbumMessage.GetContextInfo()}
	case m.LocationMessage != nil:
		return describeLocation(m.LocationMessage)
	case m.LiveLocationMessage != nil:
		return describeLiveLocation(m.LiveLocationMessage)
	case m.ContactMessage != nil:
		return describeContact(m.ContactMessage)
	case m.ContactsArrayMessage != nil:
		return describeContacts(m.ContactsArrayMessage)
	case m.GroupInviteMessage != nil:
		return describeInvite(m.GroupInviteMessage)
	}
	if c, ok := describePoll(m); ok {
		return c
	}
	if c, ok := describeBusiness(m); ok {
		return c
	}
	switch {
	case m.EventMessage != nil:
		return describeEvent(m.EventMessage)
	case m.CallLogMesssage != nil:
		return content{kind: TypeCallLog}
	case m.PlaceholderMessage != nil:
		return content{kind: TypeCiphertext}
	case m.ProtocolMessage.GetType() == waE2E.ProtocolMessage_REVOKE && m.ProtocolMessage != nil:
		return content{kind: TypeRevoked}
	case m.ReactionMessage != nil, m.EncReactionMessage != nil:
		return content{kind: "reaction"}
	case m.ProtocolMessage != nil:
		return content{kind: "protocol"}
	case m.PinInChatMessage != nil, m.KeepInChatMessage != nil:
		return content{kind: "notification"}
	}
	return content{kind: TypeUnknown}
}

func describeText(t *waE2E.ExtendedTextMessage) content {
	return content{
		kind: TypeChat, body: t.GetText(), context: t.GetContextInfo(),
		fill: func(m *Message) {
			m.Title, m.Description = Clean(t.GetTitle()), Clean(t.GetDescription())
			m.Data.Title, m.Data.Description = m.Title, m.Description
			m.Data.MatchedText = Clean(t.GetMatchedText())
			m.Data.CanonicalURL = m.Data.MatchedText
			if m.Data.MatchedText != "" {
				m.Data.Subtype = "url"
			}
		},
	}
}

func describeDocument(d *waE2E.DocumentMessage) content {
	body := d.GetCaption()
	if body == "" {
		body = d.GetFileName()
	}
	return content{
		kind: "document", body: body, caption: d.GetCaption(),
		media: documentMedia(d), context: d.GetContextInfo(),
	}
}

func describeContact(c *waE2E.ContactMessage) content {
	return content{
		kind: "vcard", body: c.GetVcard(), context: c.GetContextInfo(),
		fill: func(m *Message) {
			m.VCards = []string{Clean(c.GetVcard())}
			m.Data.VCardFormattedName = Clean(c.GetDisplayName())
		},
	}
}

func describeContacts(c *waE2E.ContactsArrayMessage) content {
	return content{
		kind: "multi_vcard", context: c.GetContextInfo(),
		fill: func(m *Message) {
			for _, card := range c.GetContacts() {
				m.VCards = append(m.VCards, Clean(card.GetVcard()))
				m.Data.VCardList = append(m.Data.VCardList, VCard{
					DisplayName: Clean(card.GetDisplayName()), VCard: Clean(card.GetVcard()),
				})
			}
		},
	}
}

func describeInvite(i *waE2E.GroupInviteMessage) content {
	return content{
		kind: "groups_v4_invite", body: i.GetCaption(), caption: i.GetCaption(), context: i.GetContextInfo(),
		fill: func(m *Message) {
			m.InviteV4 = &InviteV4{
				InviteCode:    Clean(i.GetInviteCode()),
				InviteCodeExp: i.GetInviteExpiration(),
				GroupID:       jidText(i.GetGroupJID()),
				GroupName:     Clean(i.GetGroupName()),
				FromID:        m.From,
				ToID:          m.To,
			}
		},
	}
}

// lines joins the parts that are not empty.
func lines(parts ...string) string {
	kept := parts[:0]
	for _, part := range parts {
		if part != "" {
			kept = append(kept, part)
		}
	}
	return strings.Join(kept, "\n")
}
