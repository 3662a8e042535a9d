package relay_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"whatsapp-manager/proto/fault"
	"whatsapp-manager/proto/standing"
	workerv1 "whatsapp-manager/proto/worker/v1"
	"whatsapp-manager/worker/relay"
	"whatsapp-manager/worker/shape"
)

// write sends a text under an allowance; nil means that it was sent.
func (r *rig) write(chat, text string, allowed *workerv1.FirstContacts) *fault.Error {
	r.T.Helper()
	params, err := json.Marshal([]string{chat, text})
	if err != nil {
		r.T.Fatal(err)
	}
	_, err = r.Do(r.Ctx, relay.Request{Method: "sendMessage", Params: params, FirstContacts: allowed})
	var f *fault.Error
	if err != nil && !errors.As(err, &f) {
		r.T.Fatalf("no fault: %v", err)
	}
	return f
}

// news are the events number_health of the feed.
func (r *rig) news() (all []standing.News) {
	r.T.Helper()
	rows, err := r.Pool.Query(r.Ctx, `select payload->'args'->0 from events where type = 'number_health' order by seq`)
	if err != nil {
		r.T.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var n standing.News
		if err := rows.Scan(&n); err != nil {
			r.T.Fatal(err)
		}
		all = append(all, n)
	}
	return all
}

// awaitNews waits for the nth event number_health.
func (r *rig) awaitNews(n int) standing.News {
	r.T.Helper()
	r.Eventually(fmt.Sprintf("event %d of the number's health", n), func() bool { return len(r.news()) >= n })
	return r.news()[n-1]
}

// WhatsApp says that the number may open no new chats, refuses them, and lifts that; it
// asks for less. All of it is told, and counted.
func TestWhatWhatsAppSaysOfTheNumber(t *testing.T) {
	r := newRig(t)
	r.Contact("15550000002", "Bob")
	carol := r.Contact("15550000003", "Carol")
	const bob = "15550000002@c.us"
	r.Say(carol, "hello")
	r.Eventually("Carol's message", func() bool {
		written, err := r.Mirror.HasWritten(r.Ctx, "15550000003@c.us")
		return err == nil && written
	})

	until := time.Now().Add(time.Hour).Truncate(time.Second)
	r.Me.LockReachout(until)
	if n := r.awaitNews(1); n.Change != standing.LockStated || n.Status != standing.StatusRestricted || !n.Lock.EndStated ||
		!n.Lock.Until.Equal(until) || n.Lock.Type == "" {
		t.Errorf("locked: %+v", n)
	}
	f := r.write(bob, "cold", nil)
	if f == nil || f.Kind != fault.RateLimited || f.Code != relay.CodeLocked || f.Sent != fault.SentNothing ||
		f.RetryAfter < 59*time.Minute || f.RetryAfter > time.Hour {
		t.Errorf("a new chat: %+v", f)
	}
	if f := r.write("15550000003@c.us", "an answer", nil); f != nil {
		t.Errorf("a conversation: %v", f)
	}
	r.Received(carol, "an answer")
	r.Me.LockReachout(time.Time{})
	if n := r.awaitNews(2); n.Status != standing.StatusGood || n.Lock.Active || n.Lock.RefusedSends != 1 {
		t.Errorf("lifted: %+v", n)
	}

	r.Me.LockReachoutSilently(time.Now().Add(time.Hour))
	if f := r.write(bob, "cold", nil); f == nil || f.Code != relay.CodeLocked || f.RetryAfter < 59*time.Minute {
		t.Errorf("nobody told of the lock: %+v", f)
	}
	if n := r.awaitNews(3); n.Change != standing.LockRefused || n.Lock.EndStated || n.Lock.RefusedSends != 2 {
		t.Errorf("found out: %+v", n)
	}
	r.Me.LockReachout(time.Time{})
	r.awaitNews(4)

	r.Me.MessageError(429, 1)
	if f := r.write(bob, "fast", nil); f == nil || f.Kind != fault.RateLimited || f.Code != "wa_429" || f.Sent != fault.SentNothing {
		t.Errorf("too many messages: %+v", f)
	}
	if n := r.awaitNews(5); n.Change != standing.Overlimit || n.Status != standing.StatusLimited || n.Limit.Count != 1 {
		t.Errorf("limited: %+v", n)
	}
	r.Me.IQError("w:g2", 429, 1)
	if _, err := r.Try("", "createGroup", "Friends", []string{bob}); !fault.Is(err, fault.RateLimited) {
		t.Errorf("too many requests: %v", err)
	}
	r.Me.MessageError(479, 2)
	for range 2 {
		if f := r.write(bob, "odd", nil); f == nil || f.Kind != fault.Refused {
			t.Errorf("refused for another reason: %+v", f)
		}
	}
	if f := r.write(bob, "at last", nil); f != nil {
		t.Errorf("nothing is in the way any more: %v", f)
	}
	counts := map[int]int{}
	rows, err := r.Pool.Query(r.Ctx, `select code, count from number_refusals where day = (now() at time zone 'UTC')::date`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var code, n int
		if err := rows.Scan(&code, &n); err != nil {
			t.Fatal(err)
		}
		counts[code] = n
	}
	if fmt.Sprint(counts) != "map[429:1 463:2 479:2]" {
		t.Errorf("refused messages by code: %v", counts)
	}
	if n := len(r.news()); n != 5 {
		t.Errorf("%d events, want 5: a second 429 within the minute is no news", n)
	}
}

