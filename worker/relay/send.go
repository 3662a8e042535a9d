package relay

import (
	"context"
	"errors"
	"time"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"

	"whatsapp-manager/proto/backoff"
	"whatsapp-manager/proto/fault"
	"whatsapp-manager/proto/phone"
	"whatsapp-manager/worker/inbound"
	"whatsapp-manager/worker/mirror"
	"whatsapp-manager/worker/shape"
	"whatsapp-manager/worker/wording"
)

// Send sends one message under the call's message id, makes sure that somebody can
// read it, and records it with its events, since whatsmeow raises none for what
// this device does. It returns the message as recorded; for a reaction, an edit or
// a revocation that is the message it changed.
func (c *Call) Send(ctx context.Context, to types.JID, msg *waE2E.Message) (shape.Message, error) {
	if sent, ok, err := c.AlreadySent(ctx); ok || err != nil {
		return sent.Shape, Unsent(err)
	}
	_, recorded, err := c.Deliver(ctx, to, msg, c.extra())
	return recorded, err
}

func (c *Call) extra() whatsmeow.SendRequestExtra {
	extra := whatsmeow.SendRequestExtra{ID: c.MessageID}
	if c.ToChannel {
		extra.MediaHandle = c.handle
	}
	return extra
}

// AlreadySent finds the message of an earlier call with the same message id, so
// that a retry does not send twice. It is false when there is none.
func (c *Call) AlreadySent(ctx context.Context) (mirror.Record, bool, error) {
	if c.MessageID == "" || c.first {
		return mirror.Record{}, false, nil
	}
	record, err := c.Mirror.Message(ctx, c.MessageID)
	switch {
	case errors.Is(err, mirror.ErrNotFound), err == nil && !record.FromMe:
		return mirror.Record{}, false, nil
	case err != nil:
		return mirror.Record{}, false, err
	}
	return record, true, nil
}

// Deliver is the common end of every way to send. The message has passed all
// checks; after whatsmeow's success it is out and must be recorded. So Deliver
// goes on when the caller has gone away: nobody could tell otherwise whether the
// message is out.
func (c *Call) Deliver(
	ctx context.Context, to types.JID, msg *waE2E.Message, extra whatsmeow.SendRequestExtra,
) (whatsmeow.SendResponse, shape.Message, error) {
	if err := ctx.Err(); err != nil {
		return whatsmeow.SendResponse{}, shape.Message{}, Unsent(err)
	}
	ctx, cancel := lasting(ctx)
	defer cancel()
	fresh := c.first
	if extra.ID == "" {
		extra.ID, fresh = c.Client.GenerateMessageID(), true
	}
	response, err := c.Transmit(ctx, to, msg, extra)
	if wording.UnknownNumber(err) {
		if other, found := c.otherForm(ctx, to); found {
			to = other
			response, err = c.Transmit(ctx, to, msg, extra)
		}
	}
	if err != nil {
		return response, shape.Message{}, err
	}
	recorded, err := c.Record(ctx, inbound.Outgoing{
		Chat: to, ID: response.ID, ServerID: response.ServerID, At: response.Timestamp, Message: msg,
		Recipients: c.recipients(ctx, to), Fresh: fresh,
	})
	if err == nil && recorded.ID.ID == "" && approaches(to, msg) {
		c.noteApproached(ctx, []types.JID{to})
	}
	return response, recorded, err
}

// otherForm finds the account of a number that WhatsApp does not know in the form in which
// it was written; false when there is none.
func (c *Call) otherForm(ctx context.Context, to types.JID) (types.JID, bool) {
	other := phone.OtherForm(to.User)
	if to.Server != types.DefaultUserServer || other == "" {
		return to, false
	}
	answers, err := c.Client.IsOnWhatsApp(ctx, []string{"+" + other})
	if err != nil {
		c.Log.Warn().Err(err).Msg("the other form of a number could not be looked up")
		return to, false
	}
	for _, answer := range answers {
		if answer.IsIn {
			return types.NewJID(other, types.DefaultUserServer), true
		}
	}
	return to, false
}

// Transmit sends without recording. Its success means that somebody can read the
// message.
func (c *Call) Transmit(
	ctx context.Context, to types.JID, msg *waE2E.Message, extra whatsmeow.SendRequestExtra,
) (whatsmeow.SendResponse, error) {
	response, err := c.Write(ctx, to, msg, extra)
	if err == nil && !c.readable(ctx, to) {
		f := fault.New(fault.Refused, Op, "WhatsApp took the message, but none of the recipient's devices could be "+
			"encrypted to, so nobody can read it")
		f.Code = "not_encrypted"
		err = f
	}
	return response, err
}

// recordTime bounds how long a sent message waits for a database that is away.
const recordTime = 20 * time.Second

// Record writes what has been sent. The message is out, so this does not end with
// the call: it is tried until it works or its time is over. The caller then learns
// of the failure, and a retry under the same id sends nothing that a phone shows
// twice.
func (c *Call) Record(ctx context.Context, out inbound.Outgoing) (shape.Message, error) {
	if out.At.IsZero() {
		out.At = time.Now()
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordTime)
	defer cancel()
	pauses := backoff.New(50*time.Millisecond, time.Second)
	for {
		recorded, err := c.recordOnce(ctx, out)
		if err == nil {
			return recorded, nil
		}
		if errors.Is(err, mirror.ErrFenced) {
			return shape.Message{}, err
		}
		if pauses.Wait(ctx) != nil {
			f := fault.Wrap(fault.Unavailable, Op, err, "message %s was sent but could not be recorded", out.ID)
			f.Code = "sent_not_recorded"
			return shape.Message{}, f
		}
	}
}

func (c *Call) recordOnce(ctx context.Context, out inbound.Outgoing) (shape.Message, error) {
	change, ok, err := inbound.Sent(ctx, c.Account(), directory{c.Client.Store.LIDs, c.Client.Store.MsgSecrets}, out)
	if err != nil || !ok {
		return shape.Message{}, err
	}
	return c.Mirror.RecordSent(ctx, change)
}

// directory resolves ids and opens what is sealed with the secret of an earlier
// message, such as an own vote.
type directory struct {
	inbound.IDs
	inbound.Secrets
}

// recipients counts the other members of a group, 0 when not known.
func (c *Call) recipients(ctx context.Context, to types.JID) int {
	group, ok := c.Group(ctx, to)
	if !ok {
		return 0
	}
	account, n := c.Account(), 0
	me, lid := shape.ID(account.JID), shape.ID(account.LID)
	for _, p := range group.Participants {
		if p.ID.Serialized != me && p.ID.Serialized != lid {
			n++
		}
	}
	return n
}
