package main

import (
	"fmt"
	"strings"
	"sync"
	"time"

	"whatsapp-manager/cmd/internal/stack"
	"whatsapp-manager/worker/wasim"
)

// instanceUnderTest is an instance under test: its account, a contact who writes to it
// and is written to, and the ledgers of what became of every message.
type instanceUnderTest struct {
	nr               int
	account, contact *wasim.Account
	id, key          string
	client           *stack.Client // with the instance's own key
	nudge            chan struct{} // asks the contact for a message at once

	mu     sync.Mutex
	sent   []time.Time       // of the contact's message n, at n-1
	hooked map[int]time.Time // when message n first reached the webhook
	again  int               // deliveries of what the webhook had already
	late   []string          // first arrivals at the webhook behind a later message
	newest int               // highest message at the webhook
	stream streamed
	sends  []*send
	queued []*queued
	strays []string // what should never have been seen
}

// device is the worker's registration at the simulator.
func (s *instanceUnderTest) device() *wasim.Device {
	devices := s.account.Devices()
	if len(devices) == 0 {
		return nil
	}
	return devices[len(devices)-1]
}

func (s *instanceUnderTest) body(n int) string { return fmt.Sprintf("in %d %d", s.nr, n) }

// number reads a body of the contact; 0 when it is none.
func (s *instanceUnderTest) number(body string) (n int, ours bool) {
	var nr int
	if !strings.HasPrefix(body, "in ") {
		return 0, true
	}
	if _, err := fmt.Sscanf(body, "in %d %d", &nr, &n); err != nil {
		return 0, true
	}
	return n, nr == s.nr
}

func (s *instanceUnderTest) stray(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.strays = append(s.strays, fmt.Sprintf("instance %d: %s", s.nr, fmt.Sprintf(format, args...)))
}

// posted notes a delivery to the webhook.
func (s *instanceUnderTest) posted(ev stack.Event) {
	m, err := ev.Message()
	if err != nil || ev.Event != "message" {
		return
	}
	n, ours := s.number(m.Body)
	if !ours || ev.Instance != s.id {
		s.stray("the webhook got %q of %s", m.Body, ev.Instance)
		return
	}
	if n == 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, known := s.hooked[n]; known {
		s.again++
		return
	}
	s.hooked[n] = time.Now()
	if n < s.newest {
		s.late = append(s.late, fmt.Sprintf("instance %d: message %d reached the webhook after %d", s.nr, n, s.newest))
	}
	s.newest = max(s.newest, n)
}

// complete tells whether webhook and stream have all messages of the contact, and
// the contact has all that were answered with success and not taken back. The
// latter may take a while, when its phone has to ask for one again.
func (s *instanceUnderTest) complete() (missing string) {
	got := s.received()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range s.queued {
		if m.accepted && !m.asked && len(got[m.body]) == 0 {
			return fmt.Sprintf("instance %d: %q at the contact", s.nr, m.body)
		}
	}
	for _, m := range s.sends {
		if m.accepted && len(got[m.body]) == 0 {
			return fmt.Sprintf("instance %d: %q at the contact", s.nr, m.body)
		}
	}
	if len(s.hooked) < len(s.sent) {
		return fmt.Sprintf("instance %d: %d of %d at the webhook", s.nr, len(s.hooked), len(s.sent))
	}
	if len(s.stream.times) < len(s.sent) {
		return fmt.Sprintf("instance %d: %d of %d in the stream", s.nr, len(s.stream.times), len(s.sent))
	}
	return ""
}

// through is when the first message sent at or after t was at the webhook.
func (s *instanceUnderTest) through(t time.Time) (time.Time, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, at := range s.sent {
		if at.Before(t) {
			continue
		}
		arrived, ok := s.hooked[i+1]
		return arrived, ok
	}
	return time.Time{}, false
}
