package upkeep_test

import (
	"bytes"
	"context"
	"io"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"whatsapp-manager/api/sends/outbox"
	"whatsapp-manager/api/upkeep"
	"whatsapp-manager/supervisor"
	"whatsapp-manager/supervisor/store"
	"whatsapp-manager/supervisor/store/storetest"
)

func TestMain(m *testing.M) { storetest.Main(m) }

// patience is how long a test waits for what has to come; a follower needs some
// seconds to see that nobody leads.
const patience = 60 * time.Second

// once is a period that does not end during a test.
const once = 10_000 * time.Hour

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// clock is believed or not.
type clock bool

func (c clock) Steady() bool { return bool(c) }

// records are the store with the work that it did. Work goes on at the store unless
// instead is set.
type records struct {
	*store.Store
	pruned, trimmed chan struct{} // one for each piece of work that began
	instead         func(ctx context.Context) error
}

func (r *records) PruneSends(ctx context.Context, before time.Time) (int, error) {
	r.pruned <- struct{}{}
	if r.instead != nil {
		return 0, r.instead(ctx)
	}
	return r.Store.PruneSends(ctx, before)
}

func (r *records) TrimFeeds(ctx context.Context, before time.Time) (int, error) {
	r.trimmed <- struct{}{}
	return r.Store.TrimFeeds(ctx, before)
}

// installation is a database that any number of nodes share.
type installation struct {
	t   *testing.T
	url string
	st  *store.Store
}

func newInstallation(t *testing.T) *installation {
	t.Helper()
	i := &installation{t: t, url: storetest.NewURL(t)}
	i.st = i.open()
	return i
}

func (i *installation) open() *store.Store {
	i.t.Helper()
	st, err := store.Open(i.t.Context(), i.url, store.WithMaxConns(6))
	must(i.t, err)
	i.t.Cleanup(st.Close)
	return st
}

// records returns those of one node, with a connection of its own.
func (i *installation) records() *records {
	i.t.Helper()
	return &records{Store: i.open(), pruned: make(chan struct{}, 1000), trimmed: make(chan struct{}, 1000)}
}

// run starts the River client of a node as the manager does. End returns when it has
// ended.
func (i *installation) run(node string, r *records, opts upkeep.Options, log io.Writer) (end func()) {
	i.t.Helper()
	u := upkeep.New(r, opts, zerolog.New(log))
	queue, err := outbox.New(r.Store, nil, func(supervisor.ID) {}, node, zerolog.New(zerolog.NewTestWriter(i.t)), u)
	must(i.t, err)
	ctx, cancel := context.WithCancel(i.t.Context())
	var running sync.WaitGroup
	for _, run := range []func(context.Context) error{u.Run, queue.Run} {
		running.Go(func() {
			if err := run(ctx); err != nil {
				i.t.Errorf("%s: %v", node, err)
			}
		})
	}
	end = sync.OnceFunc(func() { cancel(); running.Wait() })
	i.t.Cleanup(end)
	return end
}

func (i *installation) exec(sql string) {
	i.t.Helper()
	_, err := i.st.Pool().Exec(i.t.Context(), sql)
	must(i.t, err)
}

func (i *installation) count(what string) (n int) {
	i.t.Helper()
	must(i.t, i.st.Pool().QueryRow(i.t.Context(), "select count(*)::int from "+what).Scan(&n))
	return n
}

// until waits until there are so many rows, which nobody announces.
func (i *installation) until(what string, want int) {
	i.t.Helper()
	ctx, cancel := context.WithTimeout(i.t.Context(), patience)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for i.count(what) != want {
		select {
		case <-tick.C:
		case <-ctx.Done():
			i.t.Fatalf("%d %s, want %d", i.count(what), what, want)
		}
	}
}

// next waits for a piece of work, of any of the nodes.
func next(t *testing.T, work ...<-chan struct{}) {
	t.Helper()
	late := time.NewTimer(patience)
	defer late.Stop()
	first, second := work[0], (<-chan struct{})(nil)
	if len(work) > 1 {
		second = work[1]
	}
	select {
	case <-first:
	case <-second:
	case <-late.C:
		t.Fatal("nobody did the work")
	}
}

// logged is a log that a test reads after its writers have ended.
type logged struct {
	mu  sync.Mutex
	buf bytes.Buffer // guarded by mu
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logged) lines(with string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return bytes.Count(l.buf.Bytes(), []byte(with))
}
