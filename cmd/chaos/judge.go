package main

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"whatsapp-manager/cmd/internal/stack"
)

// judge holds every ledger against what was sent.
func (l *chaosLab) judge(ctx context.Context, v *verdict) {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Minute)
	defer cancel()
	l.hook.mu.Lock()
	v.wrong = append(v.wrong, l.hook.wrong...)
	l.hook.mu.Unlock()
	for _, s := range l.instances {
		feed, err := s.feed(ctx)
		if err != nil {
			v.fail("instance %d: %v", s.nr, err)
			continue
		}
		s.judgeIn(v, feed)
		s.judgeOut(ctx, v)
		s.judgeQueue(ctx, v, feed)
	}
}

// feed reads the instance's whole feed, page by page.
func (s *instanceUnderTest) feed(ctx context.Context) (all []stack.Event, err error) {
	for after := uint64(0); ; {
		var page struct {
			Events []stack.Event `json:"events"`
		}
		if err := s.client.Want(ctx, http.StatusOK, http.MethodGet,
			fmt.Sprintf("/api/instances/%s/events?after=%d&limit=500", s.id, after), nil, &page); err != nil {
			return nil, err
		}
		if len(page.Events) == 0 {
			return all, nil
		}
		all = append(all, page.Events...)
		after = all[len(all)-1].Seq
	}
}

// judgeIn checks that every message of the contact is in the feed once, in the
// stream once, at the webhook, and in order.
func (s *instanceUnderTest) judgeIn(v *verdict, feed []stack.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	v.wrong = append(v.wrong, s.strays...)
	v.wrong = append(v.wrong, s.stream.gaps...)
	v.wrong = append(v.wrong, s.late...)
	v.in.sent += len(s.sent)
	v.in.reordered += len(s.late)
	v.in.again += s.again
	v.streams += s.stream.opened
	v.events += len(feed)
	times, ids := map[int]int{}, map[string]bool{}
	newest := 0
	for i, ev := range feed {
		if ev.Seq != uint64(i+1) {
			v.fail("instance %d: the feed has seq %d at place %d", s.nr, ev.Seq, i+1)
		}
		if ids[ev.ID] {
			v.fail("instance %d: the event id %s is there twice", s.nr, ev.ID)
		}
		ids[ev.ID] = true
		m, err := ev.Message()
		if err != nil || ev.Event != "message" {
			continue
		}
		n, ours := s.number(m.Body)
		if !ours {
			v.fail("instance %d: the feed has %q", s.nr, m.Body)
			continue
		}
		if n == 0 {
			continue
		}
		if times[n]++; times[n] == 1 && n < newest {
			v.in.reordered++
			v.fail("instance %d: the feed has message %d behind %d", s.nr, n, newest)
		}
		newest = max(newest, n)
	}
	for n := 1; n <= len(s.sent); n++ {
		_, hooked := s.hooked[n]
		if times[n] == 0 || !hooked || s.stream.times[n] == 0 {
			v.in.lost++
			v.fail("instance %d: message %d is in the feed %d times, in the stream %d times, at the webhook: %t", s.nr, n,
				times[n], s.stream.times[n], hooked)
		}
		if times[n] > 1 || s.stream.times[n] > 1 {
			v.in.duplicated++
			v.fail("instance %d: message %d is in the feed %d times, in the stream %d times", s.nr,
				n, times[n], s.stream.times[n])
		}
		v.in.arrived += min(times[n], 1)
	}
}

// received is what the contact got: for each body the ids it came under. A phone
// shows what comes twice under one id once.
func (s *instanceUnderTest) received() map[string]map[string]bool {
	got := map[string]map[string]bool{}
	for _, r := range s.contact.Phone().Received() {
		if got[r.Text] == nil {
			got[r.Text] = map[string]bool{}
		}
		got[r.Text][r.ID] = true
	}
	return got
}

