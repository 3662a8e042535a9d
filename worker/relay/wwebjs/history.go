package wwebjs

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.mau.fi/whatsmeow/types"

	"whatsapp-manager/proto/fault"
	"whatsapp-manager/worker/mirror"
	"whatsapp-manager/worker/relay"
	"whatsapp-manager/worker/shape"
)

// historyRows ask the phone for more of the past.
var historyRows = relay.Twins("syncHistory", "Chat.syncHistory", relay.Row{
	Result: "boolean", Need: relay.NeedOnline,
	Params: chatOnly, Example: chatExample,
	Doc: "Asks the phone for older messages of {a chat|this chat}, which come into the mirror when the phone " +
		"answers; false when no message of it is known to ask from.",
	Do: syncHistory,
})

// askedMessages is how many messages are asked for at a time, as whatsmeow recommends.
const askedMessages = 50

func syncHistory(ctx context.Context, c *relay.Call) (any, error) {
	jid := relay.Arg[types.JID](c, 0)
	oldest, err := c.Mirror.Oldest(ctx, shape.ID(jid))
	switch {
	case errors.Is(err, mirror.ErrNotFound):
		return false, nil
	case err != nil:
		return nil, fmt.Errorf("find oldest message: %w", err)
	}
	info := &types.MessageInfo{
		ID: oldest.ID, Timestamp: time.Unix(oldest.Shape.Timestamp, 0),
		MessageSource: types.MessageSource{Chat: oldest.Chat, Sender: oldest.Sender, IsFromMe: oldest.FromMe},
	}
	if _, err := c.Client.SendPeerMessage(ctx, c.Client.BuildHistorySyncRequest(info, askedMessages)); err != nil {
		return nil, fault.Wrap(
			fault.Unavailable, relay.Op, err, "the phone could not be asked: %s", relay.ClipText(err.Error()),
		)
	}
	return true, nil
}
