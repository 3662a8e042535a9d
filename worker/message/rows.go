package message

import (
	"slices"
	"sync"

	"go.mau.fi/whatsmeow/proto/waE2E"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// Types of messages that more than one place knows. They are WhatsApp Web's names, which
// whatsapp-web.js 1.34.7 lists as MessageTypes.
const (
	TypeChat       = "chat"
	TypeRevoked    = "revoked"
	TypeCiphertext = "ciphertext"
	TypeUnknown    = "unknown"
	TypeCallLog    = "call_log"
	TypePoll       = "poll_creation"
	TypeReaction   = "reaction"
	TypeProtocol   = "protocol"
)

// Role is what the field of a message is for.
type Role string

const (
	// Shown is content that a person reads.
	Shown Role = "shown"
	// Wrapper holds a whole message, which counts in its place.
	Wrapper Role = "wrapper"
	// Change is about another message or about the chat: a reaction, a vote, an edit, a
	// pin. It raises the event of that change, where there is one, and no message.
	Change Role = "change"
	// Carrier is for devices: keys and marks without anything to read.
	Carrier Role = "carrier"
)

// Row says what becomes of one field of waE2E.Message.
type Row struct {
	Field protoreflect.Name
	Role  Role
	Type  string // WhatsApp Web's name of a message with that field; empty: it is none
	Guess bool   // WhatsApp Web has no name for it; Type is one in its manner
	Note  string // what integrators should know of it; why it is left out

	read       func(m *waE2E.Message, c *Content) // nil for wrappers and carriers
	descriptor protoreflect.FieldDescriptor
}

// Rows returns the row of each field, in the order in which Read looks for content: a
// message that has several fields is of the first. Callers must not change it.
func Rows() []Row { return loaded().rows }

type table struct {
	rows    []Row
	byField map[protoreflect.Name]*Row
}

// loaded makes the table for the first message: the descriptors that it asks for take two
// megabytes.
var loaded func() table

//nolint:gochecknoinits // rows read messages by the table itself, so no variable can begin with it
func init() { loaded = sync.OnceValue(load) }

func load() table {
	t := table{byField: map[protoreflect.Name]*Row{}}
	t.rows = slices.Concat(plainRows, businessRows, laterRows, changeRows, wrapperRows, carrierRows)
	fields := (&waE2E.Message{}).ProtoReflect().Descriptor().Fields()
	for i := range t.rows {
		row := &t.rows[i]
		if row.descriptor = fields.ByName(row.Field); row.descriptor == nil {
			panic("message: waE2E.Message has no field " + string(row.Field))
		}
		t.byField[row.Field] = row
	}
	return t
}

func rowOf(field protoreflect.Name) (*Row, bool) {
	row, known := loaded().byField[field]
	return row, known
}

// plainRows are what people write to each other.
var plainRows = []Row{
	{Field: "conversation", Role: Shown, Type: TypeChat, read: func(m *waE2E.Message, c *Content) { c.Text = m.GetConversation() }},
	{Field: "extendedTextMessage", Role: Shown, Type: TypeChat, read: func(m *waE2E.Message, c *Content) {
		c.Text = m.GetExtendedTextMessage().GetText()
	}},
	{Field: "imageMessage", Role: Shown, Type: "image", read: func(m *waE2E.Message, c *Content) {
		c.File, c.Caption = m.GetImageMessage(), m.GetImageMessage().GetCaption()
		c.Text = c.Caption
	}},
	{Field: "videoMessage", Role: Shown, Type: "video", read: func(m *waE2E.Message, c *Content) {
		c.File, c.Caption = m.GetVideoMessage(), m.GetVideoMessage().GetCaption()
		c.Text = c.Caption
	}},
	{Field: "ptvMessage", Role: Shown, Type: "ptv", Note: "a round video", read: func(m *waE2E.Message, c *Content) {
		c.File, c.Caption = m.GetPtvMessage(), m.GetPtvMessage().GetCaption()
		c.Text = c.Caption
	}},
	{Field: "audioMessage", Role: Shown, Type: "audio", Note: "ptt when it was recorded as a voice message", read: readAudio},
	{Field: "documentMessage", Role: Shown, Type: "document", read: readDocument},
	{Field: "stickerMessage", Role: Shown, Type: "sticker", read: func(m *waE2E.Message, c *Content) { c.File = m.GetStickerMessage() }},
	{Field: "albumMessage", Role: Shown, Type: "album", Note: "announces the images and videos that follow", read: nothing},
	{Field: "locationMessage", Role: Shown, Type: "location", read: nothing},
	{Field: "liveLocationMessage", Role: Shown, Type: "location", read: func(m *waE2E.Message, c *Content) {
		c.Text = m.GetLiveLocationMessage().GetCaption()
	}},
	{Field: "contactMessage", Role: Shown, Type: "vcard", read: func(m *waE2E.Message, c *Content) {
		c.Text = m.GetContactMessage().GetVcard()
	}},
	{Field: "contactsArrayMessage", Role: Shown, Type: "multi_vcard", read: nothing},
	{Field: "groupInviteMessage", Role: Shown, Type: "groups_v4_invite", read: func(m *waE2E.Message, c *Content) {
		c.Caption = m.GetGroupInviteMessage().GetCaption()
		c.Text = c.Caption
	}},
	{Field: "pollCreationMessage", Role: Shown, Type: TypePoll, read: readPoll},
	{Field: "pollCreationMessageV2", Role: Shown, Type: TypePoll, read: readPoll},
	{Field: "pollCreationMessageV3", Role: Shown, Type: TypePoll, read: readPoll},
	{Field: "pollCreationMessageV5", Role: Shown, Type: TypePoll, read: readPoll},
	{Field: "pollCreationMessageV6", Role: Shown, Type: TypePoll, read: readPoll},
}

// nothing is for content whose parts have no text, or are read by those who render them.
func nothing(*waE2E.Message, *Content) {}

func readAudio(m *waE2E.Message, c *Content) {
	c.File = m.GetAudioMessage()
	if m.GetAudioMessage().GetPTT() {
		c.Type = "ptt"
	}
}

func readDocument(m *waE2E.Message, c *Content) {
	d := m.GetDocumentMessage()
	c.File, c.Caption, c.Text = d, d.GetCaption(), d.GetCaption()
	if c.Text == "" {
		c.Text = d.GetFileName()
	}
}

// Poll returns the poll of a message in any of its versions; nil when it has none.
func Poll(m *waE2E.Message) *waE2E.PollCreationMessage {
	for _, poll := range []*waE2E.PollCreationMessage{
		m.GetPollCreationMessage(), m.GetPollCreationMessageV2(), m.GetPollCreationMessageV3(),
		m.GetPollCreationMessageV5(), m.GetPollCreationMessageV6(),
	} {
		if poll != nil {
			return poll
		}
	}
	return nil
}

func readPoll(m *waE2E.Message, c *Content) {
	poll := Poll(m)
	c.Text, c.Context = poll.GetName(), poll.GetContextInfo()
}
