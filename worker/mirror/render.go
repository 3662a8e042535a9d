package mirror

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/tidwall/sjson"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	payload "whatsapp-manager/proto/event"
	"whatsapp-manager/worker/inbound"
	"whatsapp-manager/worker/message"
	"whatsapp-manager/worker/mirror/db"
	"whatsapp-manager/worker/shape"
)

// render builds the Message of a row.
func (m *Mirror) render(row db.Message) shape.Message {
	return shape.Render(m.source(row))
}

func (m *Mirror) source(row db.Message) shape.Source {
	s := shape.Source{
		Me: m.me(), Chat: row.Chat, ID: row.ID, FromMe: row.FromMe, Sender: row.Sender, Timestamp: row.Timestamp,
		PushName: row.PushName, Raw: decodeRaw(row.Raw), Body: row.Body, Ack: int(row.Ack), Starred: row.Starred,
		Reacted: row.HasReaction, Broadcast: row.Broadcast, History: row.History, ServerID: int(row.ServerID),
		EditID: row.EditID, EditedAt: row.EditedAt,
	}
	if row.Kept != nil {
		s.Keep = &shape.Keep{On: *row.Kept, ID: row.KeepID, By: row.KeepBy, AtMs: row.KeepAt, Count: int(row.KeptCount)}
	}
	if s.Raw == nil {
		s.Type, s.Subtype = row.Type, row.Subtype
	}
	return s
}

// decodeRaw returns nil for content that cannot be read. We wrote it ourselves, so such a
// message never had content.
func decodeRaw(encoded []byte) *waE2E.Message {
	if len(encoded) == 0 {
		return nil
	}
	var raw waE2E.Message
	if err := proto.Unmarshal(encoded, &raw); err != nil {
		return nil
	}
	return &raw
}

func encodeRaw(raw *waE2E.Message) ([]byte, error) {
	if raw == nil {
		return nil, nil
	}
	encoded, err := proto.Marshal(raw)
	if err != nil {
		return nil, fmt.Errorf("encode message: %w", err)
	}
	return encoded, nil
}

// SetRawEvents says whether later events carry what WhatsApp wrote of their Message. That
// makes each of them larger, so it is off until somebody wants it.
func (m *Mirror) SetRawEvents(on bool) { m.raw.Store(on) }

// content is what an event about this message carries beside its arguments.
func (m *Mirror) content(raw *waE2E.Message) (content payload.Raw) {
	if m.raw.Load() {
		content.Message, content.Omitted = message.JSON(raw)
	}
	return content
}

// stored is content for a message as it was stored.
func (m *Mirror) stored(row db.Message) (content payload.Raw) {
	if m.raw.Load() {
		content = m.content(decodeRaw(row.Raw))
	}
	return content
}

// ballot is content for a vote, with the choice that was opened in place of the sealed one.
func (m *Mirror) ballot(op *inbound.Vote) payload.Raw {
	content := m.content(op.Raw)
	if content.Message == nil || op.Unreadable {
		return content
	}
	opened, err := protojson.Marshal(&waE2E.PollVoteMessage{SelectedOptions: op.Hashes})
	if err == nil {
		content.Message, err = sjson.SetRawBytes(content.Message, "pollUpdateMessage.vote", opened)
	}
	if err != nil { // neither fails on what was just written
		return payload.Raw{Omitted: true}
	}
	return content
}

// find looks a message up by chat and id. It also finds a person's chat that was first
// known by the other form of its id.
func (m *Mirror) find(ctx context.Context, chat, id string) (row db.Message, found bool, err error) {
	one, err := m.q.OneMessage(ctx, db.OneMessageParams{InstanceID: m.instance, ID: id, Chat: chat})
	if err == nil {
		return one.Message, true, nil
	}
	if !errors.Is(err, pgx.ErrNoRows) {
		return row, false, fmt.Errorf("read message: %w", err)
	}
	if !shape.IsUser(chat) {
		return row, false, nil
	}
	return m.elsewhere(ctx, chat, id)
}

// elsewhere looks for a message in the person's chat under the other form of its id.
func (m *Mirror) elsewhere(ctx context.Context, chat, id string) (row db.Message, found bool, err error) {
	rows, err := m.q.MessagesByID(ctx, db.MessagesByIDParams{InstanceID: m.instance, ID: id})
	if err != nil {
		return row, false, fmt.Errorf("read message: %w", err)
	}
	for _, r := range rows {
		if shape.IsUser(r.Message.Chat) && shape.IsLID(r.Message.Chat) != shape.IsLID(chat) {
			return r.Message, true, nil
		}
	}
	return row, false, nil
}
