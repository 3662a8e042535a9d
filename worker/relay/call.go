package relay

import (
	"context"
	"errors"
	"sync/atomic"

	"go.mau.fi/whatsmeow"

	"whatsapp-manager/proto/fault"
	workerv1 "whatsapp-manager/proto/worker/v1"
	"whatsapp-manager/worker/mirror"
	"whatsapp-manager/worker/relay/media"
	"whatsapp-manager/worker/shape"
)

// Call is one call on its way. It belongs to the goroutine of the call.
type Call struct {
	*Deps
	// Client is whatsmeow's client, nil for a method that needs none.
	Client *whatsmeow.Client
	// MessageID is WhatsApp's id for the message that the call sends; empty: one is made.
	MessageID string
	// ToChannel says that the call sends to a channel, whose media is not encrypted.
	ToChannel bool
	// Media works on the files of this call.
	Media *media.Work

	table    *Table
	args     []any                   // nil where an optional parameter was left out
	first    bool                    // no earlier call had this MessageID
	contacts *workerv1.FirstContacts // nil: it may write to anybody
	met      []string                // people whom it writes to for the first time
	handle   string                  // of media that was uploaded for a channel
	began    bool                    // all checks are passed and the method runs
	sent     atomic.Bool             // something was sent, or may have been
}

// Arg returns a parameter as the type that its kind promises, and the zero value
// when it was left out.
func Arg[T any](c *Call, i int) T {
	v, _ := c.args[i].(T)
	return v
}

// ArgList returns the elements of a parameter that is a list.
func ArgList[T any](c *Call, i int) []T {
	all := Arg[[]any](c, i)
	typed := make([]T, len(all))
	for n, v := range all {
		typed[n], _ = v.(T)
	}
	return typed
}

// Given tells whether an optional parameter is there.
func (c *Call) Given(i int) bool { return c.args[i] != nil }

// Require takes the present client and returns Unpaired or Offline when the
// account is not in the state that the method needs.
func (c *Call) Require(need Need) error {
	c.Client = c.CurrentClient()
	return c.table.ready(c.Client, need)
}

// Begin says that the checks are passed and that the method runs now. An error
// before it means that nothing was sent.
func (c *Call) Begin() { c.began = true }

// MarkSent says that something is out, or may be.
func (c *Call) MarkSent() { c.sent.Store(true) }

// MaybeSent tells whether something is out, or may be.
func (c *Call) MaybeSent() bool { return c.sent.Load() }

// upload puts a file on WhatsApp's servers, as the chat that it goes to needs it.
func (c *Call) upload(ctx context.Context, file media.Body, kind whatsmeow.MediaType) (whatsmeow.UploadResponse, error) {
	up, err := c.Files.Put(ctx, c.Client, file, kind, c.ToChannel)
	c.handle = up.Handle
	return up, err
}

// FindMessage returns the message that a method is about.
func (c *Call) FindMessage(ctx context.Context, id shape.MessageID) (mirror.Record, error) {
	record, err := c.Mirror.Message(ctx, id.Serialized)
	if errors.Is(err, mirror.ErrNotFound) {
		return record, fault.New(fault.NotFound, Op, "this message is not known")
	}
	return record, Unsent(err)
}

// OfMessage is a function of a row whose first parameter names a message.
func OfMessage(do func(context.Context, *Call, mirror.Record) (any, error)) Do {
	return func(ctx context.Context, c *Call) (any, error) {
		record, err := c.FindMessage(ctx, Arg[shape.MessageID](c, 0))
		if err != nil {
			return nil, err
		}
		return do(ctx, c, record)
	}
}