// The allowance of a call holds for people who never wrote, by whatever id and by
// whatever method they are written to, and for nobody else.
func TestACallWritesToAsManyStrangersAsItMay(t *testing.T) {
	r := newRig(t)
	for i := 2; i <= 5; i++ {
		r.Contact(fmt.Sprintf("1555000000%d", i), "Somebody")
	}
	friend := r.Contact("15550000009", "Friend")
	r.Say(friend, "hello")
	r.Eventually("the friend's message", func() bool {
		written, err := r.Mirror.HasWritten(r.Ctx, "15550000009@c.us")
		return err == nil && written
	})
	until := time.Now().Add(time.Hour)
	allowed := func(most uint32) *workerv1.FirstContacts {
		return &workerv1.FirstContacts{
			Reason: "warm_up", Until: timestamppb.New(until), Most: most, Since: timestamppb.New(time.Now().Add(-time.Hour)),
		}
	}
	refused := func(what string, f *fault.Error) {
		t.Helper()
		if f == nil || f.Kind != fault.RateLimited || f.Code != "warm_up" || f.Sent != fault.SentNothing ||
			f.RetryAfter < 59*time.Minute || f.RetryAfter > time.Hour {
			t.Errorf("%s: %+v", what, f)
		}
	}
	sent := func(what string, f *fault.Error) {
		t.Helper()
		if f != nil {
			t.Errorf("%s: %v", what, f)
		}
	}
	refused("nobody new may be written to", r.write("15550000002@c.us", "a", allowed(0)))
	sent("somebody who wrote", r.write("15550000009@c.us", "b", allowed(0)))
	sent("the first of two", r.write("15550000002@c.us", "c", allowed(2)))
	sent("the same person again", r.write("15550000002@c.us", "d", allowed(2)))
	sent("the second of two", r.write("15550000003@c.us", "e", allowed(2)))
	refused("the third of two", r.write("15550000004@c.us", "f", allowed(2)))
	sent("the first again, beyond the number", r.write("15550000002@c.us", "g", allowed(2)))
	sent("oneself", r.write("15550000001@c.us", "note", allowed(0)))
	mine := ask[shape.Message](r, "sendMessage", "15550000002@c.us", "to be taken back")
	params, err := json.Marshal([]any{mine.ID.Serialized, true})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Do(r.Ctx, relay.Request{Method: "Message.delete", Params: params, FirstContacts: allowed(0)}); err != nil {
		t.Errorf("taking a message back opens no chat: %v", err)
	}
	params, err = json.Marshal([]any{"15550000005@s.whatsapp.net", map[string]any{"conversation": "raw"}})
	if err != nil {
		t.Fatal(err)
	}
	_, err = r.Do(r.Ctx, relay.Request{Method: "whatsmeow.SendMessage", Params: params, FirstContacts: allowed(2)})
	var f *fault.Error
	errors.As(err, &f)
	refused("by reflection", f)

	// Of several calls at the same time, as many get through as may.
	done := make(chan *fault.Error, 2)
	for _, chat := range []string{"15550000004@c.us", "15550000005@c.us"} {
		go func() { done <- r.write(chat, "at once", allowed(3)) }()
	}
	first, second := <-done, <-done
	if (first == nil) == (second == nil) {
		t.Errorf("of two at the same time: %v, %v", first, second)
	}
}
