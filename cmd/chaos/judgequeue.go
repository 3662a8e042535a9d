package main

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"whatsapp-manager/cmd/internal/stack"
)

// queueing counts what went by the queue.
type queueing struct {
	atOnce, scheduled direction
	cancelled, came   int // with success, and those of them that came
	early             int // went before their time, while the clock was ahead
	late              []time.Duration
}

// judgeQueue checks that what was left in the queue is where the API says it is.
func (s *instanceUnderTest) judgeQueue(ctx context.Context, v *verdict, feed []stack.Event) {
	listed, err := s.list(ctx)
	if err != nil {
		v.fail("instance %d: %v", s.nr, err)
		return
	}
	ends, got, first := ends(feed), s.received(), s.arrivals()
	s.mu.Lock()
	all := s.queued
	s.mu.Unlock()
	for _, m := range all {
		state, messageID, err := s.outcome(ctx, m.key)
		if err == nil {
			err = s.judgeQueued(v, m, told{State: state, MessageID: messageID}, got[m.body], first[m.body])
		}
		if err == nil {
			err = agree(state, listed[m.key], ends[m.key])
		}
		if err != nil {
			v.fail("instance %d: %s (accepted: %t, tries: %d, cancel: %s, at the contact: %d): %v", s.nr, m.key, m.accepted,
				m.tries, taken(m), len(got[m.body]), err)
		}
	}
}

func taken(m *queued) string {
	switch {
	case !m.asked:
		return "not asked for"
	case m.cancelled:
		return "success"
	}
	return m.lastCancel
}

// ends are the ends of queued sends that the feed tells, by key.
func ends(feed []stack.Event) map[string][]string {
	all := map[string][]string{}
	for _, ev := range feed {
		var t told
		if ev.Event == "send_update" && json.Unmarshal(ev.Data, &t) == nil {
			all[t.Key] = append(all[t.Key], t.State)
		}
	}
	return all
}

// arrivals are when the bodies reached the contact for the first time.
func (s *instanceUnderTest) arrivals() map[string]time.Time {
	first := map[string]time.Time{}
	for _, r := range s.contact.Phone().Received() {
		if at, known := first[r.Text]; !known || r.Time.Before(at) {
			first[r.Text] = r.Time
		}
	}
	return first
}

// agree checks that list and feed say of a send what its own page says. One whose
// end was not known may be known to be sent since.
func agree(state string, listed told, ends []string) error {
	if state == "forgotten" {
		if listed.State != "" || len(ends) > 0 {
			return fmt.Errorf("nothing is known of it, the list has it as %q, the feed as %v", listed.State, ends)
		}
		return nil
	}
	if listed.State != state {
		return fmt.Errorf("it is %q, and %q in the list", state, listed.State)
	}
	if len(ends) != 1 || ends[0] != state && (ends[0] != "unknown" || state != "sent") {
		return fmt.Errorf("it is %q, and the feed has its end as %v", state, ends)
	}
	return nil
}

func (s *instanceUnderTest) judgeQueued(v *verdict, m *queued, t told, ids map[string]bool, arrived time.Time) error {
	d := &v.queue.atOnce
	if m.ahead > 0 {
		d = &v.queue.scheduled
	}
	switch {
	case m.cancelled:
		v.queue.cancelled++
	case t.State != "cancelled":
		d.sent++
	}
	if m.accepted {
		d.accepted++
	}
	switch {
	case len(ids) > 1:
		d.duplicated++
		return fmt.Errorf("the contact got it under %d ids", len(ids))
	case len(ids) == 1 && t.MessageID != "" && !ids[t.MessageID]:
		return fmt.Errorf("the contact got another id than the API tells")
	case m.accepted && t.MessageID != m.messageID:
		return fmt.Errorf("the answer told another id")
	case m.cancelled && len(ids) > 0:
		v.queue.came++
		return fmt.Errorf("its cancel was answered with success, and it came")
	case m.cancelled && t.State != "cancelled":
		return fmt.Errorf("its cancel was answered with success, and it is %q", t.State)
	case t.State == "cancelled" && !m.asked:
		return fmt.Errorf("it is cancelled, and nobody asked for that")
	case (t.State == "cancelled" || t.State == "forgotten") && len(ids) > 0:
		return fmt.Errorf("it is %s and came", t.State)
	case !m.accepted && m.repeats:
		return fmt.Errorf("repeating it never brought success, the last time: %s", m.last)
	case t.State == "cancelled", t.State == "forgotten" && !m.accepted:
		return nil
	case len(ids) == 0:
		d.lost++
		return fmt.Errorf("it is %q and never came", t.State)
	}
	d.arrived++
	if t.State != "sent" {
		return fmt.Errorf("it came, and is %q", t.State)
	}
	return v.judgeTime(m, arrived)
}

// judgeTime checks that a message did not go before its time, but where the node
// could not know better. WhatsApp's times are whole seconds.
func (v *verdict) judgeTime(m *queued, arrived time.Time) error {
	due := m.began
	if !m.at.IsZero() {
		due = m.at
	}
	if !arrived.Before(due.Truncate(time.Second)) {
		v.queue.late = append(v.queue.late, max(0, arrived.Sub(due)))
		return nil
	}
	if v.history.ahead(m.began, arrived.Add(time.Second)) {
		v.queue.early++
		return nil
	}
	return fmt.Errorf("it came %s before its time, and no clock was ahead", due.Sub(arrived).Round(ms))
}
