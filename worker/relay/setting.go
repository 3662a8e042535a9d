package relay

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"go.mau.fi/whatsmeow/appstate"
	"go.mau.fi/whatsmeow/proto/waCommon"
	"go.mau.fi/whatsmeow/proto/waSyncAction"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"
	"google.golang.org/protobuf/proto"

	"whatsapp-manager/proto/fault"
	"whatsapp-manager/worker/inbound"
	"whatsapp-manager/worker/mirror"
	"whatsapp-manager/worker/relay/value"
	"whatsapp-manager/worker/shape"
)

var kindDate = kind{"Date", func(raw json.RawMessage, path string) (any, error) { return value.Time(raw, path) }}

var (
	chatOnly   = []param{{name: "chatId", kind: kindChatID}}
	muteParams = []param{
		{name: "chatId", kind: kindChatID},
		{name: "unmuteDate", kind: kindDate, optional: true, doc: "when it ends by itself; never when left out"},
	}
)

const chatExample = `["4915123456789@c.us"]`

// settingRows are what the owner sets on a chat. All of it lives in the app
// state that the account's devices share.
var settingRows = []row{
	{name: "archiveChat", class: "Client", result: "boolean", need: needOnline, params: chatOnly, example: chatExample,
		doc: "Archives a chat, which unpins it; true.", do: archive(true)},
	{name: "unarchiveChat", class: "Client", result: "boolean", need: needOnline, params: chatOnly, example: chatExample,
		doc: "Takes a chat out of the archive; false, the chat's state.", do: archive(false)},
	{name: "pinChat", class: "Client", result: "boolean", need: needOnline, params: chatOnly, example: chatExample,
		doc: "Pins a chat; true, or false when three others are pinned already.", do: pin(true)},
	{name: "unpinChat", class: "Client", result: "boolean", need: needOnline, params: chatOnly, example: chatExample,
		doc: "Unpins a chat; false, the chat's state.", do: pin(false)},
	{name: "muteChat", class: "Client", result: "MuteResult", need: needOnline, params: muteParams, example: `["4915123456789@c.us","2030-01-01T00:00:00Z"]`,
		doc: "Mutes a chat.", do: mute(true)},
	{name: "unmuteChat", class: "Client", result: "MuteResult", need: needOnline, params: chatOnly, example: chatExample,
		doc: "Unmutes a chat.", do: mute(false)},
	{name: "markChatUnread", class: "Client", result: "void", need: needOnline, params: chatOnly, example: chatExample,
		doc: "Marks a chat as unread.", do: markUnread},

	{name: "Chat.archive", class: "Chat", result: "boolean", need: needOnline, params: chatOnly, example: chatExample,
		doc: "Archives this chat, which unpins it; true.", do: archive(true)},
	{name: "Chat.unarchive", class: "Chat", result: "boolean", need: needOnline, params: chatOnly, example: chatExample,
		doc: "Takes this chat out of the archive; false, the chat's state.", do: archive(false)},
	{name: "Chat.pin", class: "Chat", result: "boolean", need: needOnline, params: chatOnly, example: chatExample,
		doc: "Pins this chat; true, or false when three others are pinned already.", do: pin(true)},
	{name: "Chat.unpin", class: "Chat", result: "boolean", need: needOnline, params: chatOnly, example: chatExample,
		doc: "Unpins this chat; false, the chat's state.", do: pin(false)},
	{name: "Chat.mute", class: "Chat", result: "MuteResult", need: needOnline, params: muteParams, example: `["4915123456789@c.us","2030-01-01T00:00:00Z"]`,
		doc: "Mutes this chat.", do: mute(true)},
	{name: "Chat.unmute", class: "Chat", result: "MuteResult", need: needOnline, params: chatOnly, example: chatExample,
		doc: "Unmutes this chat.", do: mute(false)},
	{name: "Chat.markUnread", class: "Chat", result: "void", need: needOnline, params: chatOnly, example: chatExample,
		doc: "Marks this chat as unread.", do: markUnread},
	{name: "Chat.clearMessages", class: "Chat", result: "boolean", need: needOnline, params: chatOnly, example: chatExample,
		doc: "Removes the messages of this chat on the account's own devices; true.", do: clearMessages},
	{name: "Chat.delete", class: "Chat", result: "boolean", need: needOnline, params: chatOnly, example: chatExample,
		doc: "Removes this chat on the account's own devices; true.", do: deleteChat},
	{name: "Chat.getContact", class: "Chat", result: "Contact", need: needData, params: chatOnly, example: chatExample,
		doc: "Returns the contact this chat is with.",
		do: func(ctx context.Context, c *call) (any, error) {
			return c.Mirror.Contact(ctx, shape.ID(arg[types.JID](c, 0)))
		}},
}

