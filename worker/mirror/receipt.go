package mirror

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"whatsapp-manager/worker/inbound"
	"whatsapp-manager/worker/mirror/db"
	"whatsapp-manager/worker/shape"
)

// receipt raises the acks of own messages, or lowers the unread count when we have read on
// another device. Receipts of own messages that are not recorded yet are kept until they
// are.
func (w *writer) receipt(ctx context.Context, op *inbound.Receipt) error {
	if op.Self {
		return w.readElsewhere(ctx, op)
	}
	have, known, kept := w.sentLately(op.Chat, op.IDs)
	if !kept {
		var err error
		if have, known, err = w.spokenOf(ctx, op); err != nil {
			return err
		}
	}
	one := *op
	known, err := w.onceEach(ctx, known, &one.By)
	if err != nil {
		return err
	}
	seen := make(map[string]bool, len(op.IDs))
	for _, id := range op.IDs {
		if seen[id] {
			continue
		}
		seen[id] = true
		if err := w.receiptFor(ctx, &one, id, have, known); err != nil {
			return err
		}
	}
	return nil
}

// spokenOf reads the messages of a receipt, and what is known of their receipts.
func (w *writer) spokenOf(ctx context.Context, op *inbound.Receipt) (map[string]db.Message, []db.ReceiptsRow, error) {
	rows, err := w.q.MessagesIn(ctx, db.MessagesInParams{InstanceID: w.instance, Chat: op.Chat, Ids: op.IDs})
	if err != nil {
		return nil, nil, fmt.Errorf("read messages: %w", err)
	}
	have := make(map[string]db.Message, len(op.IDs))
	for _, r := range rows {
		have[r.Message.ID] = r.Message
	}
	for _, id := range op.IDs {
		if _, ok := have[id]; ok || !shape.IsUser(op.Chat) {
			continue
		}
		row, found, err := w.elsewhere(ctx, op.Chat, id)
		if err != nil {
			return nil, nil, err
		}
		if found {
			have[id] = row
		}
	}
	known, err := w.q.Receipts(ctx, db.ReceiptsParams{InstanceID: w.instance, Chat: op.Chat, Ids: op.IDs})
	if err != nil {
		return nil, nil, fmt.Errorf("read receipts: %w", err)
	}
	return have, known, nil
}

func (w *writer) receiptFor(
	ctx context.Context, op *inbound.Receipt, id string, have map[string]db.Message, known []db.ReceiptsRow,
) error {
	row, found := have[id]
	if found && !row.FromMe {
		return nil // the message is somebody else's, so the receipt is not about us
	}
	of := make([]db.ReceiptsRow, 0, len(known)+1)
	mine := db.ReceiptsRow{MessageID: id, Participant: op.By}
	for _, r := range known {
		switch {
		case r.MessageID != id:
		case r.Participant == op.By:
			mine = r
		default:
			of = append(of, r)
		}
	}
	before := mine
	at := op.At.Unix()
	switch op.Level {
	case inbound.LevelDelivered:
		mine.DeliveredAt = first(mine.DeliveredAt, at)
	case inbound.LevelRead:
		mine.ReadAt = first(mine.ReadAt, at)
	case inbound.LevelPlayed:
		mine.PlayedAt = first(mine.PlayedAt, at)
	}
	if mine == before {
		return nil
	}
	chat := op.Chat
	if found {
		chat = row.Chat
	}
	w.put.PutReceipt(ctx, db.PutReceiptParams{
		InstanceID: w.instance, Chat: chat, MessageID: id, Participant: op.By,
		DeliveredAt: mine.DeliveredAt, ReadAt: mine.ReadAt, PlayedAt: mine.PlayedAt,
	})
	if !found {
		w.cache.early.note(id, w.now)
		return nil
	}
	recipients := int(row.Recipients)
	if recipients == 0 && shape.IsGroup(chat) {
		ch, err := w.chat(ctx, chat)
		if err != nil {
			return err
		}
		recipients = ch.others
	}
	of = append(of, mine)
	level := w.level(chat, of, recipients)
	raised := level > int(row.Ack) && row.Ack >= 0
	after := row
	if raised {
		after.Ack = int16(level)
	}
	if w.cache.sent.Contains(sentKey{chat, id}) {
		w.noteSent(after, of)
	}
	if !raised {
		return nil
	}
	w.put.RaiseAck(ctx, db.RaiseAckParams{InstanceID: w.instance, Chat: chat, ID: id, Ack: int16(level)})
	acked, err := w.rendered(ctx, row)
	if err != nil {
		return err
	}
	return w.emitAck(chat, id, level, acked, w.stored(row))
}

// first returns the earlier time. A receipt without a time still counts.
func first(have, reported int64) int64 {
	if have != 0 {
		return have
	}
	return max(reported, 1)
}

