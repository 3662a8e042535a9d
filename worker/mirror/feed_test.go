package mirror

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/rs/zerolog"

	payload "whatsapp-manager/proto/event"
	"whatsapp-manager/worker/inbound"
	"whatsapp-manager/worker/shape"
)

func TestAppendSkipsKnownKeys(t *testing.T) {
	b := newBench(t)
	ready := FeedEvent{Key: "ready:1", Type: "ready", At: time.Unix(1, 0)}
	qr := FeedEvent{Key: "qr:1", Type: "qr", Args: []any{"2@a,b"}, At: time.Unix(1, 0)}
	events := b.expect("qr ready ", func() {
		if err := b.Append(b.ctx, qr, ready, qr); err != nil {
			t.Fatal(err)
		}
	})
	if string(events[0].Args[0]) != `"2@a,b"` || len(events[1].Args) != 0 {
		t.Errorf("arguments %s, %v", events[0].Args, events[1].Args)
	}
	b.expect("change_state ", func() {
		if err := b.Append(b.ctx, qr, FeedEvent{Key: "s:1", Type: "change_state", Args: []any{"CONNECTED"}}); err != nil {
			t.Fatal(err)
		}
	})
	b.expect("", func() {
		if err := b.Append(b.ctx); err != nil {
			t.Fatal(err)
		}
	})
}

func TestLowerGenerationIsFenced(t *testing.T) {
	b := newBench(t)
	b.apply(from(annaID, "A1", "x", 1000))
	old := b.Mirror
	b.Mirror = b.reopen(2)
	stale := map[string]error{
		"message": old.Apply(b.ctx, inbound.Change{Account: us, Op: from(annaID, "A2", "x", 1001)}),
		"star":    old.Apply(b.ctx, inbound.Change{Account: us, Op: &inbound.Star{Chat: annaID, ID: "A1", Starred: true}}),
		"session": old.Append(b.ctx, FeedEvent{Key: "k", Type: "ready"}),
		"seen":    old.MarkSeen(b.ctx, annaID),
		"again":   old.Append(b.ctx, FeedEvent{Key: "k", Type: "ready"}),
		"load":    New(b.pool, instance, 1, zerolog.Nop()).Load(b.ctx),
	}
	for what, err := range stale {
		if !errors.Is(err, ErrFenced) {
			t.Errorf("%s by the older worker: %v", what, err)
		}
	}
	if n := len(b.feed(0)); n != 3 {
		t.Errorf("feed has %d events", n)
	}
	if b.message("A1").IsStarred {
		t.Error("the older worker wrote")
	}
	b.expect("message_create message unread_count ", func() { b.apply(from(annaID, "A2", "x", 1001)) })
}

// Two mirrors of one generation never exist in the product; here they stand for
// a head that moved behind our back.
func TestWritersInterleaveWithoutGapsOrLoss(t *testing.T) {
	b := newBench(t)
	const each = 25
	mirrors := []*Mirror{b.Mirror, b.reopen(1)}
	var wg sync.WaitGroup
	failed := make(chan error, 4*each)
	for worker := range 4 {
		wg.Go(func() {
			m := mirrors[worker%2]
			for i := range each {
				// Every message is delivered to both.
				op := from(annaID, name(worker/2*1000+i), "x", int64(1000+i))
				for {
					err := m.Apply(b.ctx, inbound.Change{Account: us, Op: op})
					if err == nil {
						break
					}
					if errors.Is(err, ErrFenced) {
						failed <- err
						return
					}
				}
			}
		})
	}
	wg.Wait()
	close(failed)
	for err := range failed {
		t.Error(err)
	}
	counts := map[string]int{}
	for _, e := range b.feed(0) {
		counts[e.Type]++
	}
	if counts["message"] != 2*each || counts["message_create"] != 2*each {
		t.Errorf("told %v, want %d messages", counts, 2*each)
	}
}

func TestCancelledWriteLeavesAWorkingMirror(t *testing.T) {
	b := newBench(t)
	ctx, cancel := context.WithCancel(b.ctx)
	cancel()
	if err := b.Apply(ctx, inbound.Change{Account: us, Op: from(annaID, "A1", "x", 1000)}); err == nil {
		t.Fatal("applied with a dead context")
	}
	b.expect("message_create message unread_count ", func() { b.apply(from(annaID, "A1", "x", 1000)) })
}

