package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"whatsapp-manager/cmd/internal/stack"
)

func message(seq int, body string) stack.Event {
	data, err := json.Marshal(map[string]string{"body": body})
	if err != nil {
		panic(err)
	}
	return stack.Event{ID: fmt.Sprint("evt-", seq), Instance: "i", Seq: uint64(seq), Event: "message", Data: data}
}

// three returns an instance whose contact sent three messages, and a feed that
// has them.
func three() (*instanceUnderTest, []stack.Event) {
	s := &instanceUnderTest{nr: 4, id: "i", hooked: map[int]time.Time{}, stream: streamed{times: map[int]int{}}}
	var feed []stack.Event
	for n := 1; n <= 3; n++ {
		s.sent = append(s.sent, time.Now())
		feed = append(feed, message(n, s.body(n)))
	}
	return s, feed
}

func TestTheOracleSeesWhatIsWrongWithArrivals(t *testing.T) {
	for name, tc := range map[string]struct {
		change                      func(s *instanceUnderTest, feed []stack.Event) []stack.Event
		lost, duplicated, reordered int
		says                        string
	}{
		"nothing": {func(_ *instanceUnderTest, feed []stack.Event) []stack.Event { return feed }, 0, 0, 0, ""},
		"not in the feed": {func(_ *instanceUnderTest, feed []stack.Event) []stack.Event {
			return feed[:2]
		}, 1, 0, 0, "message 3 is in the feed 0 times"},
		"twice in the feed": {func(s *instanceUnderTest, feed []stack.Event) []stack.Event {
			return append(feed, message(4, s.body(3)))
		}, 0, 1, 0, "message 3 is in the feed 2 times"},
		"in another order": {func(s *instanceUnderTest, _ []stack.Event) []stack.Event {
			return []stack.Event{message(1, s.body(1)), message(2, s.body(3)), message(3, s.body(2))}
		}, 0, 0, 1, "message 2 behind 3"},
		"a gap in the feed": {func(_ *instanceUnderTest, feed []stack.Event) []stack.Event {
			feed[2].Seq = 4
			return feed
		}, 0, 0, 0, "seq 4 at place 3"},
		"somebody else's": {func(_ *instanceUnderTest, feed []stack.Event) []stack.Event {
			return append(feed, message(4, "in 5 1"))
		}, 0, 0, 0, `the feed has "in 5 1"`},
		"one event id twice": {func(_ *instanceUnderTest, feed []stack.Event) []stack.Event {
			feed[2].ID = feed[1].ID
			return feed
		}, 0, 0, 0, "is there twice"},
		"never at the webhook": {func(s *instanceUnderTest, feed []stack.Event) []stack.Event {
			delete(s.hooked, 2)
			return feed
		}, 1, 0, 0, "at the webhook: false"},
		"twice in the stream": {func(s *instanceUnderTest, feed []stack.Event) []stack.Event {
			s.stream.times[2]++
			return feed
		}, 0, 1, 0, "in the stream 2 times"},
	} {
		t.Run(name, func(t *testing.T) {
			s, feed := three()
			for _, ev := range feed {
				s.posted(ev)
				m, err := ev.Message()
				if err != nil {
					t.Fatal(err)
				}
				n, _ := s.number(m.Body)
				s.stream.times[n]++
			}
			v := &verdict{}
			s.judgeIn(v, tc.change(s, feed))
			if v.in.lost != tc.lost || v.in.duplicated != tc.duplicated || v.in.reordered != tc.reordered {
				t.Errorf("lost %d, duplicated %d, reordered %d", v.in.lost, v.in.duplicated, v.in.reordered)
			}
			if said := strings.Join(v.wrong, "\n"); (tc.says == "") != (said == "") || !strings.Contains(said, tc.says) {
				t.Errorf("said %q, want %q in it", said, tc.says)
			}
		})
	}
}

func TestTheOracleSeesDisorderAtTheWebhookAndInTheStream(t *testing.T) {
	s, feed := three()
	for _, nth := range []int{0, 2, 1, 1} {
		s.posted(feed[nth])
	}
	if len(s.late) != 1 || s.again != 1 {
		t.Errorf("late: %v, again: %d", s.late, s.again)
	}
	foreign := feed[0]
	foreign.Instance = "another"
	s.posted(foreign)
	if len(s.strays) != 1 {
		t.Errorf("strays: %v", s.strays)
	}
	for _, nth := range []int{0, 2} {
		text := fmt.Sprintf(`{"seq":%d,"event":"message","data":{"body":"%s"}}`, nth+1, s.body(nth+1))
		s.streamed(uint64(nth+1), text)
	}
	if len(s.stream.gaps) != 1 {
		t.Errorf("gaps: %v", s.stream.gaps)
	}
}

