package wwebjs

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"go.mau.fi/whatsmeow/appstate"
	"go.mau.fi/whatsmeow/proto/waCommon"
	"go.mau.fi/whatsmeow/proto/waSyncAction"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"
	"google.golang.org/protobuf/proto"

	"whatsapp-manager/proto/fault"
	"whatsapp-manager/worker/mirror"
	"whatsapp-manager/worker/relay"
	"whatsapp-manager/worker/relay/param"
	"whatsapp-manager/worker/relay/value"
	"whatsapp-manager/worker/shape"
)

var (
	chatOnly   = []param.Param{{Name: "chatId", Kind: param.ChatID}}
	muteParams = []param.Param{
		{Name: "chatId", Kind: param.ChatID},
		{Name: "unmuteDate", Kind: param.Date, Optional: true, Doc: "when it ends by itself; never when left out"},
	}
)

const chatExample = `["4915123456789@c.us"]`

// settingRows set what the owner can set on a chat. The settings live in the app
// state that the account's devices share.
var settingRows = slices.Concat(
	relay.Twins("archiveChat", "Chat.archive", relay.Row{
		Result: "boolean", Need: relay.NeedOnline,
		Params: chatOnly, Example: chatExample,
		Doc: "Archives {a chat|this chat}, which unpins it; true.",
		Do:  archive(true),
	}),
	relay.Twins("unarchiveChat", "Chat.unarchive", relay.Row{
		Result: "boolean", Need: relay.NeedOnline,
		Params: chatOnly, Example: chatExample,
		Doc: "Takes {a chat|this chat} out of the archive; false, the chat's state.",
		Do:  archive(false),
	}),
	relay.Twins("pinChat", "Chat.pin", relay.Row{
		Result: "boolean", Need: relay.NeedOnline,
		Params: chatOnly, Example: chatExample,
		Doc: "Pins {a chat|this chat}; true, or false when three others are pinned already.",
		Do:  pin(true),
	}),
	relay.Twins("unpinChat", "Chat.unpin", relay.Row{
		Result: "boolean", Need: relay.NeedOnline,
		Params: chatOnly, Example: chatExample,
		Doc: "Unpins {a chat|this chat}; false, the chat's state.",
		Do:  pin(false),
	}),
	relay.Twins("muteChat", "Chat.mute", relay.Row{
		Result: "MuteResult", Need: relay.NeedOnline,
		Params: muteParams, Example: `["4915123456789@c.us","2030-01-01T00:00:00Z"]`,
		Doc: "Mutes {a chat|this chat}.",
		Do:  mute(true),
	}),
	relay.Twins("unmuteChat", "Chat.unmute", relay.Row{
		Result: "MuteResult", Need: relay.NeedOnline,
		Params: chatOnly, Example: chatExample,
		Doc: "Unmutes {a chat|this chat}.",
		Do:  mute(false),
	}),
	relay.Twins("markChatUnread", "Chat.markUnread", relay.Row{
		Result: "void", Need: relay.NeedOnline,
		Params: chatOnly, Example: chatExample,
		Doc: "Marks {a chat|this chat} as unread.",
		Do:  markUnread,
	}),
	[]relay.Row{
		{
			Name: "Chat.clearMessages", Result: "boolean", Need: relay.NeedOnline,
			Params: chatOnly, Example: chatExample,
			Doc: "Removes the messages of this chat on the account's own devices; true.",
			Do:  clearMessages,
		},
		{
			Name: "Chat.delete", Result: "boolean", Need: relay.NeedOnline,
			Params: chatOnly, Example: chatExample,
			Doc: "Removes this chat on the account's own devices; true.",
			Do:  deleteChat,
		},
		{
			Name: "Chat.getContact", Result: "Contact", Need: relay.NeedData,
			Params: chatOnly, Example: chatExample,
			Doc: "Returns the contact this chat is with.",
			Do: func(ctx context.Context, c *relay.Call) (any, error) {
				return c.Mirror.Contact(ctx, shape.ID(relay.Arg[types.JID](c, 0)))
			},
		},
	},
)

// maxPinned is how many chats WhatsApp lets an account pin.
const maxPinned = 3

