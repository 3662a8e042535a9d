package relay

import (
	"context"
	"errors"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/socket"
	"go.mau.fi/whatsmeow/types"
	"google.golang.org/protobuf/proto"

	"whatsapp-manager/proto/fault"
)

// A failed call tells what it had sent, where that is certain: nothing, as long
// as its checks and look-ups run and whatsmeow has not handed the message to the
// connection; perhaps something, from then on. A failure in between that is
// not marked says nothing, and its caller has to take it for torn.

// told gives the failure of the call its kind, and the mark of what was sent.
func (c *call) told(err error) *fault.Error {
	f := *toFault(err)
	var before unsentError
	switch {
	case c.out.Load():
		f.Sent = fault.SentPerhaps
	case !c.began, errors.As(err, &before):
		f.Sent = fault.SentNothing
	}
	return &f
}

// unsentError is a failure before anything of its call was sent.
type unsentError struct{ error }

func (e unsentError) Unwrap() error { return e.error }

func unsent(err error) error {
	if err == nil {
		return nil
	}
	return unsentError{err}
}

// write is whatsmeow's SendMessage that knows whether it got as far as writing.
func (c *call) write(ctx context.Context, to types.JID, msg *waE2E.Message, extra whatsmeow.SendRequestExtra) (whatsmeow.SendResponse, error) {
	// whatsmeow keeps what it was given, and changes it when a device asks for it again.
	response, err := c.cli.SendMessage(ctx, to, proto.CloneOf(msg), extra)
	if err != nil && unwritten(response.DebugTimings, err) {
		return response, unsent(err)
	}
	c.out.Store(true)
	return response, err
}

// unwritten tells of a failed SendMessage that it ended before the message was
// handed to the connection: whatsmeow took no time for that, or found no
// connection at its first try. At a second one the first may have arrived.
func unwritten(took whatsmeow.MessageDebugTimings, err error) bool {
	return took.Send == 0 || took.Retry == 0 && (errors.Is(err, whatsmeow.ErrNotConnected) || errors.Is(err, socket.ErrSocketClosed))
}
