package store

import (
	"bytes"
	"context"
	"encoding/json"
	"time"

	"github.com/jackc/pgx/v5"

	"whatsapp-manager/proto/fault"
	"whatsapp-manager/supervisor"
	"whatsapp-manager/supervisor/store/db"
)

// SendState is where a send stands.
type SendState string

// All states of a send.
const (
	SendRunning   SendState = "running"   // a worker has it, or had it when something died
	SendQueued    SendState = "queued"    // waits for its time or its turn
	SendSent      SendState = "sent"      // WhatsApp has it
	SendFailed    SendState = "failed"    // nothing was sent, or WhatsApp refused it
	SendUnknown   SendState = "unknown"   // the worker was lost underway; a repetition is safe
	SendCancelled SendState = "cancelled" // taken out of the queue
)

// Send is a message on its way with a key by which it can be asked for and
// repeated. MessageID is fixed before the first attempt, so that a repetition
// is the same message for WhatsApp.
type Send struct {
	Instance     supervisor.ID
	Key, Method  string
	Digest       []byte
	MessageID    string
	State        SendState
	Params       json.RawMessage // of a queued one until it has ended
	Result       json.RawMessage // of a sent one
	Code, Reason string          // of the last failure
	Attempts     int
	SendAt       *time.Time // nil: outside the queue
	HeldUntil    *time.Time // nil: it never had to wait for longer than its turn
	HeldReason   string     // why it is, or was, held
	CreatedAt    time.Time
	EndedAt      *time.Time
}

// BeginSend writes the send, or returns the one that has its key already;
// fresh tells which. The key taken with another digest is a Conflict.
func (s *Store) BeginSend(ctx context.Context, send Send) (Send, bool, error) {
	return s.beginSend(ctx, send, nil)
}

// Enqueue is BeginSend for a send that waits, with something more to write in
// the same transaction.
func (s *Store) Enqueue(ctx context.Context, send Send, and func(Tx) error) (Send, bool, error) {
	return s.beginSend(ctx, send, and)
}

func (s *Store) beginSend(ctx context.Context, send Send, and func(pgx.Tx) error) (Send, bool, error) {
	const op = "store.BeginSend"
	var row db.Send
	fresh := true
	err := pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		var err error
		row, err = s.q.WithTx(tx).InsertSend(ctx, db.InsertSendParams{
			InstanceID: string(send.Instance), Key: send.Key, Method: send.Method, Digest: send.Digest, MessageID: send.MessageID,
			State: string(send.State), Params: send.Params, SendAt: send.SendAt, CreatedAt: send.CreatedAt,
		})
		if err == nil && and != nil {
			err = and(tx)
		}
		return err
	})
	if fault.Is(failure(op, err), fault.NotFound) {
		fresh = false
		row, err = s.q.Send(ctx, db.SendParams{InstanceID: string(send.Instance), Key: send.Key})
	}
	if err != nil {
		return Send{}, false, failure(op, err)
	}
	if !bytes.Equal(row.Digest, send.Digest) {
		return Send{}, false, &fault.Error{Kind: fault.Conflict, Op: op, Field: "Idempotency-Key", Code: "key_reused", Msg: "the key was used for another message"}
	}
	return sendOf(row), fresh, nil
}

// Send returns the send of the key.
func (s *Store) Send(ctx context.Context, instance supervisor.ID, key string) (Send, error) {
	row, err := s.q.Send(ctx, db.SendParams{InstanceID: string(instance), Key: key})
	return sendOf(row), failure("store.Send", err)
}

// Sends returns a page of the instance's sends, newest first, and how many
// there are; of one state, or of all when it is empty.
func (s *Store) Sends(ctx context.Context, instance supervisor.ID, state SendState, offset, limit int) ([]Send, int, error) {
	const op = "store.Sends"
	rows, err := s.q.Sends(ctx, db.SendsParams{InstanceID: string(instance), State: string(state), Off: offset, Lim: limit})
	if err != nil {
		return nil, 0, failure(op, err)
	}
	total, err := s.q.CountSends(ctx, db.CountSendsParams{InstanceID: string(instance), State: string(state)})
	list := make([]Send, len(rows))
	for i, row := range rows {
		list[i] = sendOf(row)
	}
	return list, total, failure(op, err)
}

// Queued returns how many sends of the instance wait.
func (s *Store) Queued(ctx context.Context, instance supervisor.ID) (int, error) {
	n, err := s.q.CountQueued(ctx, string(instance))
	return n, failure("store.Queued", err)
}

// QueueHead returns the send of the instance's queue that is due next: the one whose
// time is first, of several the one that came first. Due is what has its time
// behind it now, or had when it came: a clock that was ahead then makes nothing
// wait that was to go at once. NotFound when none is due.
func (s *Store) QueueHead(ctx context.Context, instance supervisor.ID, now time.Time) (Send, error) {
	row, err := s.q.QueueHead(ctx, db.QueueHeadParams{InstanceID: string(instance), Now: now})
	return sendOf(row), failure("store.QueueHead", err)
}

// DueQueues returns the instances whose queue has something due, as QueueHead
// has it.
func (s *Store) DueQueues(ctx context.Context, now time.Time) ([]supervisor.ID, error) {
	rows, err := s.q.DueQueues(ctx, now)
	ids := make([]supervisor.ID, len(rows))
	for i, id := range rows {
		ids[i] = supervisor.ID(id)
	}
	return ids, failure("store.DueQueues", err)
}

