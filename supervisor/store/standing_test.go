package store_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"whatsapp-manager/proto/standing"
	"whatsapp-manager/supervisor/store"
)

func TestANumbersSendsAreCounted(t *testing.T) {
	st, ctx := setUp(t, a, "bbbbbbbbbbbb")
	monday := time.Date(2026, 11, 30, 0, 0, 0, 0, time.UTC)
	exec := func(sql string, args ...any) {
		t.Helper()
		_, err := st.Pool().Exec(ctx, sql, args...)
		must(t, err)
	}
	exec(`insert into accounts (instance_id, id, lid) values ($1, 'me@c.us', 'me@lid')`, a)
	n := 0
	add := func(chat string, own bool, at time.Duration, ack int, kind string) {
		t.Helper()
		n++
		exec(`insert into messages (instance_id, chat, id, from_me, sender, timestamp, type, ack) values ($1, $2, $3, $4, 'x', $5, $6, $7)`,
			a, chat, fmt.Sprint("M", n), own, monday.Add(at).Unix(), kind, ack)
	}
	const day = 24 * time.Hour
	add("friend@c.us", false, -9*day, 1, "chat")              // wrote long ago
	add("friend@c.us", true, -day+time.Hour, 2, "chat")       // Sunday
	add("cold@c.us", true, -day+2*time.Hour, 1, "chat")       // Sunday, a new chat, never delivered
	add("cold@c.us", true, time.Hour, 1, "chat")              // Monday, never delivered, not overdue
	add("warm@c.us", true, time.Hour, 2, "chat")              // Monday, a new chat
	add("warm@c.us", false, time.Hour, 1, "chat")             // answered within the same second
	add("warm@c.us", true, time.Hour, 2, "chat")              // by then no stranger
	add("notice@c.us", true, time.Hour, 1, "gp2")             // nobody wrote it
	add("sys@lid", false, time.Minute, 1, "e2e_notification") // nor this
	add("sys@lid", true, time.Hour, 3, "image")               // Monday, a new chat
	add("12@g.us", true, time.Hour, 1, "chat")                // no person
	add("me@c.us", true, time.Hour, 1, "chat")                // oneself
	add("me@lid", true, time.Hour, 1, "chat")
	add("early@c.us", true, -8*day, 1, "chat") // before the days that are counted
	exec(`insert into messages (instance_id, chat, id, from_me, sender, timestamp, type, ack) values ('bbbbbbbbbbbb', 'cold@c.us', 'X', true, 'x', $1, 'chat', 1)`, monday.Unix())

	for person, at := range map[string]time.Duration{ // who was put into a group
		"grouped@c.us": time.Hour, "cold@c.us": time.Hour, "friend@c.us": time.Hour, "warm@c.us": time.Hour, "me@c.us": time.Hour, "long@lid": -3 * day,
	} {
		exec(`insert into contacts (instance_id, id, approached_at) values ($1, $2, $3)`, a, person, monday.Add(at).Unix())
	}

	got, err := st.NumberDays(ctx, a, []time.Time{monday.Add(-2 * day), monday.Add(-day), monday}, monday)
	must(t, err)
	for i, want := range []store.NumberDay{
		{},
		{Sends: 2, ToStrangers: 1, Recipients: 2, Strangers: 1, NewChats: 1, Undelivered: 1},
		{Sends: 4, ToStrangers: 3, Recipients: 3, Strangers: 4, NewChats: 2},
	} {
		equal(t, fmt.Sprint("day ", i), got[i], want)
	}
	replies, err := st.NumberReplies(ctx, a, monday.Add(-2*day))
	must(t, err)
	equal(t, "replies", replies, store.NumberReplies{Recipients: 4, Answered: 1})

	exec(`insert into number_refusals (instance_id, day, code, count) values ($1, '2026-11-30', 463, 2), ($1, '2026-11-29', 463, 1), ($1, '2026-11-28', 463, 9)`, a)
	refusals, err := st.NumberRefusals(ctx, a, monday.Add(-day))
	must(t, err)
	equal(t, "refusals", fmt.Sprint(refusals), "map[463:3]")

	oldest, old, err := st.NumberAge(ctx, a, monday.Add(-21*day))
	must(t, err)
	if !oldest.IsZero() || old {
		t.Errorf("without a history: %s, %v", oldest, old)
	}
	exec(`update messages set history = true where instance_id = $1 and chat = 'friend@c.us'`, a)
	oldest, old, err = st.NumberAge(ctx, a, monday.Add(-21*day))
	must(t, err)
	if !oldest.Equal(monday.Add(-9*day)) || old {
		t.Errorf("with one: %s, %v", oldest, old)
	}
	exec(`insert into chats (instance_id, id, timestamp) values ($1, 'old@c.us', $2)`, a, monday.Add(-30*day).Unix())
	_, old, err = st.NumberAge(ctx, a, monday.Add(-21*day))
	must(t, err)
	equal(t, "a chat from before", old, true)
}

