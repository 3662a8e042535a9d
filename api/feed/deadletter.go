package feed

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"strings"
	"time"

	"whatsapp-manager/api/route"
	"whatsapp-manager/supervisor"
	"whatsapp-manager/supervisor/store"
)

const whatIsListed = "The newest posts are listed, 200 at the most: those that failed, tests, and those that went well while somebody looks. " +
	"Who looks for the first time in ten minutes sees the last 20 of these; from then on each is listed. `delivered` of the webhook counts all."

type pageOfWebhook struct {
	OfWebhook
	route.Paging
}

// Delivery is one post, as the API shows it.
type Delivery struct {
	EventID    string    `json:"eventId"`
	Seq        uint64    `json:"seq" doc:"0: a test"`
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
	if err := h.deliver.books.look(ctx, e.ID); err != nil {
		return nil, err
	}
	attempts, total, err := h.store.Attempts(ctx, e.ID, in.Offset(), in.Limit)
	if err != nil {
		return nil, err
	}
	out := deliveryList{Deliveries: make([]Delivery, len(attempts)), Pagination: in.Of(total)}
	for i, a := range attempts {
		id := EventID(e.Instance, a.Seq)
		if a.Seq == 0 {
			id = testID(e.Instance) // and something behind it that nobody wrote down
		}
		out.Deliveries[i] = Delivery{EventID: id, Seq: a.Seq, At: a.At, Status: a.Status, Error: a.Error, DurationMS: a.DurationMS}
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
	out := p.send(ctx, e, Envelope{
		// Receivers drop an ID they have seen, and a second test is not the first.
		ID: testID(e.Instance) + "_" + strings.ToLower(rand.Text()), Instance: e.Instance, Event: "test", Timestamp: time.Now().UTC(),
		Data: json.RawMessage(`{"text":"This is a test."}`), Args: json.RawMessage(`[{"text":"This is a test."}]`),
	})
	d.books.tested(out.attempt(e.ID, 0))
	return out
}

func testID(instance supervisor.ID) string { return "evt_" + string(instance) + "_test" }

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