// onceEach joins the receipts of a person under a hidden id with those under the number, and
// names also by by number. It costs a look-up only where both forms are there.
func (m *Mirror) onceEach(ctx context.Context, rows []db.ReceiptsRow, by *string) ([]db.ReceiptsRow, error) {
	people := ids(rows, func(r db.ReceiptsRow) string { return r.Participant })
	if by != nil {
		people = append(people, *by)
	}
	hidden := slices.DeleteFunc(people, func(id string) bool { return !shape.IsLID(id) })
	if numbers := len(people) - len(hidden); numbers == 0 || len(hidden) == 0 {
		return rows, nil
	}
	known, err := m.identities(ctx, hidden)
	if err != nil {
		return nil, err
	}
	if by != nil {
		*by = known.Number(*by)
	}
	type key struct{ message, person string }
	at := make(map[key]int, len(rows))
	joined := make([]db.ReceiptsRow, 0, len(rows))
	for _, r := range rows {
		r.Participant = known.Number(r.Participant)
		k := key{r.MessageID, r.Participant}
		i, again := at[k]
		if !again {
			at[k] = len(joined)
			joined = append(joined, r)
			continue
		}
		have := &joined[i]
		have.DeliveredAt = earliest(have.DeliveredAt, r.DeliveredAt)
		have.ReadAt = earliest(have.ReadAt, r.ReadAt)
		have.PlayedAt = earliest(have.PlayedAt, r.PlayedAt)
	}
	return joined, nil
}

// earliest returns the earlier of two times of which 0 is none.
func earliest(a, b int64) int64 {
	if a == 0 || b == 0 {
		return max(a, b)
	}
	return min(a, b)
}

// reached returns how far an own message has come, by the receipts that are recorded.
func (m *Mirror) reached(ctx context.Context, chat, id string, recipients int) (int, error) {
	rows, err := m.q.Receipts(ctx, db.ReceiptsParams{InstanceID: m.instance, Chat: chat, Ids: []string{id}})
	if err != nil {
		return 0, fmt.Errorf("read receipts: %w", err)
	}
	if rows, err = m.onceEach(ctx, rows, nil); err != nil {
		return 0, err
	}
	return m.level(chat, rows, recipients), nil
}

// level is the ack that follows from receipts: the one that the other person has reached,
// or everybody in a group. In a group whose members are not known it stays at "server".
// Each level includes the ones below it.
func (m *Mirror) level(chat string, receipts []db.ReceiptsRow, recipients int) int {
	need := 1
	if shape.IsGroup(chat) {
		if need = recipients; need == 0 {
			return int(inbound.LevelServer)
		}
	}
	me, hidden := m.me(), shape.ID(m.Account().LID)
	delivered, read, played := 0, 0, 0
	for _, r := range receipts {
		if r.Participant == me || r.Participant == hidden {
			continue
		}
		if r.PlayedAt != 0 {
			played++
		}
		if r.ReadAt != 0 || r.PlayedAt != 0 {
			read++
		}
		delivered++
	}
	switch {
	case played >= need:
		return int(inbound.LevelPlayed)
	case read >= need:
		return int(inbound.LevelRead)
	case delivered >= need:
		return int(inbound.LevelDelivered)
	}
	return int(inbound.LevelServer)
}

// readElsewhere is for messages that the owner has read on another device. Messages after
// the newest of these stay unread.
func (w *writer) readElsewhere(ctx context.Context, op *inbound.Receipt) error {
	ch, err := w.chatNow(ctx, op.Chat)
	if err != nil {
		return err
	}
	if !ch.exists || ch.UnreadCount == 0 {
		return nil
	}
	left, err := w.q.IncomingAfter(ctx, db.IncomingAfterParams{InstanceID: w.instance, Chat: op.Chat, Ids: op.IDs})
	if err != nil {
		return fmt.Errorf("count unread: %w", err)
	}
	key := "unread_count:read:" + op.Chat + ":" + op.IDs[0] + ":" + strconv.FormatInt(op.At.Unix(), 10)
	return w.setUnread(ctx, ch, min(max(ch.UnreadCount, 0), int32(min(left, 1<<30))), key)
}

// setUnread writes an unread count and its event, if the count has changed.
func (w *writer) setUnread(ctx context.Context, ch chat, unread int32, key string) error {
	if unread == ch.UnreadCount {
		return nil
	}
	ch.UnreadCount = unread
	w.put.TouchChat(ctx, db.TouchChatParams{
		InstanceID: w.instance, ID: ch.ID, UnreadCount: unread, Timestamp: ch.Timestamp,
	})
	w.remember(ch)
	return w.emit(key, "unread_count", ch.ID, time.Time{}, ch.shape())
}

// MarkSeen sets the unread count to zero, with its event. For an unknown chat it does
// nothing.
func (m *Mirror) MarkSeen(ctx context.Context, id string) error {
	defer m.list.write(id)()
	if err := m.writing.lock(ctx); err != nil {
		return err
	}
	defer m.writing.unlock()
	err := m.write(ctx, func(ctx context.Context, careful bool) (*plan, error) {
		w := &writer{Mirror: m, plan: newPlan(), careful: careful, now: m.now()}
		ch, err := w.chat(ctx, id)
		if err != nil || !ch.exists {
			return w.plan, err
		}
		key := "unread_count:seen:" + id + ":" + strconv.FormatUint(m.Head(), 10)
		return w.plan, w.setUnread(ctx, ch, 0, key)
	})
	if err != nil {
		return fmt.Errorf("mark chat as seen: %w", err)
	}
	return nil
}
