package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"
)

const (
	inFlight    = 4                // sends of one instance at a time
	sendTimeout = 20 * time.Second // a client's patience with one request
)

// write lets the contact write numbered texts until ctx ends, one every gap, and
// one more whenever it is nudged.
func (s *subject) write(ctx context.Context, gap time.Duration) error {
	tick := time.NewTicker(gap)
	defer tick.Stop()
	for n := 1; ; n++ {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		case <-s.nudge:
		}
		s.mu.Lock()
		s.sent = append(s.sent, time.Now())
		s.mu.Unlock()
		// Not the flow's context: a message is sent whole or not at all.
		sending, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
		_, err := s.contact.Phone().SendText(sending, s.account.PN(), s.body(n))
		cancel()
		if err != nil {
			return fmt.Errorf("contact of instance %d: %w", s.nr, err)
		}
	}
}

// send is a message that an integrator sends through the API.
type send struct {
	n         int
	key, body string
	repeats   bool // its client repeats it with the key until it has an answer

	accepted  bool
	messageID string
	tries     int
	last      string // what the last failure looked like
}

// order sends numbered texts through the API until ctx ends, one every gap, and
// returns when each has its end: success, or for every fourth whatever its only
// try brought. Those that are repeated are repeated until patience ends.
func (s *subject) order(ctx, patience context.Context, gap time.Duration, answers *tally) {
	tick := time.NewTicker(gap)
	defer tick.Stop()
	var all sync.WaitGroup
	defer all.Wait()
	places := make(chan struct{}, inFlight)
	for n := 1; ; n++ {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		select {
		case <-ctx.Done():
			return
		case places <- struct{}{}:
		}
		m := &send{n: n, key: fmt.Sprintf("chaos-%d-%d", s.nr, n), body: fmt.Sprintf("out %d %d", s.nr, n), repeats: n%4 != 0}
		s.mu.Lock()
		s.sends = append(s.sends, m)
		s.mu.Unlock()
		all.Go(func() {
			defer func() { <-places }()
			s.insist(patience, m, answers)
		})
	}
}

func (s *subject) insist(ctx context.Context, m *send, answers *tally) {
	for pause := 100 * ms; ; pause = min(2*pause, 2*sec) {
		id, failure := s.try(ctx, m)
		answers.add(failure)
		s.mu.Lock()
		m.tries++
		m.last = failure
		if failure == "" {
			m.accepted, m.messageID = true, id
		}
		s.mu.Unlock()
		if failure == "" || !m.repeats {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
	}
}

// try sends the message once and returns its id, or what the failure looked
// like.
func (s *subject) try(ctx context.Context, m *send) (id, failure string) {
	ctx, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	body, err := json.Marshal(map[string]any{"params": []string{s.contact.Number() + "@c.us", m.body}})
	if err != nil {
		return "", err.Error()
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.client.Base+"/api/proxy/sendMessage", bytes.NewReader(body))
	if err != nil {
		return "", err.Error()
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-API-Key", s.key)
	req.Header.Set("Idempotency-Key", m.key)
	resp, err := s.client.HTTP.Do(req)
	if err != nil {
		return "", "no answer"
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return "", "half an answer"
	}
	var answer struct {
		Success bool   `json:"success"`
		Code    string `json:"code"`
		Result  struct {
			ID struct {
				ID string `json:"id"`
			} `json:"id"`
		} `json:"result"`
	}
	if err := json.Unmarshal(text, &answer); err != nil {
		return "", fmt.Sprintf("%d without JSON", resp.StatusCode)
	}
	if resp.StatusCode != http.StatusOK || !answer.Success {
		return "", fmt.Sprintf("%d %s", resp.StatusCode, answer.Code)
	}
	return answer.Result.ID.ID, ""
}

// tally counts answers by what they looked like.
type tally struct {
	mu    sync.Mutex
	count map[string]int
}

func (t *tally) add(what string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.count == nil {
		t.count = map[string]int{}
	}
	t.count[what]++
}
