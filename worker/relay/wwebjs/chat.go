package wwebjs

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"go.mau.fi/whatsmeow/types"

	"whatsapp-manager/worker/mirror"
	"whatsapp-manager/worker/relay"
	"whatsapp-manager/worker/relay/content"
	"whatsapp-manager/worker/relay/param"
	"whatsapp-manager/worker/relay/value"
	"whatsapp-manager/worker/shape"
)

// chatRows are the methods of whatsapp-web.js' Chat; the chat's id comes first.
var chatRows = slices.Concat(
	[]relay.Row{
		{
			Name: "Chat.sendMessage", Result: "Message", Need: relay.NeedOnline, Sends: true,
			Params: []param.Param{
				{Name: "chatId", Kind: param.ChatID},
				{Name: "content", Kind: content.Kind},
				{Name: "options", Kind: content.KindOptions, Optional: true, Doc: "as sendMessage"},
			},
			Example: `["4915123456789@c.us","Hello"]`,
			Doc:     "Sends a message to this chat and returns it once WhatsApp has it.",
			Do:      sendMessage,
		},
	},
	relay.Twins("sendSeen", "Chat.sendSeen", relay.Row{
		Result: "boolean", Need: relay.NeedOnline,
		Params: []param.Param{{Name: "chatId", Kind: param.ChatID}}, Example: `["4915123456789@c.us"]`,
		Doc: "Marks {a chat|this chat} as read and tells the senders; false for a chat that is not known.",
		Do:  sendSeen,
	}),
	[]relay.Row{
		{
			Name: "Chat.fetchMessages", Result: "Message[]", Need: relay.NeedData,
			Params: []param.Param{
				{Name: "chatId", Kind: param.ChatID},
				{
					Name: "searchOptions", Kind: kindMessageOptions, Optional: true,
					Doc: fmt.Sprintf("limit (%d; null or \"Infinity\" for up to %d), fromMe", defaultFetch, maxFetch),
				},
			},
			Example: `["4915123456789@c.us",{"limit":20}]`,
			Doc:     "Returns the newest messages of this chat, oldest first.",
			Do:      fetchMessages,
		},
	},
)

const (
	defaultFetch = 50
	// maxFetch bounds what "no limit" brings into memory at once.
	maxFetch = 5000
)

type messageOptions struct {
	Limit  json.RawMessage `json:"limit"`
	FromMe *bool           `json:"fromMe"`

	limit int
}

var kindMessageOptions = param.Object("object", (*messageOptions).check)

func (o *messageOptions) check(path string) error {
	o.limit = defaultFetch
	if o.Limit == nil {
		return nil
	}
	limit, err := value.Limit(o.Limit, path+".limit")
	if err != nil {
		return err
	}
	if o.limit = limit; limit < 0 || limit > maxFetch {
		o.limit = maxFetch
	}
	return nil
}

func fetchMessages(ctx context.Context, c *relay.Call) (any, error) {
	options := relay.Arg[messageOptions](c, 1)
	if !c.Given(1) {
		options.limit = defaultFetch
	}
	if options.limit == 0 { // to the mirror, 0 means all
		return []shape.Message{}, nil
	}
	filter := mirror.Filter{Limit: options.limit, FromMe: options.FromMe}
	return relay.List(c.Mirror.Messages(ctx, shape.ID(relay.Arg[types.JID](c, 0)), filter))
}

func sendSeen(ctx context.Context, c *relay.Call) (any, error) {
	return c.MarkSeen(ctx, relay.Arg[types.JID](c, 0))
}

// presenceRows show a chat's other side that the account is typing or recording.
// WhatsApp shows it for some seconds and forgets it by itself.
var presenceRows = []relay.Row{
	{
		Name: "Chat.sendStateTyping", Result: "boolean", Need: relay.NeedOnline,
		Params: chatOnly, Example: chatExample,
		Doc: "Shows in this chat that you are typing; true.",
		Do:  chatState(types.ChatPresenceComposing, types.ChatPresenceMediaText),
	},
	{
		Name: "Chat.sendStateRecording", Result: "boolean", Need: relay.NeedOnline,
		Params: chatOnly, Example: chatExample,
		Doc: "Shows in this chat that you are recording a voice note; true.",
		Do:  chatState(types.ChatPresenceComposing, types.ChatPresenceMediaAudio),
	},
	{
		Name: "Chat.clearState", Result: "boolean", Need: relay.NeedOnline,
		Params: chatOnly, Example: chatExample,
		Doc: "Shows in this chat that you stopped typing or recording; true.",
		Do:  chatState(types.ChatPresencePaused, types.ChatPresenceMediaText),
	},
}

func chatState(
	state types.ChatPresence, media types.ChatPresenceMedia,
) relay.Do {
	return func(ctx context.Context, c *relay.Call) (any, error) {
		return true, c.Client.SendChatPresence(ctx, relay.Arg[types.JID](c, 0), state, media)
	}
}