func TestTheOracleSeesWhatIsWrongWithSends(t *testing.T) {
	for name, tc := range map[string]struct {
		send  send
		state string // what the API tells; empty: it knows nothing
		at    []string
		says  string
	}{
		"all well":                    {send{accepted: true, messageID: "A"}, "sent", []string{"A"}, ""},
		"never came":                  {send{accepted: true, messageID: "A"}, "sent", nil, "never came"},
		"came twice":                  {send{accepted: true, messageID: "A"}, "sent", []string{"A", "B"}, "under 2 ids"},
		"came under another id":       {send{accepted: true, messageID: "A"}, "sent", []string{"B"}, "another id"},
		"accepted and forgotten":      {send{accepted: true, messageID: "A"}, "", []string{"A"}, `is now "forgotten"`},
		"refused and forgotten":       {send{last: "503"}, "", nil, ""},
		"forgotten although it came":  {send{last: "503"}, "", []string{"A"}, "is forgotten and came"},
		"failed although it came":     {send{last: "422"}, "failed", []string{"A"}, "is failed and came"},
		"said to be sent, never came": {send{last: "503"}, "sent", nil, "never came"},
		"lost answer, told as sent":   {send{last: "no answer"}, "sent", []string{"A"}, ""},
		"unknown although it came":    {send{last: "no answer"}, "unknown", []string{"A"}, "outcome is unknown"},
		"still running":               {send{last: "no answer"}, "running", nil, `"running"`},
		"repeated in vain":            {send{last: "503", repeats: true}, "", nil, "never brought success"},
	} {
		t.Run(name, func(t *testing.T) {
			api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				if tc.state == "" {
					w.WriteHeader(http.StatusNotFound)
					return
				}
				fmt.Fprintf(w, `{"send":{"state":%q,"messageId":"A"}}`, tc.state)
			}))
			defer api.Close()
			s := &instanceUnderTest{id: "i", client: &stack.Client{Base: api.URL, HTTP: api.Client()}}
			ids := map[string]bool{}
			for _, id := range tc.at {
				ids[id] = true
			}
			err := s.judgeSend(context.Background(), &verdict{}, &tc.send, ids)
			if (err == nil) != (tc.says == "") || err != nil && !strings.Contains(err.Error(), tc.says) {
				t.Errorf("said %v, want %q in it", err, tc.says)
			}
		})
	}
}

// A receiver must take a signature that is minutes old for a replay. What it
// refuses for that, because a clock was stepped, it has not got.
func TestTheReceiverTakesNoStaleSignature(t *testing.T) {
	const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	signer, err := standardwebhooks.NewWebhook(secret)
	if err != nil {
		t.Fatal(err)
	}
	h := &hook{status: http.StatusOK, of: map[string]*instanceUnderTest{}, secrets: map[string]*standardwebhooks.Webhook{}}
	s, feed := three()
	if err := h.expect(s, secret); err != nil {
		t.Fatal(err)
	}
	post := func(ev stack.Event, at time.Time, spoil bool) int {
		body, err := json.Marshal(ev)
		if err != nil {
			t.Fatal(err)
		}
		signature, err := signer.Sign(ev.ID, at, body)
		if err != nil {
			t.Fatal(err)
		}
		if spoil {
			at = at.Add(time.Second)
		}
		req := httptest.NewRequest(http.MethodPost, "/i", bytes.NewReader(body))
		req.Header.Set(standardwebhooks.HeaderWebhookID, ev.ID)
		req.Header.Set(standardwebhooks.HeaderWebhookTimestamp, strconv.FormatInt(at.Unix(), 10))
		req.Header.Set(standardwebhooks.HeaderWebhookSignature, signature)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, req)
		return w.Code
	}
	for _, wrong := range []time.Duration{-time.Hour, 26 * time.Hour} {
		if status := post(feed[0], time.Now().Add(wrong), false); status != http.StatusBadRequest ||
			len(s.hooked) > 0 || len(h.wrong) > 0 {
			t.Errorf("%s: status %d, ledger %v, wrong %v", wrong, status, s.hooked, h.wrong)
		}
	}
	if status := post(feed[0], time.Now(), false); status != http.StatusOK || len(s.hooked) != 1 || len(h.wrong) > 0 {
		t.Errorf("status %d, ledger %v, wrong %v", status, s.hooked, h.wrong)
	}
	post(feed[1], time.Now(), true)
	if len(h.wrong) != 1 {
		t.Errorf("a wrong signature: %v", h.wrong)
	}
}

func TestTheOracleSeesAClockThatNobodyHas(t *testing.T) {
	v := &verdict{}
	v.history.miss(clockBack)
	v.judgeClock()
	if len(v.wrong) != 1 {
		t.Errorf("said %v", v.wrong)
	}
	v = &verdict{}
	v.history.miss(clockBack)
	v.history.add(injected{fault: fault{kind: clockBack}})
	v.judgeClock()
	if len(v.wrong) != 0 {
		t.Errorf("one of two was seen: %v", v.wrong)
	}
}
