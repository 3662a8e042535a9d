package feed

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"strings"
	"time"

	"whatsapp-manager/api/route"
	"whatsapp-manager/supervisor/store"
)

type pageOfWebhook struct {
	OfWebhook
	route.Paging
}

// Delivery is one post, as the API shows it.
type Delivery struct {
	EventID    string    `json:"eventId"`
	Seq        uint64    `json:"seq"`
	At         time.Time `json:"at"`
	Status     *int      `json:"status,omitempty" doc:"What the receiver answered"`
	Error      string    `json:"error,omitempty"`
	DurationMS int       `json:"durationMs"`
}

type deliveryList struct {
	Deliveries []Delivery       `json:"deliveries"`
	Pagination route.Pagination `json:"pagination"`
}

func (h *webhooks) deliveries(ctx context.Context, in *pageOfWebhook) (*body[deliveryList], error) {
	e, err := h.find(ctx, in.Webhook)
	if err != nil {
		return nil, err
	}
	attempts, total, err := h.store.Attempts(ctx, e.ID, in.Offset(), in.Limit)
	if err != nil {
		return nil, err
	}
	out := deliveryList{Deliveries: make([]Delivery, len(attempts)), Pagination: in.Of(total)}
	for i, a := range attempts {
		out.Deliveries[i] = Delivery{EventID: EventID(e.Instance, a.Seq), Seq: a.Seq, At: a.At, Status: a.Status, Error: a.Error, DurationMS: a.DurationMS}
	}
	return &body[deliveryList]{out}, nil
}

// DeadLetter is an event that could not be delivered, as the API shows it.
type DeadLetter struct {
	EventID    string     `json:"eventId"`
	Seq        uint64     `json:"seq"`
	Chat       string     `json:"chat,omitempty"`
	Attempts   int        `json:"attempts"`
	DeadAt     *time.Time `json:"deadAt"`
	LastStatus *int       `json:"lastStatus,omitempty"`
	LastError  string     `json:"lastError,omitempty"`
}

type deadLetterList struct {
	DeadLetters []DeadLetter     `json:"deadLetters"`
	Pagination  route.Pagination `json:"pagination"`
}

func (h *webhooks) deadLetters(ctx context.Context, in *pageOfWebhook) (*body[deadLetterList], error) {
	e, err := h.find(ctx, in.Webhook)
	if err != nil {
		return nil, err
	}
	rows, total, err := h.store.DeadLetters(ctx, e.ID, in.Offset(), in.Limit)
	if err != nil {
		return nil, err
	}
	out := deadLetterList{DeadLetters: make([]DeadLetter, len(rows)), Pagination: in.Of(total)}
	for i, row := range rows {
		out.DeadLetters[i] = DeadLetter{
			EventID: EventID(e.Instance, row.Seq), Seq: row.Seq, Chat: row.Lane, Attempts: row.Attempts,
			DeadAt: row.DeadAt, LastStatus: row.LastStatus, LastError: row.LastError,
		}
	}
	return &body[deadLetterList]{out}, nil
}

type redriveInput struct {
	OfWebhook
	Body *struct { // optional
		Seqs []uint64 `json:"seqs,omitempty" minItems:"1" maxItems:"1000" doc:"Which dead letters; all when absent"`
	}
}

type redriven struct {
	Count int `json:"count"`
}

func (h *webhooks) redrive(ctx context.Context, in *redriveInput) (*body[redriven], error) {
	e, err := h.find(ctx, in.Webhook)
	if err != nil {
		return nil, err
	}
	var seqs []uint64 // nil is all
	if in.Body != nil {
		seqs = in.Body.Seqs
	}
	n, err := h.store.Redrive(ctx, e.ID, seqs, time.Now())
	if err != nil {
		return nil, err
	}
	h.mount.Audit(ctx, "webhook.redrive", e.ID, map[string]any{"count": n})
	h.deliver.Redriven(ctx, e.ID)
	return &body[redriven]{redriven{n}}, nil
}

// test posts a signed event of the type "test" that is in no feed, so its seq
// is 0 and its ID one of its own, and does not try again.
func (d *Deliverer) test(ctx context.Context, e store.Endpoint) postResult {
	p := newHTTPClient(d.timeout, d.networks)
	defer p.close()
	return p.send(ctx, e, Envelope{
		// Receivers drop an ID they have seen, and a second test is not the first.
		ID: "evt_" + string(e.Instance) + "_test_" + strings.ToLower(rand.Text()), Instance: e.Instance, Event: "test", Timestamp: time.Now().UTC(),
		Data: json.RawMessage(`{"text":"This is a test."}`), Args: json.RawMessage(`[{"text":"This is a test."}]`),
	})
}

type testResult struct {
	Delivered  bool   `json:"delivered"`
	Status     int    `json:"status,omitempty" doc:"What the receiver answered"`
	Error      string `json:"error,omitempty"`
	DurationMS int64  `json:"durationMs"`
}

func (h *webhooks) test(ctx context.Context, in *OfWebhook) (*body[testResult], error) {
	e, err := h.find(ctx, in.Webhook)
	if err != nil {
		return nil, err
	}
	out := h.deliver.test(ctx, e)
	return &body[testResult]{testResult{Delivered: out.ok(), Status: out.status, Error: out.err, DurationMS: out.took.Milliseconds()}}, nil
}
