package wwebjs

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"go.mau.fi/whatsmeow/types"

	"whatsapp-manager/worker/relay"
	"whatsapp-manager/worker/relay/content"
	"whatsapp-manager/worker/relay/param"
	"whatsapp-manager/worker/relay/value"
	"whatsapp-manager/worker/shape"
)

// messageRows are the methods of whatsapp-web.js' Message; the message's id comes first.
var messageRows = slices.Concat(
	relay.Twins("sendReaction", "Message.react", relay.Row{
		Result: "void", Need: relay.NeedOnline, Sends: true,
		Params: reactParams, Example: `["false_4915123456789@c.us_3EB0C431C26A1916E07E","👍"]`,
		Doc: "Reacts to {a message|this message}; an empty reaction takes it back.",
		Do:  react,
	}),
	[]relay.Row{
		{
			Name: "Message.reply", Result: "Message", Need: relay.NeedOnline, Sends: true,
			Params: []param.Param{
				{Name: "messageId", Kind: param.MessageID},
				{Name: "content", Kind: content.Kind},
				{Name: "chatId", Kind: param.ChatID, Optional: true, Doc: "where to reply; the message's own chat when left out"},
				{Name: "options", Kind: content.KindOptions, Optional: true, Doc: "as sendMessage"},
			},
			Example: `["false_4915123456789@c.us_3EB0C431C26A1916E07E","Hello to you"]`,
			Doc:     "Sends a message that quotes this one and returns it once WhatsApp has it.",
			Do:      reply,
		},
	},
)

var reactParams = []param.Param{
	{Name: "messageId", Kind: param.MessageID},
	{Name: "reaction", Kind: param.Kind{Label: "string", Read: readReaction}, Doc: "one emoji, or an empty string"},
}

// readReaction reads one emoji, or nothing: it refuses text. WhatsApp decides which
// emojis there are.
func readReaction(raw json.RawMessage, path string) (any, error) {
	text, err := value.String(raw, path)
	if err != nil {
		return nil, err
	}
	if utf8.RuneCountInString(text) > 16 || strings.ContainsFunc(text, func(r rune) bool {
		return unicode.IsLetter(r) || unicode.IsSpace(r) || unicode.IsControl(r)
	}) {
		return nil, param.Bad(path, "expected one emoji, or an empty string to take the reaction back")
	}
	return text, nil
}

func react(ctx context.Context, c *relay.Call) (any, error) {
	record, err := c.FindMessage(ctx, relay.Arg[shape.MessageID](c, 0))
	if err != nil {
		return nil, err
	}
	if record.Chat.Server == types.NewsletterServer {
		return nil, c.Client.NewsletterSendReaction(ctx, record.Chat, record.ServerID, relay.Arg[string](c, 1), c.MessageID)
	}
	group, _ := c.Group(ctx, record.Chat)
	sender := c.MemberForm(ctx, group, record.Sender)
	_, err = c.Send(ctx, record.Chat, c.Client.BuildReaction(record.Chat, sender, record.ID, relay.Arg[string](c, 1)))
	return nil, err
}

func reply(ctx context.Context, c *relay.Call) (any, error) {
	id := relay.Arg[shape.MessageID](c, 0)
	record, err := c.FindMessage(ctx, id)
	if err != nil {
		return nil, err
	}
	options := relay.Arg[content.Options](c, 3)
	options.Quoted = &id
	to := relay.Arg[types.JID](c, 2)
	if to.IsEmpty() {
		to = record.Chat
	}
	return content.Send(ctx, c, to, relay.Arg[content.Content](c, 1), options)
}
