package outbox

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"whatsapp-manager/api"
	"whatsapp-manager/api/route"
	"whatsapp-manager/api/sends"
	"whatsapp-manager/proto/fault"
	"whatsapp-manager/supervisor/store"
)

type enqueueInput struct {
	route.InstancePath
	Key  string `header:"Idempotency-Key" maxLength:"255" doc:"Names the send; the server makes one up when it is left out"`
	Body struct {
		Method string          `json:"method,omitempty" default:"sendMessage" maxLength:"100" doc:"A method that sends, as in /api/proxy/methods"`
		Params json.RawMessage `json:"params" doc:"Its parameters by position, as in the proxy"`
		SendAt *time.Time      `json:"sendAt,omitempty" doc:"The earliest time; at once when it is left out or in the past. At most a year ahead"`
	}
}

type sendOutput struct {
	Body struct {
		Send sends.SendView `json:"send"`
	}
}

// Routes adds the queue to the API.
func Routes(q *Queue) func(*api.Mount) {
	return func(m *api.Mount) {
		op := func(id, method, path, summary, description string, status int) huma.Operation {
			return huma.Operation{OperationID: id, Method: method, Path: "/api/instances/{id}/sends" + path, Summary: summary, Description: description, Tags: []string{"Messages"}, DefaultStatus: status}
		}
		route.Add(m.Router, route.OwnInstance, op("enqueue-send", http.MethodPost, "", "Queue a message, or schedule it",
			"The messages of an instance are sent one after another, ordered by time and then by arrival, in its rate of sends. A form (multipart/form-data) has the fields method, params and sendAt, and files, as for the proxy; they wait with the message. They wait while the account is away and while WhatsApp asks for a pause. Each end is an event: send_update.",
			http.StatusAccepted), func(ctx context.Context, in *enqueueInput) (*sendOutput, error) { return q.enqueue(ctx, m, in) })
		route.Add(m.Router, route.OwnInstance, op("cancel-send", http.MethodDelete, "/{key}", "Take a message out of the queue",
			"409 when the message is being sent, may have been sent by a try whose end nobody saw, or has ended. A message that was cancelled before stays cancelled: 200.", http.StatusOK),
			func(ctx context.Context, in *api.SendPath) (*sendOutput, error) { return q.cancel(ctx, m, in) })
	}
}

func (q *Queue) enqueue(ctx context.Context, m *api.Mount, in *enqueueInput) (*sendOutput, error) {
	const op = "outbox.enqueue"
	row, err := m.Instance(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	params, err := m.CheckSend(in.Body.Method, in.Body.Params)
	if err != nil {
		return nil, err
	}
	key := in.Key
	if key == "" {
		key = sends.NewKey()
	}
	send := sends.NewSend(row.ID, in.Body.Method, params, key)
	at := send.CreatedAt
	if in.Body.SendAt != nil && in.Body.SendAt.After(at) {
		at = in.Body.SendAt.UTC()
	}
	if at.After(send.CreatedAt.Add(maxAhead)) {
		return nil, fault.Bad(op, "sendAt", "sendAt: is more than a year ahead")
	}
	send.State, send.Params, send.SendAt = store.SendQueued, params, &at
	if send, err = q.add(ctx, send, api.QueuedFiles(ctx)); err != nil {
		return nil, err
	}
	return q.answer(ctx, send)
}

func (q *Queue) cancel(ctx context.Context, m *api.Mount, in *api.SendPath) (*sendOutput, error) {
	const op = "outbox.cancel"
	row, err := m.Instance(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	send, err := q.store.Send(ctx, row.ID, in.Key)
	if err != nil {
		return nil, err
	}
	began := fault.New(fault.Conflict, op, "the message is being sent, or has been sent")
	if send.Attempts > 0 {
		sent, err := q.store.WasSent(ctx, row.ID, send.MessageID)
		if err != nil {
			return nil, err
		}
		if sent {
			return nil, began
		}
	}
	now := time.Now().UTC().Truncate(time.Microsecond) // as the store will have it
	send.State, send.EndedAt = store.SendCancelled, &now
	ev, err := update(send)
	if err != nil {
		return nil, err
	}
	err = q.store.CancelSend(ctx, row.ID, in.Key, now, ev)
	if fault.Is(err, fault.NotFound) {
		// It began meanwhile, or was cancelled before.
		if send, err = q.store.Send(ctx, row.ID, in.Key); err == nil && send.State != store.SendCancelled {
			err = began
		}
	}
	if err != nil {
		return nil, err
	}
	q.wake(row.ID)
	return q.answer(ctx, send)
}

func (q *Queue) answer(ctx context.Context, send store.Send) (*sendOutput, error) {
	out := &sendOutput{}
	var err error
	out.Body.Send, err = q.sender.View(ctx, send)
	return out, err
}
