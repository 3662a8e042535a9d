package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"whatsapp-manager/cmd/internal/stack"
)

// hook receives the webhooks of all instances, each under a path of its own,
// and misbehaves when it is told to. What it does not answer with 200 it has not
// got.
type hook struct {
	address string
	served  sync.WaitGroup

	mu      sync.Mutex
	server  *http.Server // nil while down
	of      map[string]*instanceUnderTest
	secrets map[string]*standardwebhooks.Webhook
	pause   time.Duration // before every answer
	status  int           // of every answer
	hang    chan struct{} // closed when the hanging ends; nil: none
	refused int           // posts that were not taken
	wrong   []string
}

func newHook() (*hook, error) {
	h := &hook{
		address: "127.0.0.1:0", status: http.StatusOK, of: map[string]*instanceUnderTest{},
		secrets: map[string]*standardwebhooks.Webhook{},
	}
	return h, h.up()
}

// up opens the port, the same one every time.
func (h *hook) up() error {
	l, err := net.Listen("tcp", h.address)
	if err != nil {
		return fmt.Errorf("listen for webhooks: %w", err)
	}
	server := &http.Server{Handler: h}
	h.mu.Lock()
	h.address, h.server = l.Addr().String(), server
	h.mu.Unlock()
	h.served.Go(func() {
		if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			h.complain("receiver: %v", err)
		}
	})
	return nil
}

// down closes the port and every connection.
func (h *hook) down() {
	h.mu.Lock()
	server := h.server
	h.server = nil
	h.mu.Unlock()
	if server != nil {
		_ = server.Close() // its listener's error says only that it is closed
	}
	h.served.Wait()
}

func (h *hook) url(s *instanceUnderTest) string { return "http://" + h.address + "/" + s.id }

func (h *hook) expect(s *instanceUnderTest, secret string) error {
	verifier, err := standardwebhooks.NewWebhook(secret)
	if err != nil {
		return fmt.Errorf("read signing secret: %w", err)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.of[s.id], h.secrets[s.id] = s, verifier
	return nil
}

func (h *hook) slow(pause time.Duration) { h.mu.Lock(); h.pause = pause; h.mu.Unlock() }
func (h *hook) answer(status int)        { h.mu.Lock(); h.status = status; h.mu.Unlock() }

// hanging makes every request wait without an answer until release is called.
func (h *hook) hanging() (release func()) {
	hang := make(chan struct{})
	h.mu.Lock()
	h.hang = hang
	h.mu.Unlock()
	return func() {
		h.mu.Lock()
		h.hang = nil
		h.mu.Unlock()
		close(hang)
	}
}

func (h *hook) complain(format string, args ...any) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.wrong = append(h.wrong, fmt.Sprintf(format, args...))
}

func (h *hook) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the sender went away
	}
	id := strings.TrimPrefix(r.URL.Path, "/")
	h.mu.Lock()
	instance, verifier := h.of[id], h.secrets[id]
	pause, status, hang := h.pause, h.status, h.hang
	if status != http.StatusOK {
		h.refused++
	}
	h.mu.Unlock()
	if hang != nil {
		select {
		case <-hang:
		case <-r.Context().Done():
		}
		panic(http.ErrAbortHandler) // no answer, ever
	}
	if pause > 0 {
		select {
		case <-time.After(pause):
		case <-r.Context().Done():
			return
		}
	}
	if status != http.StatusOK {
		w.WriteHeader(status)
		return
	}
	if instance == nil {
		h.complain("a post for %q, whom nobody knows", id)
		return
	}
	if err := verifier.VerifyIgnoringTimestamp(body, r.Header); err != nil {
		h.complain("instance %d: signature: %v", instance.nr, err)
	}
	if err := verifier.Verify(body, r.Header); err != nil {
		// By a clock that is minutes wrong: a receiver must take that for a replay.
		h.mu.Lock()
		h.refused++
		h.mu.Unlock()
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	var ev stack.Event
	if err := json.Unmarshal(body, &ev); err != nil {
		h.complain("instance %d: decode event: %v", instance.nr, err)
		return
	}
	if got := r.Header.Get(standardwebhooks.HeaderWebhookID); got != ev.ID {
		h.complain("instance %d: webhook-id %q, event id %q", instance.nr, got, ev.ID)
	}
	instance.posted(ev)
}
