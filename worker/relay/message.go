package relay

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"unicode"
	"unicode/utf8"

	"go.mau.fi/whatsmeow/types"

	"whatsapp-manager/proto/fault"
	"whatsapp-manager/worker/mirror"
	"whatsapp-manager/worker/relay/value"
	"whatsapp-manager/worker/shape"
)

// messageRows are the methods of whatsapp-web.js' Message; the message's id comes first.
var messageRows = []row{
	{
		name: "Message.react", class: "Message", result: "void", need: needOnline, sends: true,
		params:  reactParams,
		doc:     "Reacts to this message; an empty reaction takes it back.",
		example: `["false_4915123456789@c.us_3EB0C431C26A1916E07E","👍"]`,
		do:      react,
	},
	{
		name: "Message.reply", class: "Message", result: "Message", need: needOnline, sends: true,
		params: []param{
			{name: "messageId", kind: kindMsgID},
			{name: "content", kind: kindContent},
			{name: "chatId", kind: kindChatID, optional: true, doc: "where to reply; the message's own chat when left out"},
			{name: "options", kind: kindSendOptions, optional: true, doc: "as sendMessage"},
		},
		doc:     "Sends a message that quotes this one and returns it once WhatsApp has it.",
		example: `["false_4915123456789@c.us_3EB0C431C26A1916E07E","Hello to you"]`,
		do:      reply,
	},
}

var reactParams = []param{
	{name: "messageId", kind: kindMsgID},
	{name: "reaction", kind: kind{"string", readReaction}, doc: "one emoji, or an empty string"},
}

// readReaction wants one emoji: nothing that could be read as text. Which
// emojis there are is WhatsApp's to say.
func readReaction(raw json.RawMessage, path string) (any, error) {
	text, err := value.String(raw, path)
	if err != nil {
		return nil, err
	}
	if utf8.RuneCountInString(text) > 16 || strings.ContainsFunc(text, func(r rune) bool {
		return unicode.IsLetter(r) || unicode.IsSpace(r) || unicode.IsControl(r)
	}) {
		return nil, bad(path, "expected one emoji, or an empty string to take the reaction back")
	}
	return text, nil
}

func react(ctx context.Context, c *call) (any, error) {
	record, err := c.message(ctx, arg[shape.MessageID](c, 0))
	if err != nil {
		return nil, err
	}
	if record.Chat.Server == types.NewsletterServer {
		return nil, c.cli.NewsletterSendReaction(ctx, record.Chat, record.ServerID, arg[string](c, 1), c.messageID)
	}
	group, _ := c.group(ctx, record.Chat)
	sender := c.memberForm(ctx, group, record.Sender)
	_, err = c.send(ctx, record.Chat, c.cli.BuildReaction(record.Chat, sender, record.ID, arg[string](c, 1)))
	return nil, err
}

func reply(ctx context.Context, c *call) (any, error) {
	id := arg[shape.MessageID](c, 0)
	record, err := c.message(ctx, id)
	if err != nil {
		return nil, err
	}
	options := arg[sendOptions](c, 3)
	options.quoted = &id
	to := arg[types.JID](c, 2)
	if to.IsEmpty() {
		to = record.Chat
	}
	return c.sendContent(ctx, to, arg[content](c, 1), options)
}

// message looks up a message that a method is about.
func (c *call) message(ctx context.Context, id shape.MessageID) (mirror.Record, error) {
	record, err := c.Mirror.Message(ctx, id.Serialized)
	if errors.Is(err, mirror.ErrNotFound) {
		return record, fault.New(fault.NotFound, op, "this message is not known")
	}
	return record, unsent(err)
}
