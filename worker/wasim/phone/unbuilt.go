package phone

import (
	"context"
	"errors"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
)

var errUnbuilt = errors.New("phone: not built yet")

// Option changes one message that the phone sends.
type Option func(*outgoing)

type outgoing struct{}

// ID sends under a given message id in place of a random one.
func ID(id types.MessageID) Option { return func(*outgoing) {} }

// Reply quotes a message.
func Reply(quoted Received) Option { return func(*outgoing) {} }

// Mentions names users in the message.
func Mentions(users ...types.JID) Option { return func(*outgoing) {} }

func (p *Phone) handle(ctx context.Context, node waBinary.Node) {}

func (p *Phone) bootstrapCompanion(ctx context.Context, device types.JID) {}

// CollectionPatch is one patch of an app-state collection as the server stores it.
type CollectionPatch struct {
	Name    string
	Version uint64
	Patch   []byte // SyncdPatch protobuf with its version set
}

// Bootstrap returns the first patch of each of the five collections.
func (p *Phone) Bootstrap() ([]CollectionPatch, error) { return nil, errUnbuilt }

// ApplyPatch takes a patch that the server has stored.
func (p *Phone) ApplyPatch(collection string, patch []byte) error { return errUnbuilt }

// SendText sends a text.
func (p *Phone) SendText(ctx context.Context, to types.JID, text string, opts ...Option) (types.MessageID, error) {
	return "", errUnbuilt
}

// SendMessage sends any message.
func (p *Phone) SendMessage(ctx context.Context, to types.JID, message *waE2E.Message, opts ...Option) (types.MessageID, error) {
	return "", errUnbuilt
}

// MarkRead sends read receipts.
func (p *Phone) MarkRead(ctx context.Context, chat, author types.JID, ids ...string) error {
	return errUnbuilt
}

// React sends a reaction; an empty emoji takes it back.
func (p *Phone) React(ctx context.Context, chat, author types.JID, id types.MessageID, emoji string) (types.MessageID, error) {
	return "", errUnbuilt
}
