package feed_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"whatsapp-manager/api/feed"
	"whatsapp-manager/supervisor"
	"whatsapp-manager/supervisor/store"
	"whatsapp-manager/supervisor/store/storetest"
)

func TestMain(m *testing.M) { storetest.Main(m) }

const instance supervisor.ID = "aaaaaaaaaaaa"

// soon is a schedule of a test: it must not wait for seconds.
var soon = feed.Schedule{First: 20 * time.Millisecond, Longest: 80 * time.Millisecond, GiveUp: time.Hour}

// loopback is where receivers of tests listen.
var loopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}

// rig is one instance's feed and a deliverer for it.
type rig struct {
	t     testing.TB
	url   string
	store *store.Store
	hub   supervisor.Hub
	opts  feed.Options

	delivers feed.Deliveries // the deliverer's store: store, unless a test put another before it

	metrics *prometheus.Registry // of the deliverer that runs

	mu  sync.Mutex
	seq int

	deliverer *feed.Deliverer
	cancel    func() // tells the deliverer to end
	stop      func() // ends the deliverer and waits for it
}

func newRig(t *testing.T, opts feed.Options) *rig { return newRigOn(t, storetest.NewURL(t), opts) }

func newRigOn(t *testing.T, url string, opts feed.Options) *rig {
	t.Helper()
	r := prepare(t, url, opts)
	r.populate()
	t.Cleanup(func() { r.stop() })
	return r
}

func prepare(t testing.TB, url string, opts feed.Options) *rig {
	t.Helper()
	st, err := store.Open(t.Context(), url)
	must(t, err)
	t.Cleanup(st.Close)
	if opts.Schedule == (feed.Schedule{}) {
		opts.Schedule = soon
	}
	if opts.Networks == nil {
		opts.Networks = loopback
	}
	return &rig{t: t, url: url, store: st, delivers: st, opts: opts, stop: func() {}}
}

// populate makes the instance, with an empty feed.
func (r *rig) populate() {
	r.t.Helper()
	r.sql(`insert into users values ('owner', 'a@example.org', '', 'user', now())`)
	r.sql(`insert into instances (id, owner_id, name, created_at, updated_at) values ($1, 'owner', '', now(), now())`, instance)
	r.sql(`insert into feeds values ($1, 0, 1)`, instance)
}

func (r *rig) sql(statement string, args ...any) {
	r.t.Helper()
	conn, err := pgx.Connect(r.t.Context(), r.url)
	must(r.t, err)
	defer conn.Close(context.WithoutCancel(r.t.Context()))
	_, err = conn.Exec(r.t.Context(), statement, args...)
	must(r.t, err)
}

// run starts a deliverer, as a manager does.
func (r *rig) run() {
	r.t.Helper()
	ctx, cancel := context.WithCancel(r.t.Context())
	r.metrics = prometheus.NewRegistry()
	d := feed.NewDeliverer(r.delivers, &r.hub, zerolog.New(zerolog.NewTestWriter(r.t)), r.metrics, r.opts)
	ended := make(chan error, 1)
	go func() { ended <- d.Run(ctx) }()
	var once sync.Once
	r.deliverer, r.cancel = d, cancel
	r.stop = func() {
		once.Do(func() {
			cancel()
			if err := <-ended; err != nil {
				r.t.Errorf("deliverer: %v", err)
			}
		})
	}
}

// happen commits n numbered events of one chat and wakes the readers.
func (r *rig) happen(chat string, n int) { r.t.Helper(); r.happenAs("message", chat, n) }

func (r *rig) happenAs(event, chat string, n int) {
	r.t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sql(`with head as (update feeds set head = head + $2 where instance_id = $1 returning head)
		insert into events (instance_id, seq, key, type, lane, payload, at)
		select $1, head - $2 + s, 'key' || (head - $2 + s), $3, $4, json_build_object('data', json_build_object('chat', $4::text, 'n', $5 + s), 'args', json_build_array()), now()
		from head, generate_series(1, $2::bigint) s`, instance, n, event, chat, r.seq)
	r.seq += n
	r.hub.Publish(instance)
}

// endpoint creates one that starts at the beginning of the feed.
func (r *rig) endpoint(url string, change ...func(*store.Endpoint)) store.Endpoint {
	r.t.Helper()
	now := time.Now().UTC().Truncate(time.Microsecond)
	e := store.Endpoint{ID: strings.ToLower(fmt.Sprintf("e%d", now.UnixNano())), Instance: instance, URL: url, Secret: secret, Enabled: true, CreatedAt: now, UpdatedAt: now}
	for _, c := range change {
		c(&e)
	}
	must(r.t, r.store.CreateEndpoint(r.t.Context(), e))
	if r.deliverer != nil {
		r.deliverer.Changed(r.t.Context(), e.ID)
	}
	return e
}

var secret = []byte("thirty-two bytes of test secrecy")

// post is what a receiver got.
type post struct {
	ID     string
	Event  string
	Seq    uint64
	Chat   string
	Header http.Header
	Body   []byte
}

// receiver answers as the test says and keeps what it accepted.
type receiver struct {
	URL string

	mu       sync.Mutex
	answer   func(post, http.ResponseWriter) bool // false: it answered itself, with a refusal
	accepted []post
	tries    []post
	changed  chan struct{}
}

func newReceiver(t *testing.T) *receiver {
	r := &receiver{changed: make(chan struct{})}
	r.URL = listen(t, r)
	return r
}