func TestUnknownInstanceFails(t *testing.T) {
	b := newBench(t)
	if err := New(b.pool, "zzzzzzzzzzzz", 1, zerolog.Nop()).Load(b.ctx); err == nil || errors.Is(err, ErrFenced) {
		t.Errorf("load of an unknown instance: %v", err)
	}
}

func TestHostileTextIsStored(t *testing.T) {
	b := newBench(t)
	long := ""
	for i := range 600 {
		long += fmt.Sprint(i)
	}
	for i, op := range []*inbound.Message{
		from(annaID, "N1", "nul \x00 and \xff\xfe", 1000),
		from(annaID, long, "long id", 1000),
		from(annaID, "N3", "", -5),
	} {
		change, ok, err := inbound.Sent(b.ctx, us, nil, inbound.Outgoing{Chat: anna, ID: op.ID, At: op.At, Message: op.Raw})
		if err != nil || !ok {
			t.Fatal(err)
		}
		change.Op.(*inbound.Message).FromMe = i%2 == 0
		if err := b.Apply(b.ctx, change); err != nil {
			t.Errorf("message %d: %v", i, err)
		}
	}
	if list, err := b.Messages(b.ctx, annaID, Filter{}); err != nil || len(list) != 3 {
		t.Errorf("%d messages, %v", len(list), err)
	}
}

// What a stranger writes at any length makes an event that can be delivered, and the message
// is whole where it is read.
func TestALongMessageIsWholeInTheMirrorAndBoundedInTheFeed(t *testing.T) {
	b := newBench(t)
	long := strings.Repeat("longer ", 300_000)
	b.apply(from(annaID, "LONG", long, 1000))
	b.apply(&inbound.Edit{Chat: annaID, ID: "E", Target: "LONG", Sender: annaID, At: time.Unix(1001, 0), AtMs: 1001000, Raw: text(long + "!")})
	if got := b.message("LONG"); got.Body != long+"!" {
		t.Errorf("the message has %d bytes", len(got.Body))
	}
	for _, r := range b.rows(0) {
		p, err := payload.Decode([]byte(r.Payload))
		if err != nil || len(p.Data)+len(p.Args) > payload.Max+10 {
			t.Errorf("%s has %d bytes, %v", r.Type, len(p.Data)+len(p.Args), err)
		}
		if told := slices.Contains(p.Truncated, "data.body"); told != strings.HasPrefix(r.Type, "message") {
			t.Errorf("%s says that %q are missing", r.Type, p.Truncated)
		}
		if m := decode[shape.Message](t, p.Data); strings.HasPrefix(r.Type, "message") && (m.ID.ID != "LONG" || !strings.HasPrefix(long, m.Body) || m.Body == "") {
			t.Errorf("%s keeps %d bytes of %s", r.Type, len(m.Body), m.ID.Serialized)
		}
	}
}

// What two events in a row say is written once, at the second of them.
func TestWhatTwoEventsSayIsWrittenOnce(t *testing.T) {
	b := newBench(t)
	b.apply(from(annaID, "A0", "x", 999)) // the first of a chat costs more
	start := b.Head()
	in := from(annaID, "A1", strings.Repeat("a text ", 20), 1000)
	out := sent(annaID, "B1", "", 1001)
	out.Raw = picture("a caption")
	b.apply(in)
	b.apply(out)
	rows, err := b.pool.Query(b.ctx, `select type, payload::text from events where seq > $1 and type in ('message_create', 'message', 'media_uploaded') order by seq`, start)
	if err != nil {
		t.Fatal(err)
	}
	all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[row])
	if err != nil || len(all) != 4 {
		t.Fatalf("%d events, %v", len(all), err)
	}
	for i, r := range all {
		if refers := r.Payload == payload.Next; refers != (i%2 == 0) {
			t.Errorf("%s: %s", r.Type, r.Payload)
		}
	}
	if events := b.feed(start); string(events[0].Args[0]) != string(events[1].Args[0]) || !strings.Contains(string(events[0].Args[0]), "a text") {
		t.Errorf("got %s and %s", events[0].Args, events[1].Args)
	}
}
