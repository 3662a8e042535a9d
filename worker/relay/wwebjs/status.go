package wwebjs

import (
	"context"
	"slices"
	"time"

	"go.mau.fi/whatsmeow/types"

	"whatsapp-manager/worker/mirror"
	"whatsapp-manager/worker/relay"
	"whatsapp-manager/worker/relay/param"
	"whatsapp-manager/worker/shape"
)

// statusRows are about status messages, which WhatsApp shows for a day.
var statusRows = slices.Concat(
	[]relay.Row{
		{
			Name: "getBroadcasts", Result: "Broadcast[]", Need: relay.NeedData, Getter: true,
			Doc: "Lists the status messages of the last 24 hours by their author.",
			Do: func(ctx context.Context, c *relay.Call) (any, error) {
				return relay.List(broadcasts(ctx, c))
			},
		},
	},
	relay.Twins("getBroadcastById", "Contact.getBroadcast", relay.Row{
		Result: "Broadcast|{}", Need: relay.NeedData,
		Params: personOnly, Example: chatExample,
		Doc: "Returns {somebody's|this contact's} status messages of the last 24 hours; an empty object when there " +
			"are none.",
		Do: broadcastOf,
	}),
	[]relay.Row{
		{
			Name: "Broadcast.getChat", Result: "Chat", Need: relay.NeedData,
			Params: []param.Param{{Name: "broadcastId", Kind: param.UserID}}, Example: chatExample,
			Doc: "Returns the chat with the author of these status messages.",
			Do:  getChatByID,
		},
		{
			Name: "Broadcast.getContact", Result: "Contact", Need: relay.NeedData,
			Params: []param.Param{{Name: "broadcastId", Kind: param.UserID}}, Example: chatExample,
			Doc: "Returns the author of these status messages.",
			Do: func(ctx context.Context, c *relay.Call) (any, error) {
				return c.Mirror.Contact(ctx, shape.ID(relay.Arg[types.JID](c, 0)))
			},
		},
		{
			Name: "revokeStatusMessage", Result: "void", Need: relay.NeedOnline, Sends: true,
			Params: messageOnly, Example: `["true_status@broadcast_3EB0C431C26A1916E07E_4915123456789@c.us"]`,
			Doc: "Takes an own status message back.",
			Do: relay.OfMessage(func(ctx context.Context, c *relay.Call, r mirror.Record) (any, error) {
				if r.Chat != types.StatusBroadcastJID || !r.FromMe {
					return nil, param.Bad("params[0]", "this is no status message of the account")
				}
				_, err := c.Send(ctx, r.Chat, c.Client.BuildRevoke(r.Chat, types.EmptyJID, r.ID))
				return nil, err
			}),
		},
	},
)

// statusLife is how long WhatsApp shows a status message.
const statusLife = 24 * time.Hour

// broadcast is whatsapp-web.js' Broadcast: the status messages of one person.
type broadcast struct {
	ID          shape.Wid       `json:"id"`
	Timestamp   int64           `json:"timestamp"` // of the newest, seconds
	TotalCount  int             `json:"totalCount"`
	UnreadCount int             `json:"unreadCount"` // all those of other people: nobody reads them here
	Msgs        []shape.Message `json:"msgs"`        // oldest first
}

// broadcasts returns the status messages by author; the author of the newest comes first.
func broadcasts(ctx context.Context, c *relay.Call) ([]broadcast, error) {
	messages, err := c.Mirror.Messages(ctx, shape.StatusID, mirror.Filter{Limit: mirror.MaxMessages})
	if err != nil {
		return nil, err
	}
	since := time.Now().Add(-statusLife).Unix()
	var order []string
	by := map[string]*broadcast{}
	for _, m := range slices.Backward(messages) { // they come oldest first
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

func broadcastOf(ctx context.Context, c *relay.Call) (any, error) {
	contact, err := c.Mirror.Contact(ctx, shape.ID(relay.Arg[types.JID](c, 0)))
	if err != nil {
		return nil, err
	}
	all, err := broadcasts(ctx, c)
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