// listen serves h until the test ends and returns its URL.
func listen(t testing.TB, h http.Handler) string {
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return server.URL
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return
	}
	var envelope struct {
		ID, Event string
		Seq       uint64
		Data      struct{ Chat string }
	}
	if err := json.Unmarshal(body, &envelope); err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	p := post{ID: envelope.ID, Event: envelope.Event, Seq: envelope.Seq, Chat: envelope.Data.Chat, Header: req.Header, Body: body}
	r.mu.Lock()
	answer := r.answer
	r.mu.Unlock()
	ok := answer == nil || answer(p, w)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.tries = append(r.tries, p)
	if ok {
		r.accepted = append(r.accepted, p)
	}
	close(r.changed)
	r.changed = make(chan struct{})
}

// answers sets how posts are answered from now on; nil accepts all.
func (r *receiver) answers(f func(post, http.ResponseWriter) bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answer = f
}

// refuse answers with a status.
func refuse(status int) func(post, http.ResponseWriter) bool {
	return func(_ post, w http.ResponseWriter) bool { w.WriteHeader(status); return false }
}

// refuseChat answers the posts of one chat with a status, and accepts all others.
func refuseChat(chat string, status int) func(post, http.ResponseWriter) bool {
	return func(p post, w http.ResponseWriter) bool { return p.Chat != chat || refuse(status)(p, w) }
}

func (r *receiver) got() (accepted, tries []post) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]post(nil), r.accepted...), append([]post(nil), r.tries...)
}

// wait blocks until ok is content with what came; it is asked after each post.
func (r *receiver) wait(t *testing.T, what string, ok func(accepted, tries []post) bool) {
	t.Helper()
	deadline := time.NewTimer(30 * time.Second)
	defer deadline.Stop()
	for {
		r.mu.Lock()
		changed := r.changed
		accepted, tries := append([]post(nil), r.accepted...), append([]post(nil), r.tries...)
		r.mu.Unlock()
		if ok(accepted, tries) {
			return
		}
		select {
		case <-changed:
		case <-deadline.C:
			t.Fatalf("%s: not in time; %d accepted of %d tries", what, len(accepted), len(tries))
		}
	}
}

func (r *receiver) waitAll(t *testing.T, n int) []post {
	t.Helper()
	r.wait(t, fmt.Sprintf("%d events", n), func(accepted, _ []post) bool { return len(distinct(accepted)) >= n })
	accepted, _ := r.got()
	return accepted
}

func distinct(posts []post) map[uint64]string {
	ids := map[uint64]string{}
	for _, p := range posts {
		ids[p.Seq] = p.ID
	}
	return ids
}

// inOrder proves that the first deliveries of every chat's events came in the
// order of the feed, and each event under one id.
func inOrder(t *testing.T, posts []post) {
	t.Helper()
	last := map[string]uint64{}
	ids := map[uint64]string{}
	for _, p := range posts {
		if id, again := ids[p.Seq]; again {
			if id != p.ID {
				t.Errorf("event %d came as %s and as %s", p.Seq, id, p.ID)
			}
			continue
		}
		ids[p.Seq] = p.ID
		if p.Seq < last[p.Chat] {
			t.Errorf("in %s event %d came after %d", p.Chat, p.Seq, last[p.Chat])
		}
		last[p.Chat] = p.Seq
	}
}

// posted reads wam_webhook_posts_total for a result.
func (r *rig) posted(result string) int {
	r.t.Helper()
	families, err := r.metrics.Gather()
	must(r.t, err)
	for _, family := range families {
		for _, m := range family.GetMetric() {
			if family.GetName() == "wam_webhook_posts_total" && m.GetLabel()[0].GetValue() == result {
				return int(m.GetCounter().GetValue())
			}
		}
	}
	return 0
}

// eventually polls what has no event, such as a row.
func (r *rig) eventually(what string, ok func() bool) {
	r.t.Helper()
	deadline := time.After(20 * time.Second)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline:
			r.t.Fatalf("%s: not in time\n%s", what, r.books())
		}
	}
}

// parked waits until n events of the chat wait for a retry, or more.
func (r *rig) parked(e store.Endpoint, chat string, n int) {
	r.t.Helper()
	r.eventually(fmt.Sprintf("%d events of %s are parked", n, chat), func() bool {
		rows, err := r.store.BacklogLane(r.t.Context(), e.ID, chat, n)
		must(r.t, err)
		return len(rows) == n
	})
}

// agree reports whether an endpoint's books do: n events are delivered, each
// counted once, and none is left over.
func (r *rig) agree(id string, n int) bool {
	r.t.Helper()
	e, err := r.store.Endpoint(r.t.Context(), id)
	must(r.t, err)
	waiting, err := r.store.BacklogLanes(r.t.Context(), id)
	must(r.t, err)
	return e.Cursor == uint64(n) && e.Delivered == int64(n) && len(waiting) == 0
}

// books is what the store says of the endpoints, for the message of a failure.
func (r *rig) books() string {
	r.t.Helper()
	ctx := r.t.Context()
	head, err := r.store.FeedHead(ctx, instance)
	must(r.t, err)
	endpoints, err := r.store.AllEndpoints(ctx)
	must(r.t, err)
	var b strings.Builder
	fmt.Fprintf(&b, "the feed has %d events", head)
	for _, e := range endpoints {
		_, dead, err := r.store.DeadLetters(ctx, e.ID, 0, 1)
		must(r.t, err)
		waiting, err := r.store.BacklogHeads(ctx, e.ID, 100)
		must(r.t, err)
		fmt.Fprintf(&b, "\n%s: cursor %d, %d delivered, %d dead, %d lanes wait, last error %q", e.ID, e.Cursor, e.Delivered, dead, len(waiting), e.LastError)
		for _, w := range waiting {
			fmt.Fprintf(&b, "\n  %s: event %d, tried %d times, due in %v, last error %q", w.Lane, w.Seq, w.Attempts, time.Until(w.NextAt).Round(time.Millisecond), w.LastError)
		}
	}
	return b.String()
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