// MarkSend writes what became of a send: its State, Code, Reason, Result and
// EndedAt; tried counts an attempt. One that was sent or cancelled stays so,
// and NotFound is returned.
func (s *Store) MarkSend(ctx context.Context, send Send, tried bool, also ...Event) error {
	n := 0
	if tried {
		n = 1
	}
	return failure("store.MarkSend", s.inTx(ctx, func(q *db.Queries) error {
		rows, err := q.MarkSend(ctx, db.MarkSendParams{
			InstanceID: string(send.Instance), Key: send.Key, State: string(send.State), ErrorCode: send.Code, Error: send.Reason,
			Result: send.Result, Tried: n, EndedAt: send.EndedAt,
		})
		if err == nil && rows == 0 {
			err = pgx.ErrNoRows
		}
		if err == nil && send.EndedAt != nil {
			err = q.RemoveSendFiles(ctx, db.RemoveSendFilesParams{InstanceID: string(send.Instance), Key: send.Key})
		}
		if err != nil {
			return err
		}
		return addEvents(ctx, q, also)
	}))
}

// ForgetSend removes a running send, of which nothing can have been sent.
func (s *Store) ForgetSend(ctx context.Context, instance supervisor.ID, key string) error {
	return failure("store.ForgetSend", s.q.RemoveSend(ctx, db.RemoveSendParams{InstanceID: string(instance), Key: key}))
}

// CancelSend takes a send that is not with a worker out of the queue; NotFound
// when it is not there.
func (s *Store) CancelSend(ctx context.Context, instance supervisor.ID, key string, now time.Time, also ...Event) error {
	return failure("store.CancelSend", s.inTx(ctx, func(q *db.Queries) error {
		rows, err := q.CancelSend(ctx, db.CancelSendParams{InstanceID: string(instance), Key: key, Now: now})
		if err == nil && rows == 0 {
			err = pgx.ErrNoRows
		}
		if err == nil {
			err = q.RemoveSendFiles(ctx, db.RemoveSendFilesParams{InstanceID: string(instance), Key: key})
		}
		if err != nil {
			return err
		}
		return addEvents(ctx, q, also)
	}))
}

// PruneSends drops those that ended before, and those nobody ever learnt about
// since. What waits stays. Files of forms that never became sends go, too.
func (s *Store) PruneSends(ctx context.Context, before time.Time) (int, error) {
	n, err := s.q.PruneSends(ctx, &before)
	if err == nil {
		err = s.q.PruneSendFiles(ctx, before)
	}
	return int(n), failure("store.PruneSends", err)
}

// WasSent tells whether WhatsApp is known to have the own message of the id: the
// account's mirror holds it with the server's ack, or a receipt for it.
func (s *Store) WasSent(ctx context.Context, instance supervisor.ID, messageID string) (bool, error) {
	sent, err := s.q.OwnMessage(ctx, db.OwnMessageParams{InstanceID: string(instance), ID: messageID})
	return sent, failure("store.WasSent", err)
}

// Pause is a rest of an instance's queue.
type Pause struct {
	Until  time.Time
	Reason string
}

// SetPause lets the instance's queue rest.
func (s *Store) SetPause(ctx context.Context, instance supervisor.ID, p Pause, also ...Event) error {
	return failure("store.SetPause", s.inTx(ctx, func(q *db.Queries) error {
		if err := q.SetPause(ctx, db.SetPauseParams{InstanceID: string(instance), Until: p.Until, Reason: p.Reason}); err != nil {
			return err
		}
		return addEvents(ctx, q, also)
	}))
}

// Pause returns the rest of the instance's queue, which may be over; NotFound
// when there is none.
func (s *Store) Pause(ctx context.Context, instance supervisor.ID) (Pause, error) {
	row, err := s.q.Pause(ctx, string(instance))
	return Pause{Until: row.Until, Reason: row.Reason}, failure("store.Pause", err)
}

// EndPause removes the rest, if there is one.
func (s *Store) EndPause(ctx context.Context, instance supervisor.ID, also ...Event) error {
	return failure("store.EndPause", s.inTx(ctx, func(q *db.Queries) error {
		rows, err := q.EndPause(ctx, string(instance))
		if err != nil || rows == 0 {
			return err
		}
		return addEvents(ctx, q, also)
	}))
}

// addEvents appends events of the manager to the feed. The worker notices that
// the head moved and works its own write out anew.
func addEvents(ctx context.Context, q *db.Queries, events []Event) error {
	for _, e := range events {
		seq, err := q.RaiseHead(ctx, string(e.Instance))
		if err != nil {
			return err
		}
		err = q.AddEvent(ctx, db.AddEventParams{
			InstanceID: string(e.Instance), Seq: seq, Key: e.Key, Type: e.Type, Lane: e.Lane, Payload: e.Payload, At: e.At,
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func sendOf(r db.Send) Send {
	return Send{
		Instance: supervisor.ID(r.InstanceID), Key: r.Key, Method: r.Method, Digest: r.Digest, MessageID: r.MessageID, State: SendState(r.State),
		Params: r.Params, Result: r.Result, Code: r.ErrorCode, Reason: r.Error, Attempts: r.Attempts, SendAt: r.SendAt,
		HeldUntil: r.HeldUntil, HeldReason: r.HeldReason, CreatedAt: r.CreatedAt, EndedAt: r.EndedAt,
	}
}
