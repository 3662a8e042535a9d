package message

import (
	"strings"

	"go.mau.fi/whatsmeow/proto/waE2E"
)

// laterRows are kinds of content that came after whatsapp-web.js 1.34.7 was written. Their
// types are those of WhatsApp Web (its module WAWebMsgType), but for those that are marked as
// a guess: it has none for them (its WAWebVerifyProtobufMsgObjectKeys).
var laterRows = []Row{
	{Field: "eventMessage", Role: Shown, Type: "event_creation", read: func(m *waE2E.Message, c *Content) {
		c.Text = m.GetEventMessage().GetName()
	}},
	{Field: "eventInviteMessage", Role: Shown, Type: "sharable_event_invite", read: func(m *waE2E.Message, c *Content) {
		c.Caption = m.GetEventInviteMessage().GetCaption()
		c.Text = Lines(m.GetEventInviteMessage().GetEventTitle(), c.Caption)
	}},
	{Field: "newsletterAdminInviteMessage", Role: Shown, Type: "newsletter_admin_invite", read: func(m *waE2E.Message, c *Content) {
		c.Caption = m.GetNewsletterAdminInviteMessage().GetCaption()
		c.Text = c.Caption
	}},
	{Field: "newsletterFollowerInviteMessageV2", Role: Shown, Type: "newsletter_follower_invite", read: func(m *waE2E.Message, c *Content) {
		c.Caption = m.GetNewsletterFollowerInviteMessageV2().GetCaption()
		c.Text = c.Caption
	}},
	{Field: "stickerPackMessage", Role: Shown, Type: "sticker-pack", Note: "its file is the archive of the pack", read: func(m *waE2E.Message, c *Content) {
		p := m.GetStickerPackMessage()
		c.File, c.Caption = p, p.GetCaption()
		c.Text = Lines(p.GetName(), p.GetPackDescription(), c.Caption)
	}},
	{Field: "richResponseMessage", Role: Shown, Type: "rich_response", Note: "the answer of an assistant; its parts with text", read: readRich},
	{Field: "commentMessage", Role: Shown, Type: "comment", Note: "the text of what it comments with", read: readComment},
	{Field: "scheduledCallCreationMessage", Role: Shown, Type: "scheduled_call_creation", Guess: true, read: func(m *waE2E.Message, c *Content) {
		c.Text = m.GetScheduledCallCreationMessage().GetTitle()
	}},
	{Field: "scheduledCallEditMessage", Role: Shown, Type: "scheduled_call_edit", Guess: true, Note: "a scheduled call was called off", read: nothing},
	{Field: "requestPhoneNumberMessage", Role: Shown, Type: "request_phone_number", Note: "somebody asks for the number", read: nothing},
	{Field: "pollResultSnapshotMessage", Role: Shown, Type: "poll_result_snapshot", read: readSnapshot},
	{Field: "pollResultSnapshotMessageV3", Role: Shown, Type: "poll_result_snapshot", read: readSnapshot},
	{Field: "statusNotificationMessage", Role: Shown, Type: "status_notification", read: nothing},
	{Field: "statusQuestionAnswerMessage", Role: Shown, Type: "status_question_answer", Guess: true, read: func(m *waE2E.Message, c *Content) {
		c.Text = m.GetStatusQuestionAnswerMessage().GetText()
	}},
	{Field: "questionResponseMessage", Role: Shown, Type: "newsletter_question_response", read: func(m *waE2E.Message, c *Content) {
		c.Text = m.GetQuestionResponseMessage().GetText()
	}},
	{Field: "statusQuotedMessage", Role: Shown, Type: "status_quoted", Guess: true, read: func(m *waE2E.Message, c *Content) {
		c.Text = m.GetStatusQuotedMessage().GetText()
	}},
	{Field: "statusStickerInteractionMessage", Role: Shown, Type: "status_sticker_interaction", Guess: true, read: nothing},
	{Field: "musicMessage", Role: Shown, Type: "music", read: func(m *waE2E.Message, c *Content) {
		music := m.GetMusicMessage().GetEmbeddedMusic()
		c.Text = Lines(music.GetTitle(), music.GetAuthor())
	}},
	{Field: "bcallMessage", Role: Shown, Type: "bcall", Guess: true, Note: "an invitation to a broadcast call", read: func(m *waE2E.Message, c *Content) {
		c.Caption = m.GetBcallMessage().GetCaption()
		c.Text = c.Caption
	}},
	{Field: "callLogMesssage", Role: Shown, Type: TypeCallLog, read: nothing},
	{Field: "placeholderMessage", Role: Shown, Type: TypeCiphertext, Note: "WhatsApp shows it on the phone only", read: nothing},
	{Field: "conditionalRevealMessage", Role: Shown, Type: TypeCiphertext, Note: "sealed until a time that WhatsApp decides", read: nothing},
}

// readRich takes what can be read of the parts of an answer: text, code and tables.
func readRich(m *waE2E.Message, c *Content) {
	c.Context = m.GetRichResponseMessage().GetContextInfo()
	var parts []string
	for _, part := range m.GetRichResponseMessage().GetSubmessages() {
		parts = append(parts, part.GetMessageText())
		var code strings.Builder
		for _, block := range part.GetCodeMetadata().GetCodeBlocks() {
			code.WriteString(block.GetCodeContent())
		}
		parts = append(parts, code.String(), part.GetLatexMetadata().GetText())
		for _, row := range part.GetTableMetadata().GetRows() {
			parts = append(parts, strings.Join(row.GetItems(), "\t"))
		}
	}
	c.Text = Lines(parts...)
}

// readComment takes the text of the message in a comment. Comments in comments are not
// followed.
func readComment(m *waE2E.Message, c *Content) {
	inner := Unwrap(m.GetCommentMessage().GetMessage()).Message
	if inner.GetCommentMessage() != nil {
		return
	}
	said := Read(inner)
	c.Text, c.Caption, c.File, c.Context = said.Text, said.Caption, said.File, said.Context
}

func readSnapshot(m *waE2E.Message, c *Content) {
	s := m.GetPollResultSnapshotMessage()
	if s == nil {
		s = m.GetPollResultSnapshotMessageV3()
	}
	c.Text, c.Context = strings.TrimSpace(s.GetName()), s.GetContextInfo()
}
