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

func (w *writer) label(ctx context.Context, op *inbound.Label) error {
	if op.Deleted {
		w.put.DropLabel(ctx, db.DropLabelParams{InstanceID: w.instance, ID: op.ID})
		return nil
	}
	w.put.PutLabel(ctx, db.PutLabelParams{InstanceID: w.instance, ID: op.ID, Name: op.Name, Color: op.Color})
	return nil
}

func (w *writer) labelled(ctx context.Context, op *inbound.LabelledChat) error {
	if op.On {
		w.put.LabelChat(ctx, db.LabelChatParams{InstanceID: w.instance, Chat: op.Chat, LabelID: op.LabelID})
		return nil
	}
	w.put.UnlabelChat(ctx, db.UnlabelChatParams{InstanceID: w.instance, Chat: op.Chat, LabelID: op.LabelID})
	return nil
}

func (w *writer) note(ctx context.Context, op *inbound.Note) error {
	if op.Deleted {
		w.put.DropNote(ctx, db.DropNoteParams{InstanceID: w.instance, ID: op.ID})
		return nil
	}
	w.put.PutNote(ctx, db.PutNoteParams{
		InstanceID: w.instance, Chat: op.ChatID, ID: op.ID, Kind: op.Type, Content: op.Content,
		CreatedAt: op.CreatedAt, ModifiedAt: op.ModifiedAt,
	})
	return nil
}

// Labels returns the account's labels, or those of one chat when chat is not empty.
func (m *Mirror) Labels(ctx context.Context, chat string) ([]shape.Label, error) {
	labels := []shape.Label{}
	if chat == "" {
		rows, err := m.q.Labels(ctx, m.instance)
		if err != nil {
			return nil, fmt.Errorf("read labels: %w", err)
		}
		for _, r := range rows {
			labels = append(labels, shape.NewLabel(r.ID, r.Name, r.Color))
		}
		return labels, nil
	}
	chat, err := m.canonical(ctx, chat)
	if err != nil {
		return nil, err
	}
	rows, err := m.q.LabelsOfChat(ctx, db.LabelsOfChatParams{InstanceID: m.instance, Chat: chat})
	if err != nil {
		return nil, fmt.Errorf("read labels of a chat: %w", err)
	}
	for _, r := range rows {
		labels = append(labels, shape.NewLabel(r.ID, r.Name, r.Color))
	}
	return labels, nil
}

// LabelledChats returns the ids of the chats that have the label.
func (m *Mirror) LabelledChats(ctx context.Context, label string) ([]string, error) {
	chats, err := m.q.ChatsOfLabel(ctx, db.ChatsOfLabelParams{InstanceID: m.instance, LabelID: label})
	if err != nil {
		return nil, fmt.Errorf("read chats of a label: %w", err)
	}
	return chats, nil
}

// Note returns the note about a customer, and ErrNotFound when there is none.
func (m *Mirror) Note(ctx context.Context, chat string) (shape.CustomerNote, error) {
	chat, err := m.canonical(ctx, chat)
	if err != nil {
		return shape.CustomerNote{}, err
	}
	r, err := m.q.OneNote(ctx, db.OneNoteParams{InstanceID: m.instance, Chat: chat})
	if errors.Is(err, pgx.ErrNoRows) {
		return shape.CustomerNote{}, ErrNotFound
	}
	if err != nil {
		return shape.CustomerNote{}, fmt.Errorf("read note: %w", err)
	}
	return shape.CustomerNote{
		ChatID: r.Chat, Content: r.Content, CreatedAt: r.CreatedAt, ID: r.ID, ModifiedAt: r.ModifiedAt, Type: r.Kind,
	}, nil
}
