package mirror

import (
	"context"
	"errors"

	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"

	"whatsapp-manager/worker/shape"
)

// ErrNotFound is returned by reads of one thing that the mirror does not hold.
var ErrNotFound = errors.New("not in the mirror")

// Record is one message with what sending needs to know of it: to quote it,
// react to it, edit or revoke it, or download its media.
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
	Limit  int   // at most; 0: all
	FromMe *bool // only own, or only those of others
	// Before continues below an older page: only messages older than this one, by WhatsApp's id.
	Before string
}

// Ref names a message for a read receipt.
type Ref struct {
	ID     string
	Sender types.JID
	At     int64 // seconds
}

// Chats returns all chats with their last message, pinned ones first, then the
// newest.
func (m *Mirror) Chats(ctx context.Context) ([]shape.Chat, error) {
	return nil, errors.New("not built yet")
}

// Chat returns one chat with its last message, by id in either form, or ErrNotFound.
func (m *Mirror) Chat(ctx context.Context, id string) (shape.Chat, error) {
	return shape.Chat{}, errors.New("not built yet")
}

// Contacts returns all persons known, ourselves, and all groups, as upstream does.
func (m *Mirror) Contacts(ctx context.Context) ([]shape.Contact, error) {
	return nil, errors.New("not built yet")
}

// Contact returns one contact by id in either form; a valid id that is not
// known gives a contact without names, as upstream does.
func (m *Mirror) Contact(ctx context.Context, id string) (shape.Contact, error) {
	return shape.Contact{}, errors.New("not built yet")
}

// Messages returns messages of a chat, oldest first, without notifications; of
// those that the filter lets through the newest.
func (m *Mirror) Messages(ctx context.Context, chat string, f Filter) ([]shape.Message, error) {
	return nil, errors.New("not built yet")
}

// Message returns one message by its serialised id, in any form of its chat's
// id, or by WhatsApp's bare id; ErrNotFound when the mirror lacks it.
func (m *Mirror) Message(ctx context.Context, id string) (Record, error) {
	return Record{}, errors.New("not built yet")
}

// Unread returns the messages of others that make up the unread count, newest
// first, at most 1,000.
func (m *Mirror) Unread(ctx context.Context, chat string) ([]Ref, error) {
	return nil, errors.New("not built yet")
}

// MarkSeen sets the unread count to zero, with its event. Unknown chats are fine.
func (m *Mirror) MarkSeen(ctx context.Context, chat string) error { return errors.New("not built yet") }

// Reactions returns the reactions to a message by emoji; none gives nil.
func (m *Mirror) Reactions(ctx context.Context, id string) ([]shape.ReactionList, error) {
	return nil, errors.New("not built yet")
}

// Info returns who has received, read and played an own message.
func (m *Mirror) Info(ctx context.Context, id string) (shape.MessageInfo, error) {
	return shape.MessageInfo{}, errors.New("not built yet")
}
