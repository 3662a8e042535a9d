package api

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strings"
	"sync"
	"time"

	"whatsapp-manager/proto/catalog"
	"whatsapp-manager/proto/fault"
	workerv1 "whatsapp-manager/proto/worker/v1"
	"whatsapp-manager/supervisor"
	"whatsapp-manager/supervisor/store"
)

// sendsKept is how long a send can be repeated and asked for.
const sendsKept = 24 * time.Hour

// bookTime bounds the writing down of what became of a send.
const bookTime = 5 * time.Second

// maxSendKey bounds an Idempotency-Key.
const maxSendKey = 255

// sendOnce relays a send so that it is never both sent and lost sight of. With
// the client's key the answer is kept: the same key and parameters get the same
// answer, other parameters a Conflict. Without one, a send whose end nobody saw
// is written down under a key of ours, which the failure tells.
func (s *Server) sendOnce(ctx context.Context, in store.Instance, m catalog.Method, params json.RawMessage, key string) (json.RawMessage, error) {
	const op = "api.send"
	given := key != ""
	if !given {
		key = "auto-" + strings.ToLower(rand.Text())
	}
	send := newSend(in.ID, m.Name, params, key)
	first := true
	if given {
		if len(key) > maxSendKey {
			return nil, fault.Bad(op, headerIdempotency, "%s: is longer than %d characters", headerIdempotency, maxSendKey)
		}
		leave, ok := s.underway.enter(in.ID, key)
		if !ok {
			return nil, &fault.Error{Kind: fault.Conflict, Op: op, Field: headerIdempotency, Code: "send_in_progress", Msg: "a request with this key is being worked on", RetryAfter: time.Second}
		}
		defer leave()
		known, fresh, err := s.store.BeginSend(ctx, send)
		if err != nil {
			return nil, err
		}
		switch {
		case known.State == store.SendSent && known.Result != nil:
			traceOf(ctx).replayed = true
			return known.Result, nil
		case known.State == store.SendQueued, known.SendAt != nil && known.State == store.SendRunning:
			return nil, &fault.Error{Kind: fault.Conflict, Op: op, Field: headerIdempotency, Code: "send_queued", Msg: "the message with this key waits in the queue"}
		case known.State == store.SendCancelled:
			return nil, &fault.Error{Kind: fault.Conflict, Op: op, Field: headerIdempotency, Code: "send_cancelled", Msg: "the message with this key was cancelled"}
		}
		send, first = known, fresh
	}
	result, began, err := s.attempt(ctx, in, m, params, send.MessageID, first)
	if err == nil {
		send.State, send.Result = store.SendSent, orNull(result)
	} else {
		send.State = fateOf(err, began)
	}
	s.book(ctx, send, given, first, err)
	return result, err
}

// newSend fixes the message id of a send.
func newSend(instance supervisor.ID, method string, params json.RawMessage, key string) store.Send {
	return store.Send{
		Instance: instance, Key: key, Method: method, Digest: digest(method, params), MessageID: messageID(string(instance), method, key),
		State: store.SendRunning, CreatedAt: now(),
	}
}

// attempt takes the send's turn in the instance's rate and asks the worker.
// began is false when no worker got to see it.
func (s *Server) attempt(ctx context.Context, in store.Instance, m catalog.Method, params json.RawMessage, messageID string, first bool) (result json.RawMessage, began bool, err error) {
	undo, wait := s.sends.take(in.ID, in.SendsPerMinute, time.Now())
	if wait > 0 {
		return nil, false, &fault.Error{Kind: fault.RateLimited, Op: "api.send", Code: "send_rate", Msg: "the instance sends as many messages a minute as it may", RetryAfter: wait}
	}
	worker, err := s.worker(ctx, in.ID)
	if err != nil {
		undo()
		return nil, false, err
	}
	answer, err := worker.Call(ctx, &workerv1.CallRequest{Method: m.Name, Params: params, MessageId: messageID, First: first})
	if err = fault.FromGRPC("worker.Call", err); err != nil {
		if nothingSent(err) && !answered(err) {
			undo()
		}
		return nil, true, err
	}
	return answer.GetResult(), true, nil
}

// nothingSent tells whether the failure was found before anything was sent: the
// worker or the connection to it says so, or else its kind does.
func nothingSent(err error) bool {
	if f, ok := faultOf(err); ok && f.Sent != fault.SentUnsaid {
		return f.Sent == fault.SentNothing
	}
	switch fault.KindOf(err) {
	case fault.Invalid, fault.NotFound, fault.Conflict, fault.Unpaired, fault.Unimplemented, fault.TooLarge:
		return true
	}
	return false
}

