package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"

	"whatsapp-manager/cmd/internal/stack"
)

// receiver is a webhook receiver that hands on the texts of messages.
type receiver struct {
	hear     func(text string, at time.Time)
	server   *http.Server
	listener net.Listener
}

func newReceiver(hear func(text string, at time.Time)) (*receiver, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen for webhooks: %w", err)
	}
	h := &receiver{hear: hear, listener: listener}
	h.server = &http.Server{Handler: h}
	go func() { _ = h.server.Serve(listener) }() // ends with close; its error says only that
	return h, nil
}

func (h *receiver) url() string { return "http://" + h.listener.Addr().String() + "/hook" }
func (h *receiver) close()      { _ = h.server.Close() }

// listen makes the receiver the webhook of all instances.
func (h *receiver) listen(ctx context.Context, s *stack.Stack, all []*linked) error {
	for _, a := range all {
		body := map[string]any{"url": h.url(), "events": []string{"message"}}
		if err := s.Client.Want(ctx, http.StatusCreated, http.MethodPost,
			"/api/instances/"+a.id+"/webhooks", body, nil); err != nil {
			return err
		}
	}
	return nil
}

func (h *receiver) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	at := time.Now()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	var ev stack.Event
	if err := json.Unmarshal(body, &ev); err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	if m, err := ev.Message(); err == nil {
		h.hear(m.Body, at)
	}
}

// ledger knows when each text arrived first.
type ledger struct {
	*receiver // nil where nobody posts
	mu        sync.Mutex
	arrived   map[string]time.Time
}

// newLedger makes one that is the webhook of all instances. The caller closes it.
func newLedger(ctx context.Context, s *stack.Stack, all []*linked) (_ *ledger, err error) {
	l := &ledger{arrived: map[string]time.Time{}}
	if l.receiver, err = newReceiver(l.note); err != nil {
		return nil, err
	}
	if err := l.listen(ctx, s, all); err != nil {
		l.close()
		return nil, err
	}
	return l, nil
}

func (l *ledger) note(text string, at time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, again := l.arrived[text]; !again {
		l.arrived[text] = at
	}
}

func (l *ledger) waits(sent map[string]time.Time) []time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	var waits []time.Duration
	for text, at := range sent {
		if arrived, ok := l.arrived[text]; ok {
			waits = append(waits, arrived.Sub(at))
		}
	}
	return waits
}

// await returns when the text arrived first.
func (l *ledger) await(ctx context.Context, text string) (time.Time, error) {
	var at time.Time
	err := until(ctx, "the message arrived", time.Millisecond, func() (bool, error) {
		l.mu.Lock()
		defer l.mu.Unlock()
		var ok bool
		at, ok = l.arrived[text]
		return ok, nil
	})
	return at, err
}
