package shape

import (
	"go.mau.fi/whatsmeow/proto/waE2E"

	"whatsapp-manager/worker/message"
)

// Message types that other packages branch on.
const (
	TypeChat       = message.TypeChat
	TypeRevoked    = message.TypeRevoked
	TypeCiphertext = message.TypeCiphertext
	TypeUnknown    = message.TypeUnknown
	TypeCallLog    = message.TypeCallLog
	TypePoll       = message.TypePoll
	TypeGroup      = "gp2"
	// TypeNotification covers entries of a chat that nobody wrote.
	TypeNotification    = "notification_template"
	TypeE2ENotification = "e2e_notification"
)

// Notifications are the types that fetchMessages leaves out.
var Notifications = []string{
	TypeNotification, TypeE2ENotification, "broadcast_notification", "notification", TypeGroup,
}

// content writes what a message contains: the fields that all kinds share, and those that
// only its own kind has.
func (m *Message) content(c message.Content) {
	m.Type, m.Body = c.Type, Clean(c.Text)
	m.Data.Caption = Clean(c.Caption)
	m.file(c)
	switch w := c.Message; c.Field {
	case "extendedTextMessage":
		m.preview(w.ExtendedTextMessage)
	case "locationMessage":
		m.place(newLocation(w.LocationMessage))
	case "liveLocationMessage":
		m.place(&Location{
			Latitude:  degrees(w.LiveLocationMessage.GetDegreesLatitude()),
			Longitude: degrees(w.LiveLocationMessage.GetDegreesLongitude()),
		})
	case "contactMessage":
		m.VCards = []string{Clean(w.ContactMessage.GetVcard())}
		m.Data.VCardFormattedName = Clean(w.ContactMessage.GetDisplayName())
	case "contactsArrayMessage":
		for _, card := range w.ContactsArrayMessage.GetContacts() {
			m.VCards = append(m.VCards, Clean(card.GetVcard()))
			m.Data.VCardList = append(m.Data.VCardList, VCard{
				DisplayName: Clean(card.GetDisplayName()), VCard: Clean(card.GetVcard()),
			})
		}
	case "groupInviteMessage":
		m.invite(w.GroupInviteMessage)
	case "pollCreationMessage", "pollCreationMessageV2", "pollCreationMessageV3", "pollCreationMessageV5", "pollCreationMessageV6":
		m.poll(message.Poll(w), c.Secret)
	case "eventMessage":
		m.event(w.EventMessage)
	default:
		m.business(c)
		m.Data.later(c)
	}
}

func (m *Message) preview(t *waE2E.ExtendedTextMessage) {
	m.Title, m.Description = Clean(t.GetTitle()), Clean(t.GetDescription())
	m.Data.Title, m.Data.Description = m.Title, m.Description
	m.Data.MatchedText = Clean(t.GetMatchedText())
	m.Data.CanonicalURL = m.Data.MatchedText
	if m.Data.MatchedText != "" {
		m.Data.Subtype = "url"
	}
}

func (m *Message) invite(i *waE2E.GroupInviteMessage) {
	m.InviteV4 = &InviteV4{
		InviteCode:    Clean(i.GetInviteCode()),
		InviteCodeExp: i.GetInviteExpiration(),
		GroupID:       jidText(i.GetGroupJID()),
		GroupName:     Clean(i.GetGroupName()),
		FromID:        m.From,
		ToID:          m.To,
	}
	m.Data.GroupInvite = GroupInvite{
		InviteCode: m.InviteV4.InviteCode, InviteCodeExp: m.InviteV4.InviteCodeExp,
		InviteGrp: m.InviteV4.GroupID, InviteGrpName: m.InviteV4.GroupName,
	}
}
