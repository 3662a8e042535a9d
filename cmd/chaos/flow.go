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
	sendTimeout = 20 * time.Second // how long a client waits for one answer
)

// write lets the contact write numbered texts until ctx ends, one every gap, and
// one more whenever it is nudged.
func (s *instanceUnderTest) write(ctx context.Context, gap time.Duration) error {
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

// order sends numbered texts through the API until ctx ends, one every gap, every
// third of them by the queue, and returns when each has its end: success, or for
// every fourth whatever its only try brought. Those that are repeated are repeated
// until retrying ends.
func (s *instanceUnderTest) order(ctx, retrying context.Context, seed uint64, gap time.Duration, v *verdict) {
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
		if n%queueEvery == 0 {
			m := s.forQueue(seed, n/queueEvery)
			s.mu.Lock()
			s.queued = append(s.queued, m)
			s.mu.Unlock()
			all.Go(func() { s.entrust(retrying, m, v) })
			continue
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
			s.insist(retrying, m, &v.answers)
		})
	}
}

func (s *instanceUnderTest) insist(ctx context.Context, m *send, answers *tally) {
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
func (s *instanceUnderTest) try(ctx context.Context, m *send) (id, failure string) {
	var answer struct {
		Success bool   `json:"success"`
		Code    string `json:"code"`
		Result  struct {
			ID struct {
				ID string `json:"id"`
			} `json:"id"`
		} `json:"result"`
	}
	params := map[string]any{"params": s.params(m.body)}
	status, failure := s.ask(ctx, http.MethodPost, "/api/proxy/sendMessage", m.key, params, &answer)
	switch {
	case failure != "":
		return "", failure
	case status != http.StatusOK || !answer.Success:
		return "", fmt.Sprintf("%d %s", status, answer.Code)
	}
	return answer.Result.ID.ID, ""
}

// params are those of sendMessage to the contact.
func (s *instanceUnderTest) params(body string) []string {
	return []string{s.contact.Number() + "@c.us", body}
}

// ask makes one request for the send of the key and reads the answer, whatever its
// status. Failure is what was wrong when there was no whole one.
func (s *instanceUnderTest) ask(ctx context.Context, method, path, key string, in,
	out any,
) (status int, failure string) {
	ctx, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	body, err := json.Marshal(in)
	if err != nil {
		return 0, err.Error()
	}
	req, err := http.NewRequestWithContext(ctx, method, s.client.Base+path, bytes.NewReader(body))
	if err != nil {
		return 0, err.Error()
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-API-Key", s.key)
	req.Header.Set("Idempotency-Key", key)
	resp, err := s.client.HTTP.Do(req)
	if err != nil {
		return 0, "no answer"
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, "half an answer"
	}
	if err := json.Unmarshal(text, out); err != nil {
		return 0, fmt.Sprintf("%d without JSON", resp.StatusCode)
	}
	return resp.StatusCode, ""
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
