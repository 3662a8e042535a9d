package relay

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.mau.fi/whatsmeow/types"

	"whatsapp-manager/proto/fault"
	"whatsapp-manager/worker/mirror"
	"whatsapp-manager/worker/shape"
)

// historyRows ask the phone for more of the past.
var historyRows = []row{
	{name: "syncHistory", class: "Client", result: "boolean", need: needOnline, params: chatOnly, example: chatExample,
		doc: "Asks the phone for older messages of a chat, which come into the mirror when the phone answers; false when no message of it is known to ask from.", do: syncHistory},
	{name: "Chat.syncHistory", class: "Chat", result: "boolean", need: needOnline, params: chatOnly, example: chatExample,
		doc: "Asks the phone for older messages of this chat, which come into the mirror when the phone answers; false when no message of it is known to ask from.", do: syncHistory},
}

// askedMessages is how many messages are asked for at a time, as whatsmeow recommends.
const askedMessages = 50

func syncHistory(ctx context.Context, c *call) (any, error) {
	jid := arg[types.JID](c, 0)
	oldest, err := c.Mirror.Oldest(ctx, shape.ID(jid))
	switch {
	case errors.Is(err, mirror.ErrNotFound):
		return false, nil
	case err != nil:
		return nil, fmt.Errorf("find oldest message: %w", err)
	}
	info := &types.MessageInfo{ID: oldest.ID, Timestamp: time.Unix(oldest.Shape.Timestamp, 0), MessageSource: types.MessageSource{Chat: oldest.Chat, Sender: oldest.Sender, IsFromMe: oldest.FromMe}}
	if _, err := c.cli.SendPeerMessage(ctx, c.cli.BuildHistorySyncRequest(info, askedMessages)); err != nil {
		return nil, fault.Wrap(fault.Unavailable, op, err, "the phone could not be asked: %s", clipText(err.Error()))
	}
	return true, nil
}