// maxPinned is how many chats WhatsApp lets an account pin.
const maxPinned = 3

// chatNow is a chat that must be known, and its newest message.
func (c *call) chatNow(ctx context.Context, jid types.JID) (shape.Chat, *waCommon.MessageKey, time.Time, error) {
	chat, err := c.Mirror.Chat(ctx, shape.ID(jid))
	if errors.Is(err, mirror.ErrNotFound) {
		return chat, nil, time.Time{}, fault.New(fault.NotFound, op, "this chat is not known")
	}
	if err != nil {
		return chat, nil, time.Time{}, fmt.Errorf("read chat: %w", err)
	}
	newest, err := c.Mirror.Messages(ctx, shape.ID(jid), mirror.Filter{Limit: 1})
	if err != nil {
		return chat, nil, time.Time{}, fmt.Errorf("read newest message: %w", err)
	}
	if len(newest) == 0 {
		return chat, nil, time.Unix(chat.Timestamp, 0), nil
	}
	m := newest[0]
	key := &waCommon.MessageKey{RemoteJID: proto.String(jid.String()), FromMe: proto.Bool(m.FromMe), ID: proto.String(m.ID.ID)}
	if jid.Server == types.GroupServer && !m.FromMe {
		if author, err := value.ParseJID(m.Author); err == nil {
			key.Participant = proto.String(author.String())
		}
	}
	return chat, key, time.Unix(m.Timestamp, 0), nil
}

// change writes the account's settings and tells the mirror what that means.
// whatsmeow raises the same events for its own patch, but only some time after
// SendAppState has returned: a caller that looks at once would see the old
// state, and a worker that dies in between would never hear of the new one.
// The second time an event changes nothing.
func (c *call) change(ctx context.Context, info appstate.PatchInfo, means ...any) error {
	if err := c.patch(ctx, info); err != nil {
		return err
	}
	c.out.Store(true)
	return c.means(ctx, means...)
}

