package relay

import (
	"context"
	"errors"
	"fmt"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/socket"
	"go.mau.fi/whatsmeow/types"
	"google.golang.org/protobuf/proto"

	"whatsapp-manager/proto/fault"
	"whatsapp-manager/worker/message"
	"whatsapp-manager/worker/shape"
)

// A failed call says what it had sent, where that is certain. Nothing is sent as
// long as its checks and look-ups run and whatsmeow has not handed the message to
// the connection. From then on something may be out. An error in between that has
// no mark says neither, and the caller has to take the outcome for unknown.

// finish gives the error of the call its kind, and the mark of what was sent.
func (c *Call) finish(err error) *fault.Error {
	f := *toFault(err)
	var before unsentError
	switch {
	case c.MaybeSent():
		f.Sent = fault.SentPerhaps
	case !c.began, errors.As(err, &before):
		f.Sent = fault.SentNothing
	}
	return &f
}

// unsentError is a failure before anything of its call was sent.
type unsentError struct{ error }

func (e unsentError) Unwrap() error { return e.error }

// Unsent marks an error: it came before anything was sent. Nil stays nil.
func Unsent(err error) error {
	if err == nil {
		return nil
	}
	return unsentError{err}
}

// Write is whatsmeow's SendMessage, and knows whether that got as far as writing.
func (c *Call) Write(
	ctx context.Context, to types.JID, msg *waE2E.Message, extra whatsmeow.SendRequestExtra,
) (whatsmeow.SendResponse, error) {
	if err := c.approach(ctx, to, msg); err != nil {
		return whatsmeow.SendResponse{}, Unsent(err)
	}
	if err := c.disappear(ctx, to, msg); err != nil {
		return whatsmeow.SendResponse{}, Unsent(err)
	}
	// whatsmeow keeps what it was given, and changes it when a device asks for it again.
	response, err := c.Client.SendMessage(ctx, to, proto.CloneOf(msg), extra)
	if err != nil && (unwritten(response.DebugTimings, err) || turnedAway(response.DebugTimings, err)) {
		return response, Unsent(err)
	}
	c.MarkSent()
	return response, err
}

// unwritten tells whether a SendMessage failed before the message was handed to the
// connection: whatsmeow took no time for that, or found no connection at its first
// try. When the second try fails so, the first may have arrived.
func unwritten(took whatsmeow.MessageDebugTimings, err error) bool {
	noConnection := errors.Is(err, whatsmeow.ErrNotConnected) || errors.Is(err, socket.ErrSocketClosed)
	return took.Send == 0 || took.Retry == 0 && noConnection
}

// disappear gives a message the timer of the chat that it goes to, as all clients do.
// This is the one place: everything that is sent passes Write.
func (c *Call) disappear(ctx context.Context, to types.JID, msg *waE2E.Message) error {
	if to.IsBot() || !message.Disappears(msg) {
		return nil
	}
	switch to.Server {
	case types.DefaultUserServer, types.HiddenUserServer, types.GroupServer:
	default:
		return nil
	}
	chat, err := numberOf(ctx, c.Client, to)
	if err != nil {
		return err
	}
	timer, known, err := c.Mirror.Timer(ctx, shape.ID(chat))
	if err != nil {
		return fmt.Errorf("read the chat's timer: %w", err)
	}
	if !known && to.Server != types.GroupServer {
		return c.startTimer(ctx, chat, msg)
	}
	if timer.Seconds > 0 {
		message.SetTimer(msg, timer.Seconds, timer.SetAt, nil)
	}
	return nil
}
