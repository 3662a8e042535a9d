package relay

import (
	"context"

	"go.mau.fi/whatsmeow/types"
)

// presenceRows tell a chat's other side what this one is doing. WhatsApp shows
// it for some seconds and forgets it by itself.
var presenceRows = []row{
	{name: "Chat.sendStateTyping", class: "Chat", result: "boolean", need: needOnline, params: chatOnly, example: chatExample,
		doc: "Shows in this chat that you are typing; true.", do: chatState(types.ChatPresenceComposing, types.ChatPresenceMediaText)},
	{name: "Chat.sendStateRecording", class: "Chat", result: "boolean", need: needOnline, params: chatOnly, example: chatExample,
		doc: "Shows in this chat that you are recording a voice note; true.", do: chatState(types.ChatPresenceComposing, types.ChatPresenceMediaAudio)},
	{name: "Chat.clearState", class: "Chat", result: "boolean", need: needOnline, params: chatOnly, example: chatExample,
		doc: "Shows in this chat that you stopped typing or recording; true.", do: chatState(types.ChatPresencePaused, types.ChatPresenceMediaText)},
}

func chatState(state types.ChatPresence, media types.ChatPresenceMedia) func(context.Context, *call) (any, error) {
	return func(ctx context.Context, c *call) (any, error) {
		return true, c.cli.SendChatPresence(ctx, arg[types.JID](c, 0), state, media)
	}
}
