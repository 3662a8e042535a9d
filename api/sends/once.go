package sends

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"strings"
	"time"

	"whatsapp-manager/api/trace"
	"whatsapp-manager/proto/fault"
	"whatsapp-manager/supervisor/store"
)

const (
	// Kept is how long after its end a send can be repeated and asked for.
	Kept = 24 * time.Hour
	// MaxKey bounds an Idempotency-Key, in bytes.
	MaxKey = 255
	// HeaderKey is the request header with the client's key of a send.
	HeaderKey = "Idempotency-Key"
	// recordTime bounds the writing down of an outcome.
	recordTime = 5 * time.Second
)

// Answer is what a client is told of its send.
type Answer struct {
	Result   json.RawMessage
	Replayed bool   // Result is that of an earlier request with the same key
	Key      string // set with an error after which the send can be asked for and repeated under this key
}

// Once sends so that a message is never both sent and lost sight of. With a
// client's key the answer is kept: the same key and parameters get the same
// answer, and other parameters a Conflict. Without a key, a send whose end nobody
// saw is written down under a key of ours, which the answer tells.
func (s *Sender) Once(ctx context.Context, in store.Instance, method string, params json.RawMessage, key string) (Answer, error) {
	const op = "sends.Once"
	given := key != ""
	if !given {
		key = NewKey()
	}
	send := NewSend(in.ID, method, params, key)
	first := true
	if given {
		if len(key) > MaxKey {
			return Answer{}, fault.Bad(op, HeaderKey, "%s: is longer than %d characters", HeaderKey, MaxKey)
		}
		leave, ok := s.underway.enter(in.ID, key)
		if !ok {
			return Answer{}, &fault.Error{
				Kind: fault.Conflict, Op: op, Field: HeaderKey, Code: "send_in_progress", RetryAfter: time.Second,
				Msg: "another request with this key is under way",
			}
		}
		defer leave()
		known, fresh, err := s.store.BeginSend(ctx, send)
		if err != nil {
			return Answer{}, err
		}
		switch {
		case known.State == store.SendSent && known.Result != nil:
			return Answer{Result: known.Result, Replayed: true}, nil
		case known.State == store.SendQueued, known.SendAt != nil && known.State == store.SendRunning:
			return Answer{}, taken(op, "send_queued", "the message with this key waits in the queue")
		case known.State == store.SendCancelled:
			return Answer{}, taken(op, "send_cancelled", "the message with this key was cancelled")
		}
		send, first = known, fresh
	}
	report := s.Try(ctx, in, Call{Method: method, Params: params, MessageID: send.MessageID, First: first})
	answer := Answer{Result: report.Result}
	if s.record(ctx, send, given, first, report) && report.Err != nil {
		answer.Key = send.Key
	}
	return answer, report.Err
}

func taken(op, code, msg string) error {
	return &fault.Error{Kind: fault.Conflict, Op: op, Field: HeaderKey, Code: code, Msg: msg}
}

// record writes down what became of the send. It is no part of the answer: when
// the database is away, the account's mirror still tells what was sent. It returns
// whether the send can be asked for under its key.
func (s *Sender) record(ctx context.Context, send store.Send, given, first bool, report Report) (kept bool) {
	if !given && report.Outcome != Unknown {
		return false // its client saw the end of it
	}
	kept = report.Outcome != NotSent || !first
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordTime)
	defer cancel()
	var err error
	if kept {
		err = s.write(ctx, send, given, report)
	} else {
		err = s.store.ForgetSend(ctx, send.Instance, send.Key)
	}
	if err != nil {
		trace.Of(ctx).Logger(s.log).Warn().Err(err).Stringer("outcome", report.Outcome).Msg("the outcome of a send could not be written down")
	}
	return kept
}

func (s *Sender) write(ctx context.Context, send store.Send, given bool, report Report) error {
	if !given {
		send.State = store.SendUnknown
		if _, _, err := s.store.BeginSend(ctx, send); err != nil {
			return err
		}
	}
	switch report.Outcome {
	case Sent:
		send.State, send.Result = store.SendSent, OrNull(report.Result)
	case Refused:
		send.State = store.SendFailed
	case NotSent, Unknown:
		// NotSent comes here after an earlier try, which may have sent the message: the
		// failure of this one says nothing about that one.
		send.State = store.SendUnknown
	}
	send.Code, send.Reason = Cause(report.Err)
	if send.State != store.SendUnknown {
		ended := now()
		send.EndedAt = &ended
	}
	return s.store.MarkSend(ctx, send, true)
}

// NewKey returns a key for a send whose client gave none.
func NewKey() string { return "auto-" + strings.ToLower(rand.Text()) }

// now is cut to what Postgres keeps, so that answers agree before and after a read.
func now() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }
