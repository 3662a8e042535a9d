package mirror

import (
	"context"
	"fmt"
	"math"
	"strings"

	"whatsapp-manager/worker/mirror/db"
	"whatsapp-manager/worker/shape"
)

// Reactions returns the reactions to a message by emoji, in the order in which they came,
// nil when there are none. The error is ErrNotFound when the mirror does not have the
// message.
func (m *Mirror) Reactions(ctx context.Context, id string) ([]shape.ReactionList, error) {
	row, err := m.locate(ctx, id)
	if err != nil {
		return nil, err
	}
	rows, err := m.q.Reactions(ctx, db.ReactionsParams{InstanceID: m.instance, Chat: row.Chat, MessageID: row.ID})
	if err != nil {
		return nil, fmt.Errorf("read reactions: %w", err)
	}
	known, err := m.identities(ctx, ids(rows, func(r db.ReactionsRow) string { return r.Sender }))
	if err != nil {
		return nil, err
	}
	rows = newestOfEach(rows, func(r db.ReactionsRow) (string, int64) { return known.Number(r.Sender), r.Timestamp })
	target := shape.NewMessageID(row.FromMe, row.Chat, row.ID, row.Sender, m.me())
	var lists []shape.ReactionList
	at := map[string]int{}
	for _, r := range rows {
		if r.Reaction == "" {
			continue
		}
		i, ok := at[r.Reaction]
		if !ok {
			i = len(lists)
			at[r.Reaction] = i
			lists = append(lists, shape.ReactionList{ID: r.Reaction, AggregateEmoji: withoutSkin(r.Reaction)})
		}
		reaction := m.reactionShape(row.Chat, target, r)
		reaction.Timestamp = math.Round(reaction.Timestamp)
		lists[i].Senders = append(lists[i].Senders, reaction)
		lists[i].HasReactionByMe = lists[i].HasReactionByMe || r.FromMe
	}
	n := naming{}
	for i := range lists {
		for k := range lists[i].Senders {
			s := &lists[i].Senders[k]
			n.identified(func(p shape.Pairs) { s.Identify(p, m.me()) }, s.SenderID, s.MsgID.Participant)
			if s.Ack == nil { // not the account's own
				n.at(s.SenderID, &s.Username)
			}
		}
	}
	return lists, m.name(ctx, n)
}

// withoutSkin removes the skin tone from an emoji.
func withoutSkin(emoji string) string {
	return strings.Map(func(r rune) rune {
		if r >= 0x1F3FB && r <= 0x1F3FF {
			return -1
		}
		return r
	}, emoji)
}

// Info returns who has received, read and played an own message. For messages of others
// WhatsApp does not say that, and the error is ErrNotFound.
func (m *Mirror) Info(ctx context.Context, id string) (shape.MessageInfo, error) {
	info := shape.MessageInfo{
		Delivery: []shape.ReceiptEntry{}, Read: []shape.ReceiptEntry{}, Played: []shape.ReceiptEntry{},
	}
	row, err := m.locate(ctx, id)
	if err != nil {
		return info, err
	}
	if !row.FromMe {
		return info, ErrNotFound
	}
	rows, err := m.q.Receipts(ctx, db.ReceiptsParams{InstanceID: m.instance, Chat: row.Chat, Ids: []string{row.ID}})
	if err != nil {
		return info, fmt.Errorf("read receipts: %w", err)
	}
	if rows, err = m.onceEach(ctx, rows, nil); err != nil {
		return info, err
	}
	for _, r := range rows {
		who := shape.NewWid(r.Participant)
		for list, at := range map[*[]shape.ReceiptEntry]int64{
			&info.Delivery: r.DeliveredAt, &info.Read: r.ReadAt, &info.Played: r.PlayedAt,
		} {
			if at != 0 {
				*list = append(*list, shape.ReceiptEntry{ID: who, T: at})
			}
		}
	}
	participants := int(row.Recipients)
	if !shape.IsGroup(row.Chat) {
		participants = 1
	}
	info.DeliveryRemaining = max(0, participants-len(info.Delivery))
	info.ReadRemaining = max(0, participants-len(info.Read))
	info.PlayedRemaining = max(0, participants-len(info.Played))
	n := naming{}
	for _, list := range [][]shape.ReceiptEntry{info.Delivery, info.Read, info.Played} {
		for i := range list {
			entry := &list[i]
			n.identified(entry.Identify, entry.ID.Serialized)
			n.at(entry.ID.Serialized, &entry.Username)
		}
	}
	return info, m.name(ctx, n)
}