func TestWhatRunsOutIsTold(t *testing.T) {
	st, ctx := setUp(t, a, "bbbbbbbbbbbb")
	began := time.Now().UTC().Truncate(time.Second)
	until := began.Add(time.Hour)
	known, _ := standing.Document{}.After(standing.Notice{Kind: standing.LockStated, Active: true, At: began, Until: until})
	raw, err := json.Marshal(known)
	must(t, err)
	_, err = st.Pool().Exec(ctx, `insert into number_standing (instance_id, document, ends_at) values ($1, $2, $3)`, a, raw, known.NextEnd())
	must(t, err)

	ended, err := st.EndStandings(ctx, until.Add(-time.Second))
	must(t, err)
	equal(t, "ended before the end", len(ended), 0)
	ended, err = st.EndStandings(ctx, until)
	must(t, err)
	equal(t, "ended at the end", fmt.Sprint(ended), fmt.Sprintf("[%s]", a))
	ended, err = st.EndStandings(ctx, until)
	must(t, err)
	equal(t, "ended twice", len(ended), 0)

	// What a worker that was taken over leaves there stops nobody.
	for _, odd := range []string{`7`, `{"status":7}`, `{}`} {
		_, err = st.Pool().Exec(ctx, `insert into number_standing (instance_id, document, ends_at) values ('bbbbbbbbbbbb', $1, $2)
			on conflict (instance_id) do update set document = excluded.document, ends_at = excluded.ends_at`, odd, until)
		must(t, err)
		_, err = st.EndStandings(ctx, until)
		must(t, err)
		left, err := st.EndStandings(ctx, until)
		must(t, err)
		equal(t, "looked at again and again", len(left), 0)
	}

	now, err := st.Standing(ctx, a)
	must(t, err)
	equal(t, "status", now.Status, standing.StatusGood)
	other, err := st.Standing(ctx, "bbbbbbbbbbbb")
	must(t, err)
	equal(t, "status of a number of which nothing was said", other.Status, standing.StatusGood)
	events, err := st.Events(ctx, a, 0, 10)
	must(t, err)
	if len(events) != 1 || events[0].Type != "number_health" || events[0].Seq != 1 {
		t.Fatalf("events %+v", events)
	}
	var told struct{ Args []standing.News }
	must(t, json.Unmarshal(events[0].Payload, &told))
	if len(told.Args) != 1 || told.Args[0].Change != standing.Ended || told.Args[0].Status != standing.StatusGood || told.Args[0].Lock.Active {
		t.Errorf("told %+v", told.Args)
	}
}

func TestAHealthPolicyIsKept(t *testing.T) {
	st, ctx := setUp(t, a)
	in, err := st.Instance(ctx, a)
	must(t, err)
	equal(t, "of a new instance", string(in.HealthPolicy), `{"mode":"protect"}`)
	must(t, st.SetHealthPolicy(ctx, a, json.RawMessage(`{"mode":"off"}`)))
	in, err = st.Instance(ctx, a)
	must(t, err)
	equal(t, "a changed one", string(in.HealthPolicy), `{"mode":"off"}`)
	wantKind(t, st.SetHealthPolicy(ctx, "zzzzzzzzzzzz", json.RawMessage(`{}`)), "not_found")
}