// chatNow returns a chat, the key of its newest message (nil without one), and the
// time of that message. The chat must be known.
func chatNow(ctx context.Context, c *relay.Call, jid types.JID) (shape.Chat, *waCommon.MessageKey, time.Time, error) {
	chat, err := c.Mirror.Chat(ctx, shape.ID(jid))
	if errors.Is(err, mirror.ErrNotFound) {
		return chat, nil, time.Time{}, fault.New(fault.NotFound, relay.Op, "this chat is not known")
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
	key := &waCommon.MessageKey{
		RemoteJID: proto.String(jid.String()), FromMe: proto.Bool(m.FromMe), ID: proto.String(m.ID.ID),
	}
	if jid.Server == types.GroupServer && !m.FromMe {
		if author, err := value.ParseJID(m.Author); err == nil {
			key.Participant = proto.String(author.String())
		}
	}
	return chat, key, time.Unix(m.Timestamp, 0), nil
}

func archive(on bool) relay.Do {
	return func(ctx context.Context, c *relay.Call) (any, error) {
		jid := relay.Arg[types.JID](c, 0)
		_, key, at, err := chatNow(ctx, c, jid)
		if err != nil {
			return nil, err
		}
		means := []any{
			&events.Archive{JID: jid, Timestamp: time.Now(), Action: &waSyncAction.ArchiveChatAction{Archived: &on}},
		}
		if on { // which unpins
			means = append(means, &events.Pin{
				JID: jid, Timestamp: time.Now(), Action: &waSyncAction.PinAction{Pinned: proto.Bool(false)},
			})
		}
		return on, c.Change(ctx, appstate.BuildArchive(jid, on, at, key), means...)
	}
}

func pin(on bool) relay.Do {
	return func(ctx context.Context, c *relay.Call) (any, error) {
		jid := relay.Arg[types.JID](c, 0)
		chat, _, _, err := chatNow(ctx, c, jid)
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
		return on, c.Change(ctx, appstate.BuildPin(jid, on),
			&events.Pin{JID: jid, Timestamp: time.Now(), Action: &waSyncAction.PinAction{Pinned: &on}})
	}
}

// muteResult is whatsapp-web.js' MuteResult; the expiration is in seconds, -1
// for never and 0 for not muted.
type muteResult struct {
	IsMuted        bool  `json:"isMuted"`
	MuteExpiration int64 `json:"muteExpiration"`
}

func mute(on bool) relay.Do {
	return func(ctx context.Context, c *relay.Call) (any, error) {
		jid := relay.Arg[types.JID](c, 0)
		if _, _, _, err := chatNow(ctx, c, jid); err != nil {
			return nil, err
		}
		result := muteResult{IsMuted: on}
		var until *int64
		if on {
			result.MuteExpiration = -1
			if end := relay.Arg[time.Time](c, 1); !end.IsZero() {
				if !end.After(time.Now()) {
					return nil, param.Bad("params[1]", "the date lies in the past")
				}
				result.MuteExpiration = end.Unix()
				until = proto.Int64(end.Unix() * 1000)
			}
		}
		return result, c.Change(ctx, appstate.BuildMuteAbs(jid, on, until),
			&events.Mute{JID: jid, Timestamp: time.Now(), Action: &waSyncAction.MuteAction{Muted: &on, MuteEndTimestamp: until}})
	}
}

func markUnread(ctx context.Context, c *relay.Call) (any, error) {
	jid := relay.Arg[types.JID](c, 0)
	_, key, at, err := chatNow(ctx, c, jid)
	if err != nil {
		return nil, err
	}
	return nil, c.Change(ctx, appstate.BuildMarkChatAsRead(jid, false, at, key),
		&events.MarkChatAsRead{
			JID: jid, Timestamp: time.Now(), Action: &waSyncAction.MarkChatAsReadAction{Read: proto.Bool(false)},
		})
}

func clearMessages(ctx context.Context, c *relay.Call) (any, error) {
	jid := relay.Arg[types.JID](c, 0)
	_, key, at, err := chatNow(ctx, c, jid)
	if err != nil {
		return nil, err
	}
	action := &waSyncAction.ClearChatAction{MessageRange: upTo(at, key)}
	// The index and the version are those of published clients: the chat, whether
	// starred messages go too, whether media files go too.
	return true, c.Change(ctx, appstate.PatchInfo{Type: appstate.WAPatchRegularHigh, Mutations: []appstate.MutationInfo{{
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

func deleteChat(ctx context.Context, c *relay.Call) (any, error) {
	jid := relay.Arg[types.JID](c, 0)
	_, key, at, err := chatNow(ctx, c, jid)
	if err != nil {
		return nil, err
	}
	return true, c.Change(ctx, appstate.BuildDeleteChat(jid, at, key, true),
		&events.DeleteChat{
			JID: jid, Timestamp: time.Now(), Action: &waSyncAction.DeleteChatAction{MessageRange: upTo(at, key)},
		})
}
