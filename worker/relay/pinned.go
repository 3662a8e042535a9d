package relay

import (
	"context"

	"go.mau.fi/whatsmeow/types"

	"whatsapp-manager/worker/shape"
)

// pinnedRows list what is pinned, and keep the switches that whatsapp-web.js
// keeps in the browser's profile.
var pinnedRows = []row{
	{name: "getPinnedMessages", class: "Client", result: "Message[]", need: needData, params: chatOnly, example: chatExample,
		doc: "Lists the messages that are pinned in a chat now, the newest pin first.", do: pinnedMessages},
	{name: "Chat.getPinnedMessages", class: "Chat", result: "Message[]", need: needData, params: chatOnly, example: chatExample,
		doc: "Lists the messages that are pinned in this chat now, the newest pin first.", do: pinnedMessages},
	preference("setAutoDownloadAudio", "auto_download_audio", "void"),
	preference("setAutoDownloadDocuments", "auto_download_documents", "void"),
	preference("setAutoDownloadPhotos", "auto_download_photos", "void"),
	preference("setAutoDownloadVideos", "auto_download_videos", "void"),
	preference("setBackgroundSync", "background_sync", "boolean"),
}

func pinnedMessages(ctx context.Context, c *call) (any, error) {
	return list(c.Mirror.Pinned(ctx, shape.ID(arg[types.JID](c, 0))))
}

// preference keeps a switch of the browser's profile. Here no file is fetched
// before it is asked for, so the switches are kept and change nothing else.
func preference(name, key, result string) row {
	return row{
		name: name, class: "Client", result: result, need: needPaired, params: []param{{name: "flag", kind: kindBool}}, example: "[true]",
		doc: "Keeps this switch of the browser's profile for the instance. Files are downloaded when they are asked for, whatever it says.",
		do: func(ctx context.Context, c *call) (any, error) {
			on := arg[bool](c, 0)
			if err := c.Mirror.SetPreference(ctx, key, on); err != nil {
				return nil, err
			}
			if result == "boolean" {
				return on, nil
			}
			return nil, nil
		},
	}
}
