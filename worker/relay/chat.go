package relay

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"go.mau.fi/whatsmeow/appstate"
	"go.mau.fi/whatsmeow/types"

	"whatsapp-manager/proto/fault"
	"whatsapp-manager/worker/mirror"
	"whatsapp-manager/worker/relay/value"
	"whatsapp-manager/worker/shape"
)

// chatRows are the methods of whatsapp-web.js' Chat; the chat's id comes first.
var chatRows = []row{
	{
		name: "Chat.sendMessage", class: "Chat", result: "Message", need: needOnline, sends: true,
		params: []param{
			{name: "chatId", kind: kindChatID},
			{name: "content", kind: kindContent},
			{name: "options", kind: kindSendOptions, optional: true, doc: "as sendMessage"},
		},
		doc:     "Sends a message to this chat and returns it once WhatsApp has it.",
		example: `["4915123456789@c.us","Hello"]`,
		do: func(ctx context.Context, c *call) (any, error) {
			return c.sendContent(ctx, arg[types.JID](c, 0), arg[content](c, 1), arg[sendOptions](c, 2))
		},
	},
	{
		name: "Chat.sendSeen", class: "Chat", result: "boolean", need: needOnline,
		params:  []param{{name: "chatId", kind: kindChatID}},
		doc:     "Marks this chat as read and tells the senders; false for a chat that is not known.",
		example: `["4915123456789@c.us"]`,
		do:      sendSeen,
	},
	{
		name: "Chat.fetchMessages", class: "Chat", result: "Message[]", need: needData,
		params: []param{
			{name: "chatId", kind: kindChatID},
			{name: "searchOptions", kind: kindFetchOptions, optional: true, doc: fmt.Sprintf("limit (%d; null or \"Infinity\" for up to %d), fromMe", defaultFetch, maxFetch)},
		},
		doc:     "Returns the newest messages of this chat, oldest first.",
		example: `["4915123456789@c.us",{"limit":20}]`,
		do:      fetchMessages,
	},
}

const (
	defaultFetch = 50
	// maxFetch bounds what "no limit" may bring into memory at once.
	maxFetch = 5000
)

type fetchOptions struct {
	Limit  json.RawMessage `json:"limit"`
	FromMe *bool           `json:"fromMe"`

	limit int
}

var kindFetchOptions = kindObject("object", (*fetchOptions).check)

func (o *fetchOptions) check(path string) error {
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

func fetchMessages(ctx context.Context, c *call) (any, error) {
	options := arg[fetchOptions](c, 1)
	if c.args[1] == nil {
		options.limit = defaultFetch
	}
	if options.limit == 0 { // to the mirror, 0 means all
		return []shape.Message{}, nil
	}
	return list(c.Mirror.Messages(ctx, shape.ID(arg[types.JID](c, 0)), mirror.Filter{Limit: options.limit, FromMe: options.FromMe}))
}

func sendSeen(ctx context.Context, c *call) (any, error) {
	return c.markSeen(ctx, arg[types.JID](c, 0))
}

// markSeen sends read receipts for the unread messages of a chat and takes back
// a mark as unread. It is false for a chat that the mirror does not hold.
func (c *call) markSeen(ctx context.Context, jid types.JID) (bool, error) {
	id := shape.ID(jid)
	chat, err := c.Mirror.Chat(ctx, id)
	switch {
	case errors.Is(err, mirror.ErrNotFound):
		return false, nil
	case err != nil:
		return false, fmt.Errorf("read chat: %w", err)
	case chat.UnreadCount == 0:
		return true, nil
	}
	unread, err := c.Mirror.Unread(ctx, id)
	if err != nil {
		return false, fmt.Errorf("read unread messages: %w", err)
	}
	for _, batch := range bySender(unread) {
		if err := c.cli.MarkRead(ctx, batch.ids, time.Now(), jid, batch.sender); err != nil {
			return false, err
		}
	}
	if chat.UnreadCount < 0 {
		if err := c.unmark(ctx, jid, chat); err != nil {
			return false, err
		}
	}
	if err := c.Mirror.MarkSeen(ctx, id); err != nil {
		return false, fmt.Errorf("mark chat as read: %w", err)
	}
	return true, nil
}

// unmark takes back "mark as unread", which lives in the account's settings.
func (c *call) unmark(ctx context.Context, jid types.JID, chat shape.Chat) error {
	err := c.patch(ctx, appstate.BuildMarkChatAsRead(jid, true, time.Unix(chat.Timestamp, 0), nil))
	if err != nil {
		return fault.Wrap(fault.Refused, op, err, "the chat's mark as unread could not be taken back: %s", clipText(err.Error()))
	}
	return nil
}

type readBatch struct {
	sender types.JID
	ids    []types.MessageID
}

// receiptIDs bounds the ids in one receipt.
const receiptIDs = 256

// bySender groups messages as receipts want them: one author each, bounded,
// newest first.
func bySender(unread []mirror.Ref) []readBatch {
	var batches []readBatch
	open := map[types.JID]int{}
	for _, ref := range unread {
		i, ok := open[ref.Sender]
		if !ok || len(batches[i].ids) >= receiptIDs {
			i = len(batches)
			open[ref.Sender] = i
			batches = append(batches, readBatch{sender: ref.Sender})
		}
		batches[i].ids = append(batches[i].ids, ref.ID)
	}
	return batches
}
