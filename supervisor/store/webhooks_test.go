package store_test

import (
	"context"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"whatsapp-manager/proto/fault"
	"whatsapp-manager/supervisor/store"
	"whatsapp-manager/supervisor/store/storetest"
)

// withFeed returns a store whose instance a has n events, in three lanes, one
// a second.
func withFeed(t testing.TB, n int) (*store.Store, string) {
	t.Helper()
	u := storetest.NewURL(t)
	st, err := store.Open(t.Context(), u)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(st.Close)
	conn, err := pgx.Connect(t.Context(), u)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	for _, sql := range []string{
		"insert into users values ('owner', 'a@example.org', '', 'user', now())",
		"insert into instances (id, owner_id, name, created_at, updated_at) values ('aaaaaaaaaaaa', 'owner', '', now(), now())",
		fmt.Sprintf("insert into feeds values ('aaaaaaaaaaaa', %d, 1)", n),
		fmt.Sprintf(`insert into events select 'aaaaaaaaaaaa', s, 'key' || s, 'message', 'lane' || s %% 3, '{"data":{"b":1,  "a":2}}',
			'2026-03-01T12:00:00Z'::timestamptz + s * interval '1 second' from generate_series(1, %d) s`, n),
		"analyze events",
	} {
		if _, err := conn.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	return st, u
}

func endpoint(id string) store.Endpoint {
	return store.Endpoint{
		ID: id, Instance: a, URL: "http://x/" + id, Events: []string{"message"}, Headers: map[string]string{"X-A": "1"},
		Secret: []byte("s"), Enabled: true, CreatedAt: noon, UpdatedAt: noon,
	}
}

func seqs(rows []store.Backlog) string {
	var s []string
	for _, r := range rows {
		s = append(s, fmt.Sprint(r.Seq))
	}
	return strings.Join(s, " ")
}

func TestEvents(t *testing.T) {
	st, _ := withFeed(t, 20)
	ctx := t.Context()
	events, err := st.Events(ctx, a, 5, 3)
	must(t, err)
	if len(events) != 3 || events[0].Seq != 6 || events[2].Seq != 8 {
		t.Fatalf("got %v", events)
	}
	e := events[0]
	if e.Instance != a || e.Key != "key6" || e.Type != "message" || e.Lane != "lane0" || string(e.Payload) != `{"data":{"b":1,  "a":2}}` || e.At != noon.Add(6*time.Second) {
		t.Errorf("got %+v", e)
	}
	if events, err = st.Events(ctx, a, 20, 3); err != nil || len(events) != 0 {
		t.Errorf("got %v, %v", events, err)
	}
	if events, err = st.EventsOf(ctx, a, []uint64{9, 2, 99}); err != nil || len(events) != 2 || events[0].Seq != 2 {
		t.Errorf("got %v, %v", events, err)
	}
	head, err := st.FeedHead(ctx, a)
	must(t, err)
	equal(t, "head", head, uint64(20))
	_, err = st.FeedHead(ctx, b)
	wantKind(t, err, fault.NotFound)
}

// An event that has the payload of the next one has it wherever a page ends, and as long
// as a webhook waits with it.
func TestAnEventHasThePayloadOfTheNext(t *testing.T) {
	st, u := withFeed(t, 6)
	ctx := t.Context()
	exec(t, u, `update events set payload = '{"next":true}' where seq in (1, 3, 5)`)
	exec(t, u, `update events set payload = json_build_object('args', json_build_array(seq)) where seq in (2, 4, 6)`)
	want := func(events []store.Event, err error, want string) {
		t.Helper()
		must(t, err)
		var got []string
		for _, e := range events {
			got = append(got, fmt.Sprint(e.Seq, " ", string(e.Payload)))
		}
		equal(t, "events", strings.Join(got, ", "), want)
	}
	page, err := st.Events(ctx, a, 0, 3)
	want(page, err, `1 {"args" : [2]}, 2 {"args" : [2]}, 3 {"args" : [4]}`)
	some, err := st.EventsOf(ctx, a, []uint64{5, 1, 4})
	want(some, err, `1 {"args" : [2]}, 4 {"args" : [4]}, 5 {"args" : [6]}`)

	must(t, st.CreateEndpoint(ctx, endpoint("e")))
	must(t, st.Park(ctx, "e", 6, []store.Backlog{{Seq: 3, Lane: "lane0", NextAt: noon}}))
	n, err := st.TrimEvents(ctx, a, 6)
	must(t, err)
	equal(t, "trimmed", n, 4)
	some, err = st.EventsOf(ctx, a, []uint64{3})
	want(some, err, `3 {"args" : [4]}`)
}

func TestTrimKeepsWhatEndpointsNeed(t *testing.T) {
	st, _ := withFeed(t, 12000)
	ctx := t.Context()
	seq, err := st.SeqBefore(ctx, a, noon.Add(11000*time.Second))
	must(t, err)
	equal(t, "seq", seq, uint64(10999))
	if seq, err = st.SeqBefore(ctx, a, noon); err != nil || seq != 0 {
		t.Errorf("got %d, %v", seq, err)
	}
	must(t, st.CreateEndpoint(ctx, endpoint("e")))
	trim := func(upTo uint64, want int) {
		t.Helper()
		n, err := st.TrimEvents(ctx, a, upTo)
		must(t, err)
		equal(t, "trimmed", n, want)
	}
	trim(10999, 0)
	must(t, st.Park(ctx, "e", 10000, []store.Backlog{{Seq: 7, Lane: "lane1", NextAt: noon}, {Seq: 8, Lane: "lane2", NextAt: noon, DeadAt: &noon}}))
	trim(10999, 9997) // and the one behind 8, which may have its payload
	e := endpoint("e")
	e.Enabled = false // it may never come back
	must(t, st.UpdateEndpoint(ctx, e))
	trim(10999, 999)
	must(t, st.DeleteEndpoint(ctx, "e"))
	trim(10999, 3)
	events, err := st.Events(ctx, a, 0, 1)
	must(t, err)
	equal(t, "first", events[0].Seq, uint64(11000))
}

func TestEndpoints(t *testing.T) {
	st, ctx := setUp(t, a, b)
	must(t, st.CreateEndpoint(ctx, endpoint("e1")))
	e2 := store.Endpoint{ID: "e2", Instance: b, URL: "http://y", Secret: []byte("t"), Cursor: 5, CreatedAt: noon.Add(time.Second), UpdatedAt: noon}
	must(t, st.CreateEndpoint(ctx, e2))
	got, err := st.Endpoint(ctx, "e1")
	must(t, err)
	if !reflect.DeepEqual(got, endpoint("e1")) {
		t.Errorf("got %+v", got)
	}
	all, err := st.AllEndpoints(ctx)
	must(t, err)
	of, err := st.EndpointsOf(ctx, b)
	must(t, err)
	if len(all) != 2 || len(of) != 1 || of[0].ID != "e2" || len(of[0].Events) != 0 || of[0].Headers == nil {
		t.Errorf("got %+v and %+v", all, of)
	}
	wantKind(t, st.CreateEndpoint(ctx, store.Endpoint{ID: "e3", Instance: "zzzzzzzzzzzz", Secret: []byte("s"), CreatedAt: noon, UpdatedAt: noon}), fault.NotFound)
	wantKind(t, st.UpdateEndpoint(ctx, endpoint("none")), fault.NotFound)
	wantKind(t, st.DeleteEndpoint(ctx, "none"), fault.NotFound)

	advance := func(cursor uint64, delivered int64, at time.Time) {
		t.Helper()
		must(t, st.AdvanceEndpoints(ctx, []store.Progress{{EndpointID: "e2", Cursor: cursor, Delivered: delivered, At: at}}))
	}
	advance(9, 2, noon)
	advance(7, 3, noon.Add(time.Minute)) // never back
	advance(7, 3, noon.Add(time.Hour))   // said again
	advance(0, 4, noon)
	advance(10, 4, noon.Add(time.Hour)) // nothing of it was subscribed
	advance(10, 2, noon.Add(time.Hour)) // late
	got, err = st.Endpoint(ctx, "e2")
	must(t, err)
	if got.Cursor != 10 || got.Delivered != 4 || !got.LastDeliveredAt.Equal(noon.Add(time.Minute)) {
		t.Errorf("got %+v", got)
	}
	must(t, st.AdvanceEndpoints(ctx, []store.Progress{{EndpointID: "none", Cursor: 1, Delivered: 1, At: noon}}))
	e2.URL, e2.Events, e2.Enabled, e2.UpdatedAt = "http://z", []string{"qr"}, true, noon.Add(time.Hour)
	must(t, st.UpdateEndpoint(ctx, e2))
	got, err = st.Endpoint(ctx, "e2")
	must(t, err)
	if got.URL != "http://z" || got.Events[0] != "qr" || !got.Enabled || got.Cursor != 10 {
		t.Errorf("got %+v", got)
	}
}

func TestBacklog(t *testing.T) {
	st, ctx := setUp(t, a)
	must(t, st.CreateEndpoint(ctx, endpoint("e")))
	must(t, st.CreateEndpoint(ctx, endpoint("other")))
	status := 503
	rows := []store.Backlog{
		{Seq: 1, Lane: "x", Attempts: 1, NextAt: noon.Add(3 * time.Second), LastStatus: &status, LastError: "busy"},
		{Seq: 2, Lane: "x", NextAt: noon},
		{Seq: 3, Lane: "", NextAt: noon.Add(time.Second)},
		{Seq: 4, Lane: "y", NextAt: noon.Add(2 * time.Second)},
		{Seq: 5, Lane: "x", NextAt: noon},
	}
	must(t, st.Park(ctx, "e", 6, rows))
	must(t, st.Park(ctx, "e", 4, []store.Backlog{{Seq: 1, Lane: "x", Attempts: 9, NextAt: noon}})) // is there already
	must(t, st.Park(ctx, "e", 8, nil))
	must(t, st.Park(ctx, "other", 1, []store.Backlog{{Seq: 1, Lane: "x", NextAt: noon}}))
	must(t, st.Park(ctx, "none", 1, []store.Backlog{{Seq: 1, Lane: "x", NextAt: noon}}))
	e, err := st.Endpoint(ctx, "e")
	must(t, err)
	equal(t, "cursor", e.Cursor, uint64(8))
	equal(t, "error", e.LastError, "busy")

	heads := func(limit int, want string) []store.Backlog {
		t.Helper()
		h, err := st.BacklogHeads(ctx, "e", limit)
		must(t, err)
		equal(t, "heads", seqs(h), want)
		return h
	}
	h := heads(10, "3 4 1") // those due first in front
	rows[0].EndpointID = "e"
	if !reflect.DeepEqual(h[2], rows[0]) {
		t.Errorf("got %+v", h[2])
	}
	heads(2, "3 4")
	lanes, err := st.BacklogLanes(ctx, "e")
	must(t, err)
	equal(t, "lanes", strings.Join(lanes, ","), ",x,y")
	lane, err := st.BacklogLane(ctx, "e", "x", 2)
	must(t, err)
	equal(t, "lane", seqs(lane), "1 2")

	must(t, st.ResolveBacklog(ctx, "e", 3))
	must(t, st.ResolveBacklog(ctx, "e", 3))
	must(t, st.RetryBacklog(ctx, "e", 1, 2, noon.Add(time.Hour), nil, "connection refused"))
	h = heads(10, "4 1")
	if h[1].Attempts != 2 || h[1].LastStatus != nil || h[1].LastError != "connection refused" || !h[1].NextAt.Equal(noon.Add(time.Hour)) {
		t.Errorf("got %+v", h[1])
	}
	must(t, st.MoveToDeadLetter(ctx, "e", 1, noon, &status, "gave up"))
	must(t, st.MoveToDeadLetter(ctx, "e", 1, noon.Add(time.Hour), nil, "again"))
	must(t, st.MoveToDeadLetter(ctx, "e", 2, noon, &status, "gave up"))
	heads(10, "5 4")
	dead, total, err := st.DeadLetters(ctx, "e", 0, 1)
	must(t, err)
	if total != 2 || len(dead) != 1 || dead[0].Seq != 1 || dead[0].Attempts != 3 || !dead[0].DeadAt.Equal(noon) || *dead[0].LastStatus != 503 || dead[0].LastError != "gave up" {
		t.Errorf("got %+v of %d", dead, total)
	}
	must(t, st.RetryBacklog(ctx, "e", 1, 9, noon, nil, "a late answer"))
	e, err = st.Endpoint(ctx, "e")
	must(t, err)
	equal(t, "error", e.LastError, "gave up")

	redrive := func(seqs []uint64, want int) {
		t.Helper()
		n, err := st.Redrive(ctx, "e", seqs, noon)
		must(t, err)
		equal(t, "redriven", n, want)
	}
	redrive([]uint64{}, 0)
	redrive([]uint64{2, 5, 77}, 1)
	heads(10, "2 4")
	redrive(nil, 1)
	h = heads(10, "1 4")
	if h[0].Attempts != 0 || h[0].DeadAt != nil || !h[0].NextAt.Equal(noon) {
		t.Errorf("got %+v", h[0])
	}
	other, err := st.BacklogHeads(ctx, "other", 10)
	must(t, err)
	equal(t, "heads of the other endpoint", seqs(other), "1")
	must(t, st.AdvanceEndpoints(ctx, []store.Progress{{EndpointID: "e", Cursor: 0, Delivered: 1, At: noon}}))
	e, err = st.Endpoint(ctx, "e")
	must(t, err)
	equal(t, "error after a success", e.LastError, "")
}

func TestAttemptsAreBoundedPerEndpoint(t *testing.T) {
	st, ctx := setUp(t, a)
	must(t, st.CreateEndpoint(ctx, endpoint("e")))
	must(t, st.CreateEndpoint(ctx, endpoint("quiet")))
	status := 200
	must(t, st.RecordAttempts(ctx, []store.Attempt{{EndpointID: "quiet", Seq: 1, At: noon, Status: &status, DurationMS: 7}}))
	must(t, st.RecordAttempts(ctx, nil))
	for round := range 3 {
		var batch []store.Attempt
		for i := range 90 {
			batch = append(batch, store.Attempt{EndpointID: "e", Seq: uint64(round*90 + i), At: noon, Error: "refused"})
		}
		must(t, st.RecordAttempts(ctx, append(batch, store.Attempt{EndpointID: "deleted", At: noon})))
	}
	trimmed, err := st.TrimAttempts(ctx)
	must(t, err)
	equal(t, "trimmed", trimmed, 70)
	trimmed, err = st.TrimAttempts(ctx)
	must(t, err)
	equal(t, "trimmed again", trimmed, 0)
	list, total, err := st.Attempts(ctx, "e", 199, 10)
	must(t, err)
	if total != 200 || len(list) != 1 || list[0].Seq != 70 || list[0].Status != nil || list[0].Error != "refused" {
		t.Errorf("got %v of %d", list, total)
	}
	list, total, err = st.Attempts(ctx, "quiet", 0, 10)
	must(t, err)
	if total != 1 || *list[0].Status != 200 || list[0].DurationMS != 7 || list[0].At != noon {
		t.Errorf("got %v of %d", list, total)
	}
}

// Deleting an endpoint or an instance while its deliveries go on must neither
// fail them nor deadlock.
func TestDeletionRacesWithDelivery(t *testing.T) {
	st, ctx := setUp(t, a)
	for round := range 10 {
		ids := []string{fmt.Sprint("x", round), fmt.Sprint("y", round)}
		for _, id := range ids {
			must(t, st.CreateEndpoint(ctx, endpoint(id)))
		}
		var wg sync.WaitGroup
		for _, id := range ids {
			for worker := range 2 {
				wg.Go(func() {
					for i := range 5 {
						seq := uint64(worker*10 + i)
						for _, err := range []error{
							st.Park(ctx, id, seq, []store.Backlog{{Seq: seq, Lane: "l", NextAt: noon}}),
							st.RecordAttempts(ctx, []store.Attempt{{EndpointID: ids[0], Seq: seq, At: noon}, {EndpointID: ids[1], Seq: seq, At: noon}}),
							st.RetryBacklog(ctx, id, seq, 1, noon, nil, "x"),
							st.AdvanceEndpoints(ctx, []store.Progress{{EndpointID: id, Cursor: seq, Delivered: 1, At: noon}}),
						} {
							if err != nil {
								t.Error(err)
							}
						}
					}
				})
			}
			wg.Go(func() {
				if err := st.DeleteEndpoint(ctx, id); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
	}
}
