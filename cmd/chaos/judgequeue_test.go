package main

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"whatsapp-manager/cmd/internal/stack"
)

func TestTheOracleSeesWhatIsWrongWithTheQueue(t *testing.T) {
	due := time.Now().Truncate(time.Second)
	at := func(m queued) queued {
		m.accepted, m.messageID, m.began, m.at = true, "A", due.Add(-5*sec), due
		return m
	}
	waits := at(queued{})
	for name, tc := range map[string]struct {
		send    queued
		state   string
		at      []string
		arrived time.Time
		says    string
	}{
		"all well":                 {waits, "sent", []string{"A"}, due, ""},
		"never came":               {waits, "sent", nil, time.Time{}, "never came"},
		"stays in the queue":       {waits, "queued", nil, time.Time{}, `is "queued" and never came`},
		"forgotten":                {waits, "forgotten", nil, time.Time{}, "another id"},
		"failed":                   {waits, "failed", nil, time.Time{}, "never came"},
		"unknown although it came": {waits, "unknown", []string{"A"}, due, `is "unknown"`},
		"came twice":               {waits, "sent", []string{"A", "B"}, due, "under 2 ids"},
		"came under another id":    {waits, "sent", []string{"B"}, due, "another id"},
		"came too early":           {waits, "sent", []string{"A"}, due.Add(-2 * sec), "before its time"},
		"cancelled":                {at(queued{asked: true, cancelled: true}), "cancelled", nil, time.Time{}, ""},
		"cancelled and came": {
			at(queued{asked: true, cancelled: true}), "cancelled",
			[]string{"A"},
			due, "it came",
		},
		"cancelled and not":          {at(queued{asked: true, cancelled: true}), "queued", nil, time.Time{}, `is "queued"`},
		"cancelled by nobody":        {waits, "cancelled", nil, time.Time{}, "nobody asked"},
		"too late to cancel":         {at(queued{asked: true, lastCancel: "409"}), "sent", []string{"A"}, due, ""},
		"too late and never came":    {at(queued{asked: true, lastCancel: "409"}), "sent", nil, time.Time{}, "never came"},
		"cancelled by a lost answer": {at(queued{asked: true, lastCancel: "409"}), "cancelled", nil, time.Time{}, ""},
		"by a lost answer, and came": {
			at(queued{asked: true, lastCancel: "409"}), "cancelled",
			[]string{"A"},
			due, "is cancelled and came",
		},
		"never accepted":               {queued{last: "503"}, "forgotten", nil, time.Time{}, ""},
		"never accepted and came":      {queued{last: "503"}, "forgotten", []string{"A"}, due, "is forgotten and came"},
		"accepted by a lost answer":    {queued{last: "no answer"}, "sent", []string{"A"}, due, ""},
		"by a lost answer, never came": {queued{last: "no answer"}, "sent", nil, time.Time{}, "never came"},
		"repeated in vain": {
			queued{last: "503", repeats: true},
			"forgotten", nil,
			time.Time{},
			"never brought success",
		},
	} {
		t.Run(name, func(t *testing.T) {
			ids := map[string]bool{}
			for _, id := range tc.at {
				ids[id] = true
			}
			told := told{State: tc.state, MessageID: "A"}
			if tc.state == "forgotten" {
				told.MessageID = ""
			}
			err := (&instanceUnderTest{}).judgeQueued(&verdict{}, &tc.send, told, ids, tc.arrived)
			if (err == nil) != (tc.says == "") || err != nil && !strings.Contains(err.Error(), tc.says) {
				t.Errorf("said %v, want %q in it", err, tc.says)
			}
		})
	}
}

// A scheduled message may go early while the node's clock is ahead, then only.
func TestTheOracleKnowsWhenTheClockWasAhead(t *testing.T) {
	due := time.Now().Truncate(time.Second)
	m := &queued{began: due.Add(-20 * sec), at: due}
	arrived := due.Add(-10 * sec)
	for _, tc := range []struct {
		kind string
		over time.Duration // before it was due; the step took five seconds
		fine bool
	}{
		{clockForward, 9 * sec, true},
		{clockForward, 16 * sec, true},
		{clockForward, 21 * sec, false},
		{clockForward, 2 * sec, false},
		{clockBack, 9 * sec, false},
	} {
		t.Run(fmt.Sprint(tc.kind, " until ", tc.over, " before"), func(t *testing.T) {
			v := &verdict{}
			v.history.add(injected{fault: fault{kind: tc.kind, length: 5 * sec}, over: due.Add(-tc.over)})
			if err := v.judgeTime(m, arrived); (err == nil) != tc.fine {
				t.Errorf("judged %v", err)
			}
		})
	}
	v := &verdict{}
	if err := v.judgeTime(m, due.Add(3*sec)); err != nil || len(v.queue.late) != 1 || v.queue.late[0] != 3*sec {
		t.Errorf("%v, late %v", err, v.queue.late)
	}
}

func TestTheOracleSeesWhereListAndFeedDisagree(t *testing.T) {
	feed := []stack.Event{
		{Event: "send_update", Data: []byte(`{"key":"a","state":"sent"}`)},
		{Event: "send_update", Data: []byte(`{"key":"b","state":"sent"}`)},
		{Event: "send_update", Data: []byte(`{"key":"b","state":"sent"}`)},
		{Event: "send_update", Data: []byte(`{"key":"u","state":"unknown"}`)},
		{Event: "message", Data: []byte(`{"key":"c","state":"sent"}`)},
	}
	for _, tc := range []struct{ key, state, listed, says string }{
		{"a", "sent", "sent", ""},
		{"a", "sent", "queued", `"queued" in the list`},
		{"a", "cancelled", "cancelled", "the feed has its end as [sent]"},
		{"u", "sent", "sent", ""},
		{"u", "cancelled", "cancelled", "the feed has its end as [unknown]"},
		{"b", "sent", "sent", "[sent sent]"},
		{"c", "sent", "sent", "the feed has its end as []"},
		{"a", "forgotten", "", "the feed as [sent]"},
		{"d", "forgotten", "sent", `the list has it as "sent"`},
		{"d", "forgotten", "", ""},
	} {
		t.Run(fmt.Sprintf("%s %s, listed as %s", tc.key, tc.state, tc.listed), func(t *testing.T) {
			err := agree(tc.state, told{State: tc.listed}, ends(feed)[tc.key])
			if (err == nil) != (tc.says == "") || err != nil && !strings.Contains(err.Error(), tc.says) {
				t.Errorf("%+v: said %v", tc, err)
			}
		})
	}
}

func TestWhatIsQueuedFollowsFromTheSeed(t *testing.T) {
	s := &instanceUnderTest{nr: 3}
	scheduled, cancelled, other := 0, 0, 0
	for n := 1; n <= 30; n++ {
		m := s.forQueue(7, n)
		if *m != *s.forQueue(7, n) {
			t.Errorf("message %d is another one the second time", n)
		}
		if m.ahead > 0 {
			scheduled++
		}
		if m.cancels {
			cancelled++
		}
		if m.ahead != s.forQueue(8, n).ahead {
			other++
		}
	}
	if scheduled != 15 || cancelled != 15 || other != scheduled {
		t.Errorf("%d scheduled, %d cancelled, %d others with another seed", scheduled, cancelled, other)
	}
}