// judgeOut checks that what the API said of a send is what the contact saw.
func (s *instanceUnderTest) judgeOut(ctx context.Context, v *verdict) {
	got := s.received()
	for body := range got {
		if !strings.HasPrefix(body, fmt.Sprintf("out %d ", s.nr)) &&
			!strings.HasPrefix(body, fmt.Sprintf("queued %d ", s.nr)) {
			v.fail("instance %d: its contact got %q", s.nr, body)
		}
	}
	s.mu.Lock()
	sends := s.sends
	s.mu.Unlock()
	for _, m := range sends {
		v.out.sent++
		if err := s.judgeSend(ctx, v, m, got[m.body]); err != nil {
			v.fail("instance %d: %s (answer: %s, tries: %d, at the contact: %d): %v", s.nr, m.key, answered(m),
				m.tries, len(got[m.body]), err)
		}
		if len(got[m.body]) > 0 {
			v.out.arrived++
		}
	}
}

func answered(m *send) string {
	if m.accepted {
		return "success"
	}
	return m.last
}

func (s *instanceUnderTest) judgeSend(ctx context.Context, v *verdict, m *send, ids map[string]bool) error {
	state, messageID, err := s.outcome(ctx, m.key)
	if err != nil {
		return err
	}
	if len(ids) > 1 {
		v.out.duplicated++
		return fmt.Errorf("the contact got it under %d ids", len(ids))
	}
	if len(ids) == 1 && messageID != "" && !ids[messageID] {
		return fmt.Errorf("the contact got another id than the API tells")
	}
	if m.accepted {
		v.out.accepted++
		switch {
		case len(ids) == 0:
			v.out.lost++
			return fmt.Errorf("it was answered with success and never came")
		case !ids[m.messageID]:
			return fmt.Errorf("the answer told another id")
		case state != "sent":
			return fmt.Errorf("it was answered with success and is now %q", state)
		}
		return nil
	}
	v.refused(state)
	switch {
	case m.repeats:
		return fmt.Errorf("repeating it never brought success")
	case state == "sent" && len(ids) == 0:
		v.out.lost++
		return fmt.Errorf("it is said to be sent and never came")
	case (state == "failed" || state == "forgotten") && len(ids) > 0:
		return fmt.Errorf("it is %s and came", state)
	case state == "sent", state == "failed", state == "forgotten":
		return nil
	}
	return s.resolve(ctx, v, m, state, ids)
}

// resolve repeats a send whose end nobody saw, as its owner may: it must then
// have happened, once.
func (s *instanceUnderTest) resolve(ctx context.Context, v *verdict, m *send, state string, ids map[string]bool) error {
	if state != "unknown" {
		return fmt.Errorf("long after, it is %q", state)
	}
	if len(ids) > 0 {
		return fmt.Errorf("it came, its receipt too, and its outcome is unknown")
	}
	id, failure := s.try(ctx, m)
	if failure != "" {
		return fmt.Errorf("its outcome is unknown, and repeating it brought %s", failure)
	}
	seen, cancel := context.WithTimeout(ctx, 10*sec)
	defer cancel()
	for {
		again := s.received()[m.body]
		if len(again) > 1 {
			v.out.duplicated++
			return fmt.Errorf("its outcome was unknown, and repeating it sent it twice")
		}
		if again[id] {
			return nil
		}
		select {
		case <-seen.Done():
			v.out.lost++
			return fmt.Errorf("its outcome was unknown, and repeating it brought success but no message")
		case <-time.After(20 * ms):
		}
	}
}

// outcome asks what became of a send; "forgotten" when nothing is known of it.
func (s *instanceUnderTest) outcome(ctx context.Context, key string) (state, messageID string, err error) {
	answer, err := s.client.Do(ctx, http.MethodGet, "/api/instances/"+s.id+"/sends/"+key, nil)
	if err != nil {
		return "", "", err
	}
	if answer.Status == http.StatusNotFound {
		return "forgotten", "", nil
	}
	if answer.Status != http.StatusOK {
		return "", "", fmt.Errorf("asking for it: %d %.200s", answer.Status, answer.Body)
	}
	var out struct {
		Send struct {
			State     string `json:"state"`
			MessageID string `json:"messageId"`
		} `json:"send"`
	}
	err = answer.Into(&out)
	return out.Send.State, out.Send.MessageID, err
}
