package mirror

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"whatsapp-manager/worker/inbound"
	"whatsapp-manager/worker/mirror/db"
	"whatsapp-manager/worker/shape"
)

func (w *writer) pinned(ctx context.Context, op *inbound.Pinned) {
	w.put.PutPin(ctx, db.PutPinParams{
		InstanceID: w.instance, Chat: op.Chat, MessageID: op.Target, Pinned: op.On, ChangedAt: op.AtMs, Until: op.Until,
	})
}

// keep marks a message as kept, or as kept no longer, under the rules of WhatsApp Web
// (WAWebKeepInChatMsgAction): the newer change counts, and when the author of the message
// undid it, nobody else may keep it again.
func (w *writer) keep(ctx context.Context, op *inbound.Keep) error {
	row, found, err := w.find(ctx, op.Chat, op.Target)
	if err != nil || !found || row.Type == shape.TypeRevoked {
		return err
	}
	if row.Kept != nil {
		older := op.AtMs < row.KeepAt || op.AtMs == row.KeepAt && op.ID <= row.KeepID
		undone := !*row.Kept && samePerson(row.KeepBy, row.Sender) && !samePerson(op.By, row.Sender)
		if older || undone {
			return nil
		}
	}
	count := int(row.KeptCount)
	if op.On {
		count++
	}
	w.putKeep(ctx, row.Chat, op, count)
	return nil
}

func (w *writer) putKeep(ctx context.Context, chat string, op *inbound.Keep, count int) {
	w.put.KeepMessage(ctx, db.KeepMessageParams{
		InstanceID: w.instance, Chat: chat, ID: op.Target, Kept: op.On, KeepID: op.ID, KeepBy: op.By, KeepAt: op.AtMs,
		KeptCount: int32(count),
	})
}

// Pinned returns the messages that are pinned in a chat now, the newest pin first.
func (m *Mirror) Pinned(ctx context.Context, chat string) ([]shape.Message, error) {
	id, err := m.canonical(ctx, chat)
	if err != nil {
		return nil, err
	}
	rows, err := m.q.PinnedMessages(ctx, db.PinnedMessagesParams{InstanceID: m.instance, Chat: id, Now: m.now().Unix()})
	if err != nil {
		return nil, fmt.Errorf("read pinned messages: %w", err)
	}
	list := make([]shape.Message, len(rows))
	for i, row := range rows {
		list[i] = m.render(row.Message)
	}
	n := naming{}
	n.messages(list, m.me())
	return list, m.name(ctx, n)
}

// SetPreference keeps a switch that whatsapp-web.js keeps in the browser's profile.
func (m *Mirror) SetPreference(ctx context.Context, name string, on bool) error {
	if err := m.q.SetPreference(ctx, db.SetPreferenceParams{InstanceID: m.instance, Name: name, Value: on}); err != nil {
		return fmt.Errorf("keep preference: %w", err)
	}
	return nil
}

// Available is the preference by which an account shows itself as online.
const Available = "available"

// Preference returns a switch, and ErrNotFound when it was never set.
func (m *Mirror) Preference(ctx context.Context, name string) (bool, error) {
	on, err := m.q.Preference(ctx, db.PreferenceParams{InstanceID: m.instance, Name: name})
	if errors.Is(err, pgx.ErrNoRows) {
		return false, ErrNotFound
	}
	if err != nil {
		return false, fmt.Errorf("read preference: %w", err)
	}
	return on, nil
}
