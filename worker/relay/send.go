package relay

import (
	"context"
	"errors"
	"time"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"

	"whatsapp-manager/proto/fault"
	"whatsapp-manager/worker/inbound"
	"whatsapp-manager/worker/mirror"
	"whatsapp-manager/worker/shape"
)

// send sends one message under an id fixed beforehand, makes sure that
// somebody can read it, and records it with its events, since whatsmeow is
// silent about what this device does. It returns the message as recorded; for
// a reaction, an edit or a revocation that is the message it changed.
func (c *call) send(ctx context.Context, to types.JID, msg *waE2E.Message) (shape.Message, error) {
	if sent, ok, err := c.alreadySent(ctx); ok || err != nil {
		return sent.Shape, unsent(err)
	}
	_, recorded, err := c.deliver(ctx, to, msg, c.extra())
	return recorded, err
}

func (c *call) extra() whatsmeow.SendRequestExtra {
	extra := whatsmeow.SendRequestExtra{ID: c.messageID}
	if c.public {
		extra.MediaHandle = c.handle
	}
	return extra
}

// alreadySent finds the message of an earlier call with the same message id, so
// that a retry does not send twice.
func (c *call) alreadySent(ctx context.Context) (mirror.Record, bool, error) {
	if c.messageID == "" || c.first {
		return mirror.Record{}, false, nil
	}
	record, err := c.Mirror.Message(ctx, c.messageID)
	switch {
	case errors.Is(err, mirror.ErrNotFound), err == nil && !record.FromMe:
		return mirror.Record{}, false, nil
	case err != nil:
		return mirror.Record{}, false, err
	}
	return record, true, nil
}

// sendRaw is whatsmeow.SendMessage for callers: the same, and recorded.
func (c *call) sendRaw(ctx context.Context, to types.JID, msg *waE2E.Message, extras ...whatsmeow.SendRequestExtra) (whatsmeow.SendResponse, error) {
	var extra whatsmeow.SendRequestExtra
	if len(extras) > 0 {
		extra = extras[0]
	}
	if extra.ID == "" {
		extra.ID = c.messageID
	} else if !plainMessageID(extra.ID) {
		return whatsmeow.SendResponse{}, bad("params[2].ID", "expected a message id of 8 to 64 letters and digits")
	}
	if extra.Peer {
		if err := c.opened(reflectedByName()["SendPeerMessage"]); err != nil {
			return whatsmeow.SendResponse{}, err
		}
		return c.write(ctx, to, msg, extra)
	}
	if sent, ok, err := c.alreadySent(ctx); ok || err != nil {
		return whatsmeow.SendResponse{ID: sent.ID, ServerID: sent.ServerID, Timestamp: time.Unix(sent.Shape.Timestamp, 0), Sender: sent.Sender}, unsent(err)
	}
	response, _, err := c.deliver(ctx, to, msg, extra)
	return response, err
}

// deliver is the common end of every way to send. What arrives here has passed
// all checks; after whatsmeow's success the message is out and must be recorded.
// So it goes on when the caller has gone away: whether a message is out that
// nobody waited for the answer to could not be told any more.
func (c *call) deliver(ctx context.Context, to types.JID, msg *waE2E.Message, extra whatsmeow.SendRequestExtra) (whatsmeow.SendResponse, shape.Message, error) {
	if err := ctx.Err(); err != nil {
		return whatsmeow.SendResponse{}, shape.Message{}, unsent(err)
	}
	ctx, cancel := lasting(ctx)
	defer cancel()
	if extra.ID == "" {
		extra.ID = c.cli.GenerateMessageID()
	}
	response, err := c.transmit(ctx, to, msg, extra)
	if err != nil {
		return response, shape.Message{}, err
	}
	recorded, err := c.record(ctx, inbound.Outgoing{
		Chat: to, ID: response.ID, ServerID: response.ServerID, At: response.Timestamp, Message: msg,
		Recipients: c.recipients(ctx, to),
	})
	return response, recorded, err
}

// transmit is whatsmeow's SendMessage whose success means that somebody can
// read the message.
func (c *call) transmit(ctx context.Context, to types.JID, msg *waE2E.Message, extra whatsmeow.SendRequestExtra) (whatsmeow.SendResponse, error) {
	response, err := c.write(ctx, to, msg, extra)
	if err == nil && !c.readable(ctx, to) {
		f := fault.New(fault.Refused, op, "WhatsApp took the message, but none of the recipient's devices could be encrypted to, so nobody can read it")
		f.Code = "not_encrypted"
		err = f
	}
	return response, err
}

// recordTime bounds how long a sent message waits for a database that is away.
const recordTime = 20 * time.Second

// record writes what has been sent. The message is out, so this does not end
// with the call: it is tried until it works or its time is over. The caller is
// told then, and a retry under the same id sends nothing that a phone shows twice.
func (c *call) record(ctx context.Context, out inbound.Outgoing) (shape.Message, error) {
	if out.At.IsZero() {
		out.At = time.Now()
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordTime)
	defer cancel()
	pause := 50 * time.Millisecond
	for {
		recorded, err := c.recordOnce(ctx, out)
		if err == nil {
			return recorded, nil
		}
		if errors.Is(err, mirror.ErrFenced) {
			return shape.Message{}, err
		}
		select {
		case <-ctx.Done():
			f := fault.Wrap(fault.Unavailable, op, err, "message %s was sent but could not be recorded", out.ID)
			f.Code = "sent_not_recorded"
			return shape.Message{}, f
		case <-time.After(pause):
			pause = min(2*pause, time.Second)
		}
	}
}

func (c *call) recordOnce(ctx context.Context, out inbound.Outgoing) (shape.Message, error) {
	change, ok, err := inbound.Sent(ctx, c.account(), directory{c.cli.Store.LIDs, c.cli}, out)
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

// account is whom the client speaks for. The mirror knows; whatsmeow's own
// record of names changes under its readers without a lock. Its ids stand in
// until the mirror has been told.
func (c *call) account() inbound.Account {
	acct := c.Mirror.Account()
	if acct.JID.IsEmpty() {
		acct.JID, acct.LID = c.cli.Store.GetJID().ToNonAD(), c.cli.Store.GetLID().ToNonAD()
	}
	return acct
}

// recipients counts the other members of a group, 0 when not known.
func (c *call) recipients(ctx context.Context, to types.JID) int {
	group, ok := c.group(ctx, to)
	if !ok {
		return 0
	}
	account, n := c.account(), 0
	me, lid := shape.ID(account.JID), shape.ID(account.LID)
	for _, p := range group.Participants {
		if p.ID.Serialized != me && p.ID.Serialized != lid {
			n++
		}
	}
	return n
}

// group returns what the mirror knows of a group.
func (c *call) group(ctx context.Context, jid types.JID) (*shape.GroupMetadata, bool) {
	if jid.Server != types.GroupServer {
		return nil, false
	}
	chat, err := c.Mirror.Chat(ctx, shape.ID(jid))
	if err != nil || chat.GroupMetadata == nil {
		return nil, false
	}
	return chat.GroupMetadata, true
}
