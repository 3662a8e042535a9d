package shape

import (
	"strings"

	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"

	"whatsapp-manager/worker/message"
)

// Source is the input of Render: what WhatsApp sent, and what has happened to it since.
type Source struct {
	Me        string // our own id
	Chat      string // canonical id
	ID        string // WhatsApp's id
	FromMe    bool
	Sender    string // canonical id of the author
	Timestamp int64
	PushName  string
	Raw       *waE2E.Message // wrappers included; nil when there is nothing to read
	Type      string         // overrides the type of Raw
	Subtype   string         // with Type, for messages without Raw
	Body      string         // with Type, and for messages without Raw
	Ack       int
	Starred   bool
	Reacted   bool
	Broadcast bool
	History   bool
	New       bool // it has just arrived
	ServerID  int
	EditID    string // of the message that carried the newest edit
	EditedAt  int64  // milliseconds; 0: never
	Keep      *Keep  // nil: nobody ever kept it
}

// Render builds the Message. It takes any input, and never panics.
func Render(s Source) Message {
	id := NewMessageID(s.FromMe, s.Chat, s.ID, s.Sender, s.Me)
	m := Message{
		ID: id, Ack: s.Ack, Timestamp: s.Timestamp, FromMe: s.FromMe,
		DeviceType: DeviceType(s.ID), IsStatus: s.Chat == StatusID, IsStarred: s.Starred,
		HasReaction: s.Reacted, Broadcast: &s.Broadcast,
		VCards: []string{}, MentionedIDs: []string{}, GroupMentions: []GroupMention{},
	}
	m.From, m.To = s.Chat, s.Me
	if s.FromMe {
		m.From, m.To = s.Me, s.Chat
	}
	if hasAuthors(s.Chat) {
		m.Author = s.Sender
	}
	m.Data = Data{
		ID: id, T: s.Timestamp, NotifyName: Clean(s.PushName), From: m.From, To: m.To, Author: m.Author,
		Self: "in", Ack: s.Ack, IsNewMsg: s.New, Star: s.Starred, IsMdHistoryMsg: s.History,
		IsStatusV3: m.IsStatus, ServerID: s.ServerID,
	}
	if s.FromMe {
		m.Data.Self = "out"
	}

	if s.Type != "" && (s.Raw == nil || s.Type == TypeRevoked) {
		m.Type, m.Body, m.Data.Subtype = s.Type, Clean(s.Body), s.Subtype
		if s.Type == TypeRevoked {
			m.Body = ""
			m.ProtocolMessageKey = &id
		}
	} else {
		c := message.Read(s.Raw)
		m.content(c)
		if s.Type != "" {
			m.Type = s.Type
		}
		m.Data.IsViewOnce = m.Data.IsViewOnce || c.ViewOnce
		m.context(c.Context, c.Ephemeral)
		m.related(s, c)
	}
	if s.EditedAt != 0 {
		edit := NewMessageID(s.FromMe, s.Chat, s.EditID, s.Sender, s.Me)
		m.LatestEditSenderTimestampMs, m.LatestEditMsgKey = s.EditedAt, &edit
	}
	m.Data.keep(s)
	m.Links = findLinks(m.Body)
	m.Data.Type, m.Data.Body, m.Data.Links = m.Type, m.Body, m.Links
	m.Data.MentionedJIDList, m.Data.GroupMentions = m.MentionedIDs, m.GroupMentions
	return m
}

// maxMentions bounds the work for one message. A group has at most some thousand members.
const maxMentions = 5000

// context writes the references of a message to others: quotes, mentions, forwarding.
func (m *Message) context(c *waE2E.ContextInfo, ephemeral bool) {
	d := &m.Data
	if ephemeral || c.GetExpiration() > 0 {
		yes := true
		m.IsEphemeral = &yes
		d.IsEphemeral, d.EphemeralDuration = true, c.GetExpiration()
	}
	if c == nil {
		return
	}
	m.IsForwarded, m.ForwardingScore = c.IsForwarded, c.GetForwardingScore()
	d.IsForwarded, d.ForwardingScore = c.GetIsForwarded(), c.GetForwardingScore()
	d.ad(c)
	for _, mentioned := range c.GetMentionedJID()[:min(len(c.GetMentionedJID()), maxMentions)] {
		if id := jidText(mentioned); id != "" {
			m.MentionedIDs = append(m.MentionedIDs, id)
		}
	}
	for _, group := range c.GetGroupMentions()[:min(len(c.GetGroupMentions()), maxMentions)] {
		m.GroupMentions = append(m.GroupMentions, GroupMention{
			GroupSubject: Clean(group.GetGroupSubject()), GroupJID: NewWid(jidText(group.GetGroupJID())),
		})
	}
	if c.StanzaID != nil {
		d.QuotedStanzaID = clip(c.GetStanzaID())
		d.QuotedParticipant, d.QuotedRemoteJID = jidText(c.GetParticipant()), jidText(c.GetRemoteJID())
	}
	if c.QuotedMessage != nil {
		m.HasQuotedMsg = true
		quoted := message.Read(c.QuotedMessage)
		d.QuotedMsg = &Quoted{Type: quoted.Type, Body: Clean(quoted.Text), Caption: Clean(quoted.Caption)}
		if quoted.Type == "image" || quoted.Type == "video" || quoted.Type == "ptv" {
			d.QuotedMsg.Body = "" // WhatsApp Web has a picture there, and the text in the caption
		}
		if file := mediaOf(quoted.File); file != nil {
			d.QuotedMsg.Mimetype, d.QuotedMsg.Filename = Clean(file.mimetype), Clean(file.filename)
		}
	}
}

// jidText turns an address that a message has as text into an id. Any other text is kept,
// cleaned.
func jidText(text string) string {
	if text == "" {
		return ""
	}
	jid, err := types.ParseJID(text)
	if err != nil || jid.User == "" || strings.ContainsAny(jid.User, "_ ") {
		return clip(text)
	}
	return ID(jid)
}