// means writes into the mirror what a change of the account's settings means.
func (c *call) means(ctx context.Context, means ...any) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordTime)
	defer cancel()
	for _, event := range means {
		change, ok, err := inbound.Translate(ctx, c.account(), c.cli.Store.LIDs, event)
		if err == nil && ok {
			err = c.Mirror.Apply(ctx, change)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func archive(on bool) func(context.Context, *call) (any, error) {
	return func(ctx context.Context, c *call) (any, error) {
		jid := arg[types.JID](c, 0)
		_, key, at, err := c.chatNow(ctx, jid)
		if err != nil {
			return nil, err
		}
		means := []any{&events.Archive{JID: jid, Timestamp: time.Now(), Action: &waSyncAction.ArchiveChatAction{Archived: &on}}}
		if on { // which unpins
			means = append(means, &events.Pin{JID: jid, Timestamp: time.Now(), Action: &waSyncAction.PinAction{Pinned: proto.Bool(false)}})
		}
		return on, c.change(ctx, appstate.BuildArchive(jid, on, at, key), means...)
	}
}

func pin(on bool) func(context.Context, *call) (any, error) {
	return func(ctx context.Context, c *call) (any, error) {
		jid := arg[types.JID](c, 0)
		chat, _, _, err := c.chatNow(ctx, jid)
		if err != nil {
			return nil, err
		}
		if on && !chat.Pinned {
			chats, err := c.Mirror.Chats(ctx)
			if err != nil {
				return nil, fmt.Errorf("read chats: %w", err)
			}
			pinned := 0
			for _, other := range chats {
				if other.Pinned {
					pinned++
				}
			}
			if pinned >= maxPinned {
				return false, nil
			}
		}
		return on, c.change(ctx, appstate.BuildPin(jid, on),
			&events.Pin{JID: jid, Timestamp: time.Now(), Action: &waSyncAction.PinAction{Pinned: &on}})
	}
}

// muteResult is whatsapp-web.js' MuteResult; the expiration is in seconds, -1
// for never and 0 for not muted.
type muteResult struct {
	IsMuted        bool  `json:"isMuted"`
	MuteExpiration int64 `json:"muteExpiration"`
}

func mute(on bool) func(context.Context, *call) (any, error) {
	return func(ctx context.Context, c *call) (any, error) {
		jid := arg[types.JID](c, 0)
		if _, _, _, err := c.chatNow(ctx, jid); err != nil {
			return nil, err
		}
		result := muteResult{IsMuted: on}
		var until *int64
		if on {
			result.MuteExpiration = -1
			if end := arg[time.Time](c, 1); !end.IsZero() {
				if !end.After(time.Now()) {
					return nil, bad("params[1]", "the date lies in the past")
				}
				result.MuteExpiration = end.Unix()
				until = proto.Int64(end.Unix() * 1000)
			}
		}
		return result, c.change(ctx, appstate.BuildMuteAbs(jid, on, until),
			&events.Mute{JID: jid, Timestamp: time.Now(), Action: &waSyncAction.MuteAction{Muted: &on, MuteEndTimestamp: until}})
	}
}

func markUnread(ctx context.Context, c *call) (any, error) {
	jid := arg[types.JID](c, 0)
	_, key, at, err := c.chatNow(ctx, jid)
	if err != nil {
		return nil, err
	}
	return nil, c.change(ctx, appstate.BuildMarkChatAsRead(jid, false, at, key),
		&events.MarkChatAsRead{JID: jid, Timestamp: time.Now(), Action: &waSyncAction.MarkChatAsReadAction{Read: proto.Bool(false)}})
}

func clearMessages(ctx context.Context, c *call) (any, error) {
	jid := arg[types.JID](c, 0)
	_, key, at, err := c.chatNow(ctx, jid)
	if err != nil {
		return nil, err
	}
	action := &waSyncAction.ClearChatAction{MessageRange: upTo(at, key)}
	// Index and version as published clients write them: chat, whether starred
	// messages go too, whether media files go too.
	return true, c.change(ctx, appstate.PatchInfo{Type: appstate.WAPatchRegularHigh, Mutations: []appstate.MutationInfo{{
		Index: []string{appstate.IndexClearChat, jid.String(), "1", "0"}, Version: 6,
		Value: &waSyncAction.SyncActionValue{ClearChatAction: action},
	}}}, &events.ClearChat{JID: jid, Timestamp: time.Now(), Action: action})
}

// upTo is the range of messages up to the newest one.
func upTo(at time.Time, key *waCommon.MessageKey) *waSyncAction.SyncActionMessageRange {
	r := &waSyncAction.SyncActionMessageRange{LastMessageTimestamp: proto.Int64(at.Unix())}
	if key != nil {
		r.Messages = []*waSyncAction.SyncActionMessage{{Key: key, Timestamp: proto.Int64(at.Unix())}}
	}
	return r
}

func deleteChat(ctx context.Context, c *call) (any, error) {
	jid := arg[types.JID](c, 0)
	_, key, at, err := c.chatNow(ctx, jid)
	if err != nil {
		return nil, err
	}
	return true, c.change(ctx, appstate.BuildDeleteChat(jid, at, key, true),
		&events.DeleteChat{JID: jid, Timestamp: time.Now(), Action: &waSyncAction.DeleteChatAction{MessageRange: upTo(at, key)}})
}
