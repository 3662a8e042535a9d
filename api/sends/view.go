package sends

import (
	"context"
	"encoding/json"
	"time"

	"whatsapp-manager/proto/fault"
	"whatsapp-manager/supervisor/store"
)

// SendView is what the API tells of a send with a key.
type SendView struct {
	Key       string          `json:"key" doc:"The Idempotency-Key; repeating the request with it never sends twice"`
	Method    string          `json:"method" example:"sendMessage"`
	State     store.SendState `json:"state" enum:"running,queued,sent,failed,unknown,cancelled" doc:"unknown: the worker was lost during the send, and the message has not shown up. The state becomes sent by itself when WhatsApp acknowledges the message or a receipt for it comes. It is safe to repeat the request with the same key"`
	MessageID string          `json:"messageId" doc:"WhatsApp's id of the message, fixed before the first try"`
	Attempts  int             `json:"attempts"`
	SendAt    *time.Time      `json:"sendAt,omitempty" doc:"The earliest time of a queued send"`
	CreatedAt time.Time       `json:"createdAt"`
	EndedAt   *time.Time      `json:"endedAt,omitempty"`
	Code      string          `json:"code,omitempty" doc:"Code of the last failure"`
	Error     string          `json:"error,omitempty" doc:"The last failure, in words"`
	Result    json.RawMessage `json:"result,omitempty" doc:"The answer of the method, if it was seen"`
	Waiting   *Waiting        `json:"waiting,omitempty" doc:"Why a queued message has not gone yet"`
}

// Waiting is why a message waits in the queue.
type Waiting struct {
	Reason string     `json:"reason" example:"reachout_time_lock" doc:"scheduled: its time has not come. reachout_time_lock, warm_up, quiet_hours: the number's health policy, or WhatsApp, lets it not go yet. Otherwise the code of the last failure, such as send_rate, pace, offline or stopped"`
	Until  *time.Time `json:"until,omitempty" doc:"When it goes on; left out when nobody can tell"`
}

// View tells what is known of a send now. One whose end nobody saw was sent
// when the account's mirror holds its message with WhatsApp's ack, or a receipt
// for it; the worker need not run for that, and nobody has to repeat it.
func (s *Sender) View(ctx context.Context, send store.Send) (SendView, error) {
	v := SendView{
		Key: send.Key, Method: send.Method, State: send.State, MessageID: send.MessageID, Attempts: send.Attempts, SendAt: send.SendAt,
		CreatedAt: send.CreatedAt, EndedAt: send.EndedAt, Code: send.Code, Error: send.Reason, Result: send.Result,
	}
	if send.SendAt != nil && send.EndedAt == nil {
		var err error
		v.Waiting, err = s.waiting(ctx, send)
		return v, err
	}
	lost := v.State == store.SendUnknown || v.State == store.SendRunning && v.SendAt == nil && !s.underway.has(send.Instance, send.Key)
	if !lost {
		return v, nil
	}
	sent, err := s.store.WasSent(ctx, send.Instance, send.MessageID)
	if err != nil {
		return v, err
	}
	if v.State = store.SendUnknown; sent {
		v.State, v.Code, v.Error = store.SendSent, "", ""
	}
	return v, nil
}

// waiting tells why a send that has not ended waits in the queue; nil when it is its turn.
func (s *Sender) waiting(ctx context.Context, send store.Send) (*Waiting, error) {
	at := now()
	if send.HeldUntil != nil && send.HeldUntil.After(at) {
		return &Waiting{Reason: send.HeldReason, Until: send.HeldUntil}, nil
	}
	if send.SendAt.After(at) {
		return &Waiting{Reason: "scheduled", Until: send.SendAt}, nil
	}
	pause, err := s.store.Pause(ctx, send.Instance)
	switch {
	case err == nil && pause.Until.After(at):
		return &Waiting{Reason: pause.Reason, Until: &pause.Until}, nil
	case err != nil && !fault.Is(err, fault.NotFound):
		return nil, err
	case send.Code != "" && send.HeldUntil == nil:
		return &Waiting{Reason: send.Code}, nil
	}
	return nil, nil
}
