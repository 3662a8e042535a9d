package mirror

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"

	"whatsapp-manager/worker/mirror/db"
	"whatsapp-manager/worker/shape"
	"whatsapp-manager/worker/together"
)

// ErrNotFound is the error of a read of something that the mirror does not have.
var ErrNotFound = errors.New("not in the mirror")

// Record is one message with everything that is needed to quote it, react to it, edit or
// revoke it, or download its media.
type Record struct {
	Shape    shape.Message
	Raw      *waE2E.Message // as sent, wrappers included; nil when undecryptable or revoked
	Chat     types.JID
	Sender   types.JID // author; our own id for own messages
	ID       string    // WhatsApp's id
	FromMe   bool
	ServerID int // channels
}

// Filter chooses messages of a chat.
type Filter struct {
	Limit  int   // 0 means MaxMessages, which is also the most
	FromMe *bool // only own messages, or only those of others
	// Before selects the messages that are older than this one, by WhatsApp's id. The
	// error is ErrNotFound when the chat does not have it.
	Before string
}

// MaxMessages bounds one answer, because a worker's memory is bounded. Before reaches older
// messages.
const MaxMessages = 5000

// Ref names a message for a read receipt.
type Ref struct {
	ID     string
	Sender types.JID
	At     int64 // seconds
}

// canonical returns the id under which the mirror keeps a person.
func (m *Mirror) canonical(ctx context.Context, id string) (string, error) {
	if !shape.IsLID(id) {
		return id, nil
	}
	if acct := m.Account(); id == shape.ID(acct.LID) {
		return acct.ID(), nil
	}
	row, err := m.q.OneContact(ctx, db.OneContactParams{InstanceID: m.instance, ID: id})
	if errors.Is(err, pgx.ErrNoRows) {
		return id, nil
	}
	if err != nil {
		return "", fmt.Errorf("read contact: %w", err)
	}
	return row.ID, nil
}

