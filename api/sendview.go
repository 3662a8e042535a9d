package api

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"whatsapp-manager/supervisor/store"
)

// SendView is what the API tells of a send with a key.
type SendView struct {
	Key       string          `json:"key" doc:"The Idempotency-Key; repeating the request with it never sends twice"`
	Method    string          `json:"method" example:"sendMessage"`
	State     store.SendState `json:"state" enum:"running,queued,sent,failed,unknown,cancelled" doc:"unknown: the worker was lost underway and the message has not shown up; it becomes sent by itself when the account's data shows the message as acknowledged by WhatsApp or a receipt for it comes, and a repetition with the same key is safe"`
	MessageID string          `json:"messageId" doc:"WhatsApp's id of the message, fixed before the first attempt"`
	Attempts  int             `json:"attempts"`
	SendAt    *time.Time      `json:"sendAt,omitempty" doc:"Of a queued one: not before"`
	CreatedAt time.Time       `json:"createdAt"`
	EndedAt   *time.Time      `json:"endedAt,omitempty"`
	Code      string          `json:"code,omitempty" doc:"Of the last failure"`
	Error     string          `json:"error,omitempty" doc:"Of the last failure, in words"`
	Result    json.RawMessage `json:"result,omitempty" doc:"What the method answered, when it was seen"`
}

// sendView tells what is known of a send now. One whose end nobody saw was sent
// when the account's mirror holds its message with WhatsApp's ack, or a receipt
// for it; the worker need not run for that, and nobody has to repeat it.
func (s *Server) sendView(ctx context.Context, send store.Send) (SendView, error) {
	v := SendView{
		Key: send.Key, Method: send.Method, State: send.State, MessageID: send.MessageID, Attempts: send.Attempts, SendAt: send.SendAt,
		CreatedAt: send.CreatedAt, EndedAt: send.EndedAt, Code: send.Code, Error: send.Reason, Result: send.Result,
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

// SendPath names a send.
type SendPath struct {
	InstancePath
	Key string `path:"key" minLength:"1" maxLength:"255" doc:"Its Idempotency-Key, or the key that a failure told"`
}

type sendOutput struct {
	Body struct {
		Send SendView `json:"send"`
	}
}

type sendsOutput struct {
	Body struct {
		Sends      []SendView `json:"sends"`
		Pagination Pagination `json:"pagination"`
	}
}

func (s *Server) sendRoutes() {
	one := instanceOp("get-send", http.MethodGet, "/{id}/sends/{key}", "What became of a send", http.StatusOK)
	one.Description = "For sends with an Idempotency-Key, queued ones, and those whose failure told a key. Kept for 24 hours after the end. 404 within that time: nothing was sent under this key."
	one.Tags = []string{"Messages"}
	route(s, OwnInstance, one, s.getSend)
	all := instanceOp("list-sends", http.MethodGet, "/{id}/sends", "List sends with a key, newest first", http.StatusOK)
	all.Tags = []string{"Messages"}
	route(s, OwnInstance, all, s.listSends)
}

func (s *Server) getSend(ctx context.Context, in *SendPath) (*sendOutput, error) {
	row, err := s.instance(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	send, err := s.store.Send(ctx, row.ID, in.Key)
	if err != nil {
		return nil, err
	}
	out := &sendOutput{}
	out.Body.Send, err = s.sendView(ctx, send)
	return out, err
}

func (s *Server) listSends(ctx context.Context, in *struct {
	InstancePath
	Paging
	State string `query:"state" enum:"running,queued,sent,failed,unknown,cancelled" doc:"Only those"`
}) (*sendsOutput, error) {
	row, err := s.instance(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	rows, total, err := s.store.Sends(ctx, row.ID, store.SendState(in.State), in.Offset(), in.Limit)
	if err != nil {
		return nil, err
	}
	out := &sendsOutput{}
	out.Body.Sends = make([]SendView, len(rows))
	for i, send := range rows {
		if out.Body.Sends[i], err = s.sendView(ctx, send); err != nil {
			return nil, err
		}
	}
	out.Body.Pagination = in.Of(total)
	return out, nil
}
