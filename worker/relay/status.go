package relay

import (
	"context"
	"time"

	"go.mau.fi/whatsmeow/types"

	"whatsapp-manager/worker/mirror"
	"whatsapp-manager/worker/shape"
)

// statusRows are about status messages, which WhatsApp shows for a day.
var statusRows = []row{
	{name: "getBroadcasts", class: "Client", result: "Broadcast[]", need: needData, getter: true,
		doc: "Lists the status messages of the last 24 hours by their author.",
		do: func(ctx context.Context, c *call) (any, error) {
			return list(c.broadcasts(ctx))
		}},
	{name: "getBroadcastById", class: "Client", result: "Broadcast|{}", need: needData, params: personOnly, example: chatExample,
		doc: "Returns somebody's status messages of the last 24 hours; an empty object when there are none.", do: broadcastOf},
	{name: "Contact.getBroadcast", class: "Contact", result: "Broadcast|{}", need: needData, params: personOnly, example: chatExample,
		doc: "Returns this contact's status messages of the last 24 hours; an empty object when there are none.", do: broadcastOf},
	{name: "Broadcast.getChat", class: "Broadcast", result: "Chat", need: needData, params: []param{{name: "broadcastId", kind: kindUserID}}, example: chatExample,
		doc: "Returns the chat with the author of these status messages.", do: getChatByID},
	{name: "Broadcast.getContact", class: "Broadcast", result: "Contact", need: needData, params: []param{{name: "broadcastId", kind: kindUserID}}, example: chatExample,
		doc: "Returns the author of these status messages.",
		do: func(ctx context.Context, c *call) (any, error) {
			return c.Mirror.Contact(ctx, shape.ID(arg[types.JID](c, 0)))
		}},
	{name: "revokeStatusMessage", class: "Client", result: "void", need: needOnline, sends: true, params: messageOnly,
		example: `["true_status@broadcast_3EB0C431C26A1916E07E_4915123456789@c.us"]`, doc: "Takes an own status message back.",
		do: ofMessage(func(ctx context.Context, c *call, r mirror.Record) (any, error) {
			if r.Chat != types.StatusBroadcastJID || !r.FromMe {
				return nil, bad("params[0]", "this is no status message of the account")
			}
			_, err := c.send(ctx, types.StatusBroadcastJID, c.cli.BuildRevoke(types.StatusBroadcastJID, types.EmptyJID, r.ID))
			return nil, err
		})},
}

// statusLife is how long WhatsApp shows a status message.
const statusLife = 24 * time.Hour

// broadcast is whatsapp-web.js' Broadcast: the status messages of one person.
type broadcast struct {
	ID          shape.Wid       `json:"id"`
	Timestamp   int64           `json:"timestamp"` // of the newest, seconds
	TotalCount  int             `json:"totalCount"`
	UnreadCount int             `json:"unreadCount"` // of others' status messages all: nobody reads them here
	Msgs        []shape.Message `json:"msgs"`        // oldest first
}

// broadcasts returns them in the order of their newest message, newest first.
func (c *call) broadcasts(ctx context.Context) ([]broadcast, error) {
	messages, err := c.Mirror.Messages(ctx, shape.StatusID, mirror.Filter{Limit: mirror.MaxMessages})
	if err != nil {
		return nil, err
	}
	since := time.Now().Add(-statusLife).Unix()
	var order []string
	by := map[string]*broadcast{}
	for i := len(messages) - 1; i >= 0; i-- { // they come oldest first
		m := messages[i]
		if m.Timestamp < since || m.Type == "revoked" {
			continue
		}
		b := by[m.Author]
		if b == nil {
			b = &broadcast{ID: shape.NewWid(m.Author), Timestamp: m.Timestamp}
			by[m.Author] = b
			order = append(order, m.Author)
		}
		b.TotalCount++
		if !m.FromMe {
			b.UnreadCount++
		}
		b.Msgs = append([]shape.Message{m}, b.Msgs...)
	}
	all := make([]broadcast, len(order))
	for i, author := range order {
		all[i] = *by[author]
	}
	return all, nil
}

func broadcastOf(ctx context.Context, c *call) (any, error) {
	contact, err := c.Mirror.Contact(ctx, shape.ID(arg[types.JID](c, 0)))
	if err != nil {
		return nil, err
	}
	all, err := c.broadcasts(ctx)
	if err != nil {
		return nil, err
	}
	for _, b := range all {
		if b.ID.Serialized == contact.ID.Serialized {
			return b, nil
		}
	}
	return struct{}{}, nil // as whatsapp-web.js answers
}
