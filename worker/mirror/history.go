package mirror

import (
	"context"
	"fmt"
	"slices"

	"whatsapp-manager/worker/inbound"
	"whatsapp-manager/worker/mirror/db"
	"whatsapp-manager/worker/shape"
)

// learn fills the mirror from the past, in one transaction per part, and lets live events
// in between. It makes no events. To repeat it, whole or in part, changes nothing.
func (m *Mirror) learn(ctx context.Context, change inbound.Change, h *inbound.History) error {
	parts, messages := 0, 0
	err := h.Each(func(part inbound.Past) error {
		parts++
		messages += len(part.Messages)
		return m.learnPart(ctx, part)
	})
	if err != nil {
		return fmt.Errorf("learn history: %w", err)
	}
	m.log.Info().Int("parts", parts).Int("messages", messages).Msg("history is in the mirror")
	return nil
}

func (m *Mirror) learnPart(ctx context.Context, part inbound.Past) error {
	if err := m.writing.lock(ctx); err != nil {
		return err
	}
	defer m.writing.unlock()
	if err := m.merge(ctx, part.Aliases); err != nil {
		return err
	}
	keeps := keptBeside(part)
	return m.write(ctx, func(ctx context.Context, _ bool) (*plan, error) {
		w := &writer{Mirror: m, plan: newPlan(), now: m.now()}
		w.aliases(ctx, part.Aliases)
		w.contacts(ctx, part.Contacts)
		for _, state := range part.Chats {
			if err := w.learnChat(ctx, state); err != nil {
				return nil, err
			}
		}
		for i := range part.Messages {
			if err := w.learnMessage(ctx, &part.Messages[i]); err != nil {
				return nil, err
			}
		}
		for i := range keeps {
			if err := w.keep(ctx, &keeps[i]); err != nil {
				return nil, err
			}
		}
		w.toldHidden(ctx, hiddenIn(part))
		return w.plan, nil
	})
}

// hiddenIn returns the hidden ids under which a history brings chats and authors. Members of
// groups and mere names are not among them: they would be thousands, and nothing of theirs
// is stored.
func hiddenIn(part inbound.Past) []string {
	var hidden []string
	for _, c := range part.Chats {
		if shape.IsLID(c.ID) {
			hidden = append(hidden, c.ID)
		}
	}
	for i := range part.Messages {
		for _, id := range []string{part.Messages[i].Chat, part.Messages[i].Sender} {
			if shape.IsLID(id) {
				hidden = append(hidden, id)
			}
		}
	}
	slices.Sort(hidden)
	return slices.Compact(hidden)
}

func (w *writer) learnChat(ctx context.Context, s inbound.ChatState) error {
	var metadata []byte
	if s.Group != nil {
		var err error
		if metadata, err = shape.Marshal(s.Group); err != nil {
			return err
		}
	}
	var unread *int32
	if s.Unread != nil {
		n := int32(*s.Unread)
		unread = &n
	}
	w.put.LearnChat(ctx, db.LearnChatParams{
		InstanceID: w.instance, ID: s.ID, Name: s.Name, UnreadCount: unread, Timestamp: s.Timestamp, Archived: s.Archived,
		Pinned: s.Pinned, MutedUntil: s.MutedUntil, ReadOnly: s.ReadOnly, Metadata: metadata,
	})
	if s.Timer != nil {
		w.put.SetChatTimer(ctx, db.SetChatTimerParams{
			InstanceID: w.instance, ID: s.ID, EphemeralDuration: int32(s.Timer.Seconds), EphemeralSetAt: s.Timer.SetAt,
		})
	}
	w.then(func() { w.cache.chats.Remove(s.ID) })
	return nil
}

func (w *writer) learnMessage(ctx context.Context, op *inbound.Message) error {
	op, err := w.caughtUp(ctx, op)
	if err != nil {
		return err
	}
	raw, err := encodeRaw(op.Raw)
	if err != nil {
		return err
	}
	source := w.newSource(op)
	source.New, source.History = false, true
	done := shape.Render(source)
	w.put.LearnMessage(ctx, db.LearnMessageParams{
		InstanceID: w.instance, Chat: op.Chat, ID: op.ID, FromMe: op.FromMe, Sender: op.Sender,
		Timestamp: op.At.Unix(), Type: done.Type, Body: done.Body, Ack: int16(done.Ack), PushName: op.PushName,
		Raw: raw, Starred: op.Starred, HasReaction: len(op.Reactions) > 0, Broadcast: op.Broadcast,
		ServerID: int32(op.ServerID), Recipients: int32(op.Recipients), RevokedAt: op.RevokedAt,
	})
	for _, r := range op.Reactions {
		w.put.PutReaction(ctx, db.PutReactionParams{
			InstanceID: w.instance, Chat: op.Chat, MessageID: op.ID, Sender: r.Sender, Reaction: r.Text, ID: r.ID,
			FromMe: r.FromMe, Timestamp: r.AtMs, Read: !r.Unread,
		})
	}
	for i := range op.Votes {
		w.putVote(ctx, op.Chat, &op.Votes[i])
	}
	for i := range op.Answers {
		w.putEventResponse(ctx, op.Chat, &op.Answers[i])
	}
	if op.Pin != nil {
		w.pinned(ctx, op.Pin)
	}
	if op.Keep != nil {
		w.putKeep(ctx, op.Chat, op.Keep, keptTimes(op.Keep))
	}
	for _, r := range op.Receipts {
		w.put.PutReceipt(ctx, db.PutReceiptParams{
			InstanceID: w.instance, Chat: op.Chat, MessageID: op.ID, Participant: r.By,
			DeliveredAt: r.DeliveredAt, ReadAt: r.ReadAt, PlayedAt: r.PlayedAt,
		})
	}
	return nil
}

// groupsAtOnce bounds the transaction: the metadata of a large group has some 100 KB.
const groupsAtOnce = 25

// learnGroups writes the present metadata of groups, without events.
func (m *Mirror) learnGroups(ctx context.Context, change inbound.Change, op *inbound.Groups) error {
	if err := m.writing.lock(ctx); err != nil {
		return err
	}
	defer m.writing.unlock()
	if err := m.merge(ctx, change.Aliases); err != nil {
		return err
	}
	for start := 0; start < len(op.Groups); start += groupsAtOnce {
		groups := op.Groups[start:min(start+groupsAtOnce, len(op.Groups))]
		err := m.write(ctx, func(ctx context.Context, _ bool) (*plan, error) {
			w := &writer{Mirror: m, plan: newPlan(), now: m.now()}
			if start == 0 {
				w.aliases(ctx, change.Aliases)
			}
			for i := range groups {
				g := &groups[i]
				if err := w.putGroup(ctx, g.ID.Serialized, g.Subject, false, g); err != nil {
					return nil, err
				}
			}
			return w.plan, nil
		})
		if err != nil {
			return fmt.Errorf("learn groups: %w", err)
		}
	}
	return nil
}