func (m *Mirror) readChats(ctx context.Context) ([]shape.Chat, error) {
	var rows []db.ChatsRow
	var last map[string]*shape.Message
	err := together.Do(ctx, func(ctx context.Context) (err error) {
		if rows, err = m.q.Chats(ctx, m.instance); err != nil {
			return fmt.Errorf("read chats: %w", err)
		}
		return nil
	}, func(ctx context.Context) error {
		newest, err := m.q.NewestOfEach(ctx, m.instance)
		if err != nil {
			return fmt.Errorf("read newest messages: %w", err)
		}
		last = make(map[string]*shape.Message, len(newest))
		for i := range newest {
			message := m.render(newest[i])
			last[newest[i].Chat] = &message
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	chats := make([]shape.Chat, 0, len(rows))
	for _, row := range rows {
		message, has := last[row.Chat.ID]
		if !worthListing(row.Chat.ID, row.Chat.Timestamp, has) {
			continue
		}
		metadata, err := decodeMetadata(row.Chat.Metadata)
		if err != nil {
			return nil, err
		}
		ch := m.chatOf(row, metadata).shape()
		ch.GroupMetadata = metadata
		if has {
			ch.LastMessage = message
		}
		chats = append(chats, ch)
	}
	n := naming{}
	for i := range chats {
		n.chat(&chats[i], m.me())
	}
	return chats, m.name(ctx, n)
}

// worthListing reports whether a chat belongs into the list. Channels do not, nor do chats
// of which only a setting is known.
func worthListing(id string, timestamp int64, hasMessage bool) bool {
	if strings.HasSuffix(id, "@"+types.NewsletterServer) {
		return false
	}
	return hasMessage || timestamp > 0 || shape.IsGroup(id)
}

// Chat returns one chat with its last message, by id in either form, or ErrNotFound.
func (m *Mirror) Chat(ctx context.Context, id string) (shape.Chat, error) {
	id, err := m.canonical(ctx, id)
	if err != nil {
		return shape.Chat{}, err
	}
	return m.chatAt(ctx, id)
}

// Attention is what a chat asks of the account's owner.
type Attention struct {
	Unread int       // messages; -1: the chat is marked as unread
	Newest time.Time // when its newest message was written
}

// Attention returns that of a chat, whose id may have any form, and ErrNotFound when the
// mirror does not have it. Mostly it asks the database nothing.
func (m *Mirror) Attention(ctx context.Context, id string) (Attention, error) {
	id, err := m.canonical(ctx, id)
	if err != nil {
		return Attention{}, err
	}
	if err := m.writing.lock(ctx); err != nil {
		return Attention{}, err
	}
	defer m.writing.unlock()
	ch, err := m.chat(ctx, id)
	switch {
	case err != nil:
		return Attention{}, err
	case !ch.exists:
		return Attention{}, ErrNotFound
	}
	return Attention{Unread: int(ch.UnreadCount), Newest: time.Unix(ch.Timestamp, 0)}, nil
}

// chatAt is Chat for exactly this id.
func (m *Mirror) chatAt(ctx context.Context, id string) (shape.Chat, error) {
	row, metadata, err := m.readChat(ctx, id)
	if err != nil {
		return shape.Chat{}, err
	}
	if !row.exists {
		return shape.Chat{}, ErrNotFound
	}
	ch := row.shape()
	ch.GroupMetadata = metadata
	last, err := m.newest(ctx, id, Filter{Limit: 1}, []string{})
	if err != nil {
		return shape.Chat{}, err
	}
	if len(last) > 0 {
		rendered := m.render(last[0])
		ch.LastMessage = &rendered
	}
	n := naming{}
	n.chat(&ch, m.me())
	return ch, m.name(ctx, n)
}

// Messages returns the newest messages of a chat that pass the filter, without
// notifications, oldest first. An unknown chat has none.
func (m *Mirror) Messages(ctx context.Context, chat string, f Filter) ([]shape.Message, error) {
	chat, err := m.canonical(ctx, chat)
	if err != nil {
		return nil, err
	}
	rows, err := m.newest(ctx, chat, f, shape.Notifications)
	if err != nil {
		return nil, err
	}
	messages := make([]shape.Message, 0, len(rows))
	for _, row := range slices.Backward(rows) {
		messages = append(messages, m.render(row))
	}
	n := naming{}
	n.messages(messages, m.me())
	return messages, m.name(ctx, n)
}

// newest reads a page of a chat, newest first.
func (m *Mirror) newest(ctx context.Context, chat string, f Filter, without []string) ([]db.Message, error) {
	limit := f.Limit
	if limit <= 0 || limit > MaxMessages {
		limit = MaxMessages
	}
	place := db.NewestParams{
		InstanceID: m.instance, Chat: chat, BeforeTimestamp: math.MaxInt64, BeforePosition: math.MaxInt64,
		Without: without, AtMost: int32(limit),
	}
	if f.Before != "" {
		row, found, err := m.find(ctx, chat, f.Before)
		if err != nil {
			return nil, err
		}
		if !found {
			return nil, ErrNotFound
		}
		place.BeforeTimestamp, place.BeforePosition = row.Timestamp, row.Position
	}
	if f.FromMe == nil {
		rows, err := m.q.Newest(ctx, place)
		if err != nil {
			return nil, fmt.Errorf("read messages: %w", err)
		}
		messages := make([]db.Message, len(rows))
		for i, r := range rows {
			messages[i] = r.Message
		}
		return messages, nil
	}
	rows, err := m.q.NewestFrom(ctx, db.NewestFromParams{
		InstanceID: m.instance, Chat: chat, FromMe: *f.FromMe, BeforeTimestamp: place.BeforeTimestamp,
		BeforePosition: place.BeforePosition, Without: without, AtMost: place.AtMost,
	})
	if err != nil {
		return nil, fmt.Errorf("read messages: %w", err)
	}
	messages := make([]db.Message, len(rows))
	for i, r := range rows {
		messages[i] = r.Message
	}
	return messages, nil
}

// Message returns one message by its serialised id, in which the id of the chat may have
// any form, or by WhatsApp's bare id. The error is ErrNotFound when the mirror does not
// have the message or the text is no message id.
func (m *Mirror) Message(ctx context.Context, id string) (Record, error) {
	row, err := m.locate(ctx, id)
	if err != nil {
		return Record{}, err
	}
	return m.record(ctx, row)
}

// Oldest returns the oldest message of a chat, and ErrNotFound when there is none.
func (m *Mirror) Oldest(ctx context.Context, chat string) (Record, error) {
	id, err := m.canonical(ctx, chat)
	if err != nil {
		return Record{}, err
	}
	row, err := m.q.OldestMessage(ctx, db.OldestMessageParams{InstanceID: m.instance, Chat: id})
	if errors.Is(err, pgx.ErrNoRows) {
		return Record{}, ErrNotFound
	}
	if err != nil {
		return Record{}, fmt.Errorf("read oldest message: %w", err)
	}
	return m.record(ctx, row.Message)
}

func (m *Mirror) record(ctx context.Context, row db.Message) (Record, error) {
	rendered, err := m.rendered(ctx, row)
	if err != nil {
		return Record{}, err
	}
	r := Record{
		Shape: rendered, Raw: decodeRaw(row.Raw), ID: row.ID, FromMe: row.FromMe, ServerID: int(row.ServerID),
	}
	if r.Chat, err = shape.ParseID(row.Chat); err != nil {
		return Record{}, fmt.Errorf("message in chat: %w", err)
	}
	if r.Sender, err = shape.ParseID(row.Sender); err != nil {
		return Record{}, fmt.Errorf("author of message: %w", err)
	}
	return r, nil
}

// locate finds a message by an id in any form that callers use.
func (m *Mirror) locate(ctx context.Context, id string) (db.Message, error) {
	if !strings.Contains(id, "_") {
		rows, err := m.q.MessagesByID(ctx, db.MessagesByIDParams{InstanceID: m.instance, ID: shape.CleanMessageID(id)})
		if err != nil {
			return db.Message{}, fmt.Errorf("read message: %w", err)
		}
		if len(rows) == 0 {
			return db.Message{}, ErrNotFound
		}
		return rows[0].Message, nil
	}
	parsed, err := shape.ParseMessageID(id)
	if err != nil {
		return db.Message{}, ErrNotFound
	}
	chat, err := m.canonical(ctx, parsed.Remote)
	if err != nil {
		return db.Message{}, err
	}
	row, found, err := m.find(ctx, chat, shape.CleanMessageID(parsed.ID))
	switch {
	case err != nil:
		return db.Message{}, err
	case !found:
		return db.Message{}, ErrNotFound
	}
	return row, nil
}

// Unread returns the messages of others that make up the unread count, newest
// first, at most 1,000. A chat that is only marked unread has none.
func (m *Mirror) Unread(ctx context.Context, chat string) ([]Ref, error) {
	chat, err := m.canonical(ctx, chat)
	if err != nil {
		return nil, err
	}
	row, _, err := m.readChat(ctx, chat)
	if err != nil || row.UnreadCount <= 0 {
		return nil, err
	}
	rows, err := m.q.NewestIncoming(ctx, db.NewestIncomingParams{
		InstanceID: m.instance, Chat: chat, Limit: min(row.UnreadCount, 1000),
	})
	if err != nil {
		return nil, fmt.Errorf("read unread messages: %w", err)
	}
	refs := make([]Ref, 0, len(rows))
	for _, r := range rows {
		sender, err := shape.ParseID(r.Sender)
		if err != nil {
			continue // there is no address for a receipt
		}
		refs = append(refs, Ref{ID: r.ID, Sender: sender, At: r.Timestamp})
	}
	return refs, nil
}
