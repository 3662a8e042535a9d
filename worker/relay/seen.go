package relay

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.mau.fi/whatsmeow/appstate"
	"go.mau.fi/whatsmeow/types"

	"whatsapp-manager/proto/fault"
	"whatsapp-manager/worker/mirror"
	"whatsapp-manager/worker/shape"
)

// MarkSeen sends read receipts for the unread messages of a chat and takes back
// a mark as unread. It is false for a chat that the mirror does not hold.
func (c *Call) MarkSeen(ctx context.Context, jid types.JID) (bool, error) {
	id := shape.ID(jid)
	chat, err := c.Mirror.Attention(ctx, id)
	switch {
	case errors.Is(err, mirror.ErrNotFound):
		return false, nil
	case err != nil:
		return false, fmt.Errorf("read chat: %w", err)
	case chat.Unread == 0:
		return true, nil
	}
	unread, err := c.Mirror.Unread(ctx, id)
	if err != nil {
		return false, fmt.Errorf("read unread messages: %w", err)
	}
	for _, batch := range bySender(unread) {
		if err := c.Client.MarkRead(ctx, batch.ids, time.Now(), jid, batch.sender); err != nil {
			return false, err
		}
	}
	if chat.Unread < 0 {
		if err := c.unmark(ctx, jid, chat.Newest); err != nil {
			return false, err
		}
	}
	if err := c.Mirror.MarkSeen(ctx, id); err != nil {
		return false, fmt.Errorf("mark chat as read: %w", err)
	}
	return true, nil
}

// unmark takes back "mark as unread", which lives in the account's settings.
func (c *Call) unmark(ctx context.Context, jid types.JID, newest time.Time) error {
	err := c.Patch(ctx, appstate.BuildMarkChatAsRead(jid, true, newest, nil))
	if err != nil {
		const what = "the chat's mark as unread could not be taken back: %s"
		return fault.Wrap(fault.Refused, Op, err, what, ClipText(err.Error()))
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
