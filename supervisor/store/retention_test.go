package store_test

import (
	"testing"
	"time"

	"whatsapp-manager/supervisor/store"
)

func TestRetention(t *testing.T) {
	st, _ := withFeed(t, 100)
	count := func(table string) (n int) {
		t.Helper()
		if err := st.Pool().QueryRow(t.Context(), "select count(*)::int from "+table).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	// 12,000 messages, one a second, the first of which is starred and the third kept; each with a receipt.
	for _, sql := range []string{
		`insert into messages (instance_id, chat, id, from_me, sender, timestamp, type, ack, starred)
			select 'aaaaaaaaaaaa', '49@c.us', 'M' || n, true, '1@c.us', extract(epoch from '2026-03-01T12:00:00Z'::timestamptz)::bigint + n, 'chat', 1, n = 0 from generate_series(0, 11999) n`,
		`insert into receipts (instance_id, chat, message_id, participant, delivered_at) select 'aaaaaaaaaaaa', '49@c.us', 'M' || n, '49@c.us', 1 from generate_series(0, 11999) n`,
		`insert into pins (instance_id, chat, message_id, pinned, changed_at, until) values ('aaaaaaaaaaaa', '49@c.us', 'M1', true, 1, 0), ('aaaaaaaaaaaa', '49@c.us', 'M11999', true, 1, 0)`,
		`update messages set kept = (id = 'M2') where id in ('M2', 'M3')`,
		`insert into event_responses values ('aaaaaaaaaaaa', '49@c.us', 'M1', '1@c.us', 'E', false, 'going', 0, 1), ('aaaaaaaaaaaa', '49@c.us', 'M2', '1@c.us', 'E', false, 'going', 0, 1)`,
	} {
		if _, err := st.Pool().Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	before := noon.Add(11_000 * time.Second)
	if n, err := st.TrimMessages(t.Context(), before); err != nil || n != 10_998 {
		t.Errorf("removed %d messages, %v", n, err)
	}
	if messages, receipts, pins, answers := count("messages"), count("receipts"), count("pins"), count("event_responses"); messages != 1002 || receipts != 1002 || pins != 1 || answers != 1 {
		t.Errorf("left are %d messages, %d receipts, %d pins, %d answers", messages, receipts, pins, answers)
	}
	if n, err := st.TrimMessages(t.Context(), before); err != nil || n != 0 {
		t.Errorf("removed %d more, %v", n, err)
	}

	// What was committed while the clock was behind takes no younger event with it.
	if _, err := st.Pool().Exec(t.Context(), "update events set at = at - interval '1 day' where seq = 90"); err != nil {
		t.Fatal(err)
	}
	if n, err := st.TrimFeeds(t.Context(), noon.Add(11*time.Second)); err != nil || n != 10 {
		t.Errorf("removed %d events, %v", n, err)
	}

	// A webhook that is behind keeps what it has not got.
	e := endpoint("e1")
	e.Cursor = 40
	if err := st.CreateEndpoint(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	if n, err := st.TrimFeeds(t.Context(), noon.Add(61*time.Second)); err != nil || n != 30 {
		t.Errorf("removed %d events, %v", n, err)
	}
	events, err := st.Events(t.Context(), a, 0, 1000)
	if err != nil || len(events) != 60 || events[0].Seq != 41 {
		t.Errorf("left are %d events, %v", len(events), err)
	}
}

// A send that was made while the clock was a day behind is kept as long as those
// that were made just before it.
func TestPruneSends(t *testing.T) {
	st, _ := withFeed(t, 1)
	for _, s := range []struct {
		key string
		at  time.Time
	}{{"old", noon}, {"young", noon.Add(48 * time.Hour)}, {"behind", noon.Add(22 * time.Hour)}, {"running, behind", noon.Add(22 * time.Hour)}} {
		send := store.Send{Instance: a, Key: s.key, Method: "sendMessage", Digest: []byte{1}, MessageID: s.key, State: store.SendRunning, CreatedAt: s.at}
		if _, _, err := st.BeginSend(t.Context(), send); err != nil {
			t.Fatal(err)
		}
		if s.key == "running, behind" {
			continue
		}
		send.State, send.EndedAt = store.SendSent, &s.at
		if err := st.MarkSend(t.Context(), send, true); err != nil {
			t.Fatal(err)
		}
	}
	for _, step := range []struct {
		before  time.Duration
		removed int
	}{{24 * time.Hour, 1}, {72 * time.Hour, 3}} {
		if n, err := st.PruneSends(t.Context(), noon.Add(step.before)); err != nil || n != step.removed {
			t.Errorf("of those before noon + %s, %d were removed, %v", step.before, n, err)
		}
	}
}