// answered tells whether WhatsApp was asked and said no. That counts as a turn in
// the rate, so that nobody asks it without end.
func answered(err error) bool {
	return fault.Is(err, fault.Refused) || fault.Is(err, fault.RateLimited)
}

// fateOf says what a failure means for the message: running stands for "as if
// it had never been asked for".
func fateOf(err error, began bool) store.SendState {
	f, _ := faultOf(err)
	switch kind := fault.KindOf(err); {
	case !began:
		return store.SendRunning
	case kind == fault.Refused:
		return store.SendFailed
	case nothingSent(err), kind == fault.RateLimited && f.Sent != fault.SentPerhaps:
		return store.SendRunning
	}
	return store.SendUnknown
}

// book writes down what became of the send. It is no part of the answer: when
// the database is away, the mirror still tells what was sent.
func (s *Server) book(ctx context.Context, send store.Send, given, first bool, cause error) {
	if !given && send.State != store.SendUnknown {
		return // its client saw the end of it
	}
	t := traceOf(ctx)
	if cause != nil && (send.State != store.SendRunning || !first) {
		t.sendKey = send.Key
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), bookTime)
	defer cancel()
	err := s.bookOnce(ctx, send, given, first, cause)
	if err != nil {
		t.logger(s.log).Warn().Err(err).Str("state", string(send.State)).Msg("what became of a send could not be written down")
	}
}

func (s *Server) bookOnce(ctx context.Context, send store.Send, given, first bool, cause error) error {
	if send.State == store.SendRunning && first {
		return s.store.ForgetSend(ctx, send.Instance, send.Key)
	}
	if !given {
		if _, _, err := s.store.BeginSend(ctx, send); err != nil {
			return err
		}
	}
	if send.State == store.SendRunning {
		// An earlier attempt may have been sent: this one's failure says nothing about it.
		send.State = store.SendUnknown
	}
	send.Code, send.Reason = problemOf(cause)
	if send.State == store.SendSent || send.State == store.SendFailed {
		ended := now()
		send.EndedAt = &ended
	}
	return s.store.MarkSend(ctx, send, true)
}

// problemOf is what a send's reader is told about its last failure.
func problemOf(err error) (code, reason string) {
	if err == nil {
		return "", ""
	}
	f, ok := faultOf(err)
	if !ok || f.Kind == fault.Internal {
		return string(fault.Internal), "an error on our side"
	}
	if code = f.Code; code == "" {
		code = string(f.Kind)
	}
	return code, f.Msg
}

// orNull keeps "answered nothing" apart from "not answered".
func orNull(result json.RawMessage) json.RawMessage {
	if len(result) == 0 {
		return json.RawMessage("null")
	}
	return result
}

// digest tells two requests with the same key apart; spaces between JSON tokens
// do not count.
func digest(method string, params json.RawMessage) []byte {
	var compact bytes.Buffer
	if json.Compact(&compact, params) != nil {
		compact.Reset()
		compact.Write(params)
	}
	h := sha256.New()
	h.Write([]byte(method + "\x00"))
	h.Write(compact.Bytes())
	return h.Sum(nil)
}

// messageID derives the WhatsApp id of a send from its key, in the form
// whatsmeow gives its own ids (3EB0 and 18 hex digits), so that a repeated
// request is the same message for the worker and for WhatsApp.
func messageID(instance, method, key string) string {
	sum := sha256.Sum256([]byte(instance + "\x00" + method + "\x00" + key))
	return "3EB0" + strings.ToUpper(hex.EncodeToString(sum[:9]))
}

// underway knows the keys that requests of this process work on.
type underway struct {
	mu   sync.Mutex
	keys map[sendKey]struct{} // guarded by mu
}

type sendKey struct {
	instance supervisor.ID
	key      string
}

// enter takes the key until leave; false when somebody has it.
func (u *underway) enter(instance supervisor.ID, key string) (leave func(), ok bool) {
	k := sendKey{instance, key}
	u.mu.Lock()
	defer u.mu.Unlock()
	if _, taken := u.keys[k]; taken {
		return nil, false
	}
	if u.keys == nil {
		u.keys = map[sendKey]struct{}{}
	}
	u.keys[k] = struct{}{}
	return func() {
		u.mu.Lock()
		defer u.mu.Unlock()
		delete(u.keys, k)
	}, true
}

func (u *underway) has(instance supervisor.ID, key string) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	_, ok := u.keys[sendKey{instance, key}]
	return ok
}
