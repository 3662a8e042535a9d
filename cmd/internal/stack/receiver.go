package stack

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

// Event is an envelope as integrators get it.
type Event struct {
	ID        string            `json:"id"`
	Instance  string            `json:"instanceId"`
	Seq       uint64            `json:"seq"`
	Event     string            `json:"event"`
	Timestamp time.Time         `json:"timestamp"`
	Data      json.RawMessage   `json:"data"`
	Args      []json.RawMessage `json:"args"`
	At        time.Time         `json:"-"` // when it arrived here
}

// Message is what tests read of a message's shape.
type Message struct {
	ID struct {
		Serialized string `json:"_serialized"`
		ID         string `json:"id"`
		Remote     string `json:"remote"`
		FromMe     bool   `json:"fromMe"`
	} `json:"id"`
	Body   string `json:"body"`
	From   string `json:"from"`
	To     string `json:"to"`
	Author string `json:"author"`
	Ack    int    `json:"ack"`
	Type   string `json:"type"`
	FromMe bool   `json:"fromMe"`
}

// Message decodes the event's first argument.
func (e Event) Message() (Message, error) {
	var m Message
	return m, json.Unmarshal(e.Data, &m)
}

// Receiver is a webhook receiver that keeps a ledger and verifies signatures
// with the Standard Webhooks library.
type Receiver struct {
	server  *http.Server
	address string

	mu      sync.Mutex
	secret  string
	events  []Event
	bad     []error
	changed chan struct{} // closed and renewed at each arrival
	answer  int           // status to answer with
	refused int           // posts answered with something else than 200
}

// NewReceiver listens on loopback; Close ends it.
func NewReceiver() (*Receiver, error) {
	r := &Receiver{changed: make(chan struct{}), answer: http.StatusOK}
	return r, r.listen("127.0.0.1:0")
}

func (r *Receiver) listen(address string) error {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return fmt.Errorf("listen for webhooks: %w", err)
	}
	r.address = l.Addr().String()
	r.server = &http.Server{Handler: r}
	go func(s *http.Server) { _ = s.Serve(l) }(r.server) // ends with Close; its error says only that
	return nil
}

// URL is where to post.
func (r *Receiver) URL() string { return "http://" + r.address + "/hook" }

// Expect sets the secret that signatures must verify with.
func (r *Receiver) Expect(secret string) { r.mu.Lock(); r.secret = secret; r.mu.Unlock() }

// Answer sets the status to answer with; other than 200 nothing is recorded.
func (r *Receiver) Answer(status int) { r.mu.Lock(); r.answer = status; r.mu.Unlock() }

// Down closes the port; Up opens the same again.
func (r *Receiver) Down() { _ = r.server.Close() }

// Up opens the port that Down closed.
func (r *Receiver) Up() error { return r.listen(r.address) }

// Close ends the receiver.
func (r *Receiver) Close() { _ = r.server.Close() }

func (r *Receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	defer func() { close(r.changed); r.changed = make(chan struct{}) }()
	if r.answer != http.StatusOK {
		r.refused++
		w.WriteHeader(r.answer)
		return
	}
	if r.secret != "" {
		verifier, err := standardwebhooks.NewWebhook(r.secret)
		if err == nil {
			err = verifier.Verify(body, req.Header)
		}
		if err != nil {
			r.bad = append(r.bad, err)
		}
	}
	ev := Event{At: time.Now()}
	if err := json.Unmarshal(body, &ev); err != nil {
		r.bad = append(r.bad, fmt.Errorf("decode event: %w", err))
	}
	if id := req.Header.Get(standardwebhooks.HeaderWebhookID); id != ev.ID {
		r.bad = append(r.bad, fmt.Errorf("webhook-id %q, event id %q", id, ev.ID))
	}
	r.events = append(r.events, ev)
}

// Events is a copy of the ledger, in order of arrival.
func (r *Receiver) Events() []Event {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]Event(nil), r.events...)
}

// Refused counts posts that were not answered with 200.
func (r *Receiver) Refused() int { r.mu.Lock(); defer r.mu.Unlock(); return r.refused }

// Bad lists what was wrong with deliveries.
func (r *Receiver) Bad() []error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]error(nil), r.bad...)
}

// Wait blocks until ok is content with the ledger; it is asked after each arrival.
func (r *Receiver) Wait(ctx context.Context, what string, ok func([]Event) bool) error {
	for {
		r.mu.Lock()
		changed := r.changed
		events := append([]Event(nil), r.events...)
		r.mu.Unlock()
		if ok(events) {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait until %s: %w (%d events so far)", what, ctx.Err(), len(events))
		case <-changed:
		}
	}
}
