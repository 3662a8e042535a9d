package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"time"
)

// queueEvery is which of an instance's sends go by the queue.
const queueEvery = 3

// queued is a message that an integrator leaves in the queue.
type queued struct {
	key, body string
	ahead     time.Duration // of the first request; 0: to be sent at once
	cancels   bool          // its client takes it back
	after     time.Duration // so long after it was accepted
	repeats   bool          // its client repeats it with the key until it is accepted

	began, at  time.Time // when it was asked for first, and what it asked for; zero: at once
	accepted   bool
	messageID  string
	tries      int
	last       string // what the last failure to queue it looked like
	asked      bool   // to be taken back
	cancelled  bool   // with success
	lastCancel string // what the last failure to take it back looked like
}

// forQueue draws the instance's n-th message for the queue, which depends on the
// seed only. One after the other: at once, scheduled, scheduled and cancelled well
// before it is due, at once, cancelled when it may be on its way, cancelled when it
// is about due.
func (s *instanceUnderTest) forQueue(seed uint64, n int) *queued {
	dice := rand.New(rand.NewPCG(seed, uint64(s.nr)<<32|uint64(n)))
	between := func(shortest, longest time.Duration) time.Duration {
		return shortest + time.Duration(dice.Int64N(int64(longest-shortest)))
	}
	m := &queued{
		key:  fmt.Sprintf("chaos-queue-%d-%d", s.nr, n),
		body: fmt.Sprintf("queued %d %d", s.nr, n), repeats: n%5 != 0,
	}
	switch n % 6 {
	case 1:
		m.ahead = between(2*sec, 8*sec)
	case 2:
		m.ahead, m.cancels, m.after = between(5*sec, 9*sec), true, between(0, 2*sec)
	case 4:
		m.cancels, m.after = true, between(0, 300*ms)
	case 5:
		m.ahead, m.cancels = between(2*sec, 5*sec), true
		m.after = m.ahead + between(-150*ms, 150*ms)
	}
	return m
}

// entrust leaves the message in the queue, and takes it back if its client does so.
func (s *instanceUnderTest) entrust(ctx context.Context, m *queued, v *verdict) {
	began := time.Now()
	s.mu.Lock()
	if m.began = began; m.ahead > 0 {
		m.at = began.Add(m.ahead).Round(0)
	}
	s.mu.Unlock()
	if !s.enqueue(ctx, m, &v.queueAnswers) || !m.cancels || !pause(ctx, m.after) {
		return
	}
	s.takeBack(ctx, m, &v.cancelAnswers)
}

func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

func (s *instanceUnderTest) enqueue(ctx context.Context, m *queued, answers *tally) (accepted bool) {
	request := map[string]any{"params": s.params(m.body)}
	if !m.at.IsZero() {
		request["sendAt"] = m.at
	}
	for wait := 100 * ms; ; wait = min(2*wait, 2*sec) {
		var answer struct {
			Code string `json:"code"`
			Send struct {
				MessageID string `json:"messageId"`
			} `json:"send"`
		}
		status, failure := s.ask(ctx, http.MethodPost, "/api/instances/"+s.id+"/sends", m.key, request, &answer)
		if failure == "" && status != http.StatusAccepted {
			failure = fmt.Sprintf("%d %s", status, answer.Code)
		}
		answers.add(failure)
		s.mu.Lock()
		m.tries++
		m.last = failure
		if failure == "" {
			m.accepted, m.messageID = true, answer.Send.MessageID
		}
		s.mu.Unlock()
		if failure == "" {
			return true
		}
		if !m.repeats || !pause(ctx, wait) {
			return false
		}
	}
}

// takeBack asks for the message to be cancelled until the answer is definite: it
// is, or it is too late.
func (s *instanceUnderTest) takeBack(ctx context.Context, m *queued, answers *tally) {
	for wait := 100 * ms; ; wait = min(2*wait, 2*sec) {
		s.mu.Lock()
		m.asked = true
		s.mu.Unlock()
		var answer struct {
			Code string `json:"code"`
		}
		status, failure := s.ask(ctx, http.MethodDelete, "/api/instances/"+s.id+"/sends/"+m.key, m.key, nil, &answer)
		if failure == "" && status != http.StatusOK {
			failure = fmt.Sprintf("%d %s", status, answer.Code)
		}
		answers.add(failure)
		s.mu.Lock()
		m.cancelled, m.lastCancel = failure == "", failure
		s.mu.Unlock()
		if failure == "" || status == http.StatusConflict || !pause(ctx, wait) {
			return
		}
	}
}

// told is what the API tells of a send.
type told struct {
	Key       string     `json:"key"`
	State     string     `json:"state"`
	MessageID string     `json:"messageId"`
	SendAt    *time.Time `json:"sendAt"` // of one in the queue, or that was there
}

// list reads what the API lists of the instance's sends, page by page.
func (s *instanceUnderTest) list(ctx context.Context) (map[string]told, error) {
	all := map[string]told{}
	for page := 1; ; page++ {
		var out struct {
			Sends      []told `json:"sends"`
			Pagination struct {
				Pages int `json:"pages"`
			} `json:"pagination"`
		}
		path := fmt.Sprintf("/api/instances/%s/sends?limit=200&page=%d", s.id, page)
		if err := s.client.Want(ctx, http.StatusOK, http.MethodGet, path, nil, &out); err != nil {
			return nil, err
		}
		for _, t := range out.Sends {
			all[t.Key] = t
		}
		if page >= out.Pagination.Pages {
			return all, nil
		}
	}
}

// waiting tells what is still in the queue, or said to be sent and not yet at the
// contact; nothing when the queue has done its work.
func (s *instanceUnderTest) waiting(ctx context.Context) (missing string) {
	listed, err := s.list(ctx)
	if err != nil {
		return fmt.Sprintf("instance %d: %v", s.nr, err)
	}
	got := s.received()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range s.queued {
		switch t, known := listed[m.key]; {
		case !known:
		case t.State == "queued" || t.State == "running":
			return fmt.Sprintf("instance %d: %s is %s", s.nr, m.key, t.State)
		case t.State == "sent" && len(got[m.body]) == 0:
			return fmt.Sprintf("instance %d: %q at the contact", s.nr, m.body)
		}
	}
	return ""
}
