package store_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"whatsapp-manager/proto/fault"
	"whatsapp-manager/supervisor"
	"whatsapp-manager/supervisor/store"
	"whatsapp-manager/supervisor/store/storetest"
)

func TestMain(m *testing.M) { storetest.Main(m) }

// noon is when everything happens unless a test says otherwise; whole
// microseconds, as Postgres keeps them.
var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

const owner = "owner"

// setUp returns a store with a user and the instances.
func setUp(t *testing.T, ids ...supervisor.ID) (*store.Store, context.Context) {
	t.Helper()
	st, ctx := storetest.New(t), t.Context()
	fill(t, st, ids...)
	return st, ctx
}

func fill(t *testing.T, st *store.Store, ids ...supervisor.ID) {
	t.Helper()
	must(t, st.CreateUser(t.Context(), store.User{ID: owner, Email: "a@example.org", PasswordHash: "h", Role: "user", CreatedAt: noon}))
	for i, id := range ids {
		at := noon.Add(time.Duration(i) * time.Second)
		must(t, st.CreateInstance(t.Context(),
			store.Instance{ID: id, OwnerID: owner, Name: "n-" + string(id), SendsPerMinute: 20, CreatedAt: at},
			store.APIKey{ID: "k-" + string(id), Hash: []byte("hash-" + id), Prefix: "wam_", CreatedAt: at}))
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantKind(t *testing.T, err error, kind fault.Kind) *fault.Error {
	t.Helper()
	var f *fault.Error
	if !errors.As(err, &f) || f.Kind != kind {
		t.Fatalf("got %v, want a fault of kind %s", err, kind)
	}
	return f
}

func equal[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

// exec runs SQL that the package under test has no business with.
func exec(t *testing.T, url, sql string, args ...any) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	must(t, err)
	defer conn.Close(context.Background())
	_, err = conn.Exec(t.Context(), sql, args...)
	must(t, err)
}

func TestSettingIsMadeOnceByRacingManagers(t *testing.T) {
	st, ctx := setUp(t)
	var made atomic.Int64
	values := make([]string, 8)
	var wg sync.WaitGroup
	for i := range values {
		wg.Go(func() {
			v, err := st.SettingOrCreate(ctx, "jwt_secret", func() ([]byte, error) {
				return fmt.Appendf(nil, "secret %d", made.Add(1)), nil
			})
			if err != nil {
				t.Error(err)
			}
			values[i] = string(v)
		})
	}
	wg.Wait()
	for _, v := range values {
		equal(t, "value", v, values[0])
	}
	_, err := st.SettingOrCreate(ctx, "other", func() ([]byte, error) { return nil, errors.New("no entropy") })
	if err == nil {
		t.Error("the error of make was lost")
	}
}

func TestMigrateIsRaceSafeAndRepeatable(t *testing.T) {
	u := storetest.Server(t).NewURL()
	exec(t, u, "drop schema public cascade")
	exec(t, u, "create schema public")
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			if err := store.Migrate(t.Context(), u); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	must(t, store.Migrate(t.Context(), u))
	st, err := store.Open(t.Context(), u)
	must(t, err)
	defer st.Close()
	fill(t, st, "aaaaaaaaaaaa")
}

func TestOutageIsUnavailableAndHeals(t *testing.T) {
	p := storetest.Server(t)
	u := p.NewURL()
	st, err := store.Open(t.Context(), u)
	must(t, err)
	defer st.Close()
	fill(t, st)
	for _, mode := range []string{"fast", "immediate"} {
		p.Stop(mode)
		_, err = st.User(t.Context(), owner)
		equal(t, "retry after", wantKind(t, err, fault.Unavailable).RetryAfter, time.Second)
		wantKind(t, st.Ping(t.Context()), fault.Unavailable)
		wantKind(t, st.SetPassword(t.Context(), owner, "h2"), fault.Unavailable)
		wantKind(t, st.CreateInstance(t.Context(), store.Instance{ID: "aaaaaaaaaaaa", OwnerID: owner}, store.APIKey{}), fault.Unavailable)
		wantKind(t, store.Migrate(t.Context(), u), fault.Unavailable)
		_, err = store.Open(t.Context(), u)
		wantKind(t, err, fault.Unavailable)
		p.Start()
		_, err = st.User(t.Context(), owner)
		must(t, err)
	}
}

// A connection that a restart broke while it was idle for less than the pool's
// own check must not surface as an error of another kind.
func TestBrokenConnectionsInUse(t *testing.T) {
	p := storetest.Server(t)
	st, err := store.Open(t.Context(), p.NewURL())
	must(t, err)
	defer st.Close()
	fill(t, st)
	stop := make(chan struct{})
	var wg sync.WaitGroup
	var served atomic.Int64
	for range 4 {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				_, err := st.User(t.Context(), owner)
				if err == nil {
					served.Add(1)
				} else if !fault.Is(err, fault.Unavailable) {
					t.Errorf("got %v", err)
					return
				}
			}
		})
	}
	for range 3 {
		p.Restart("immediate")
	}
	close(stop)
	wg.Wait()
	if served.Load() == 0 {
		t.Error("nothing was served")
	}
}

func TestDeadlineAndCancellation(t *testing.T) {
	st, ctx := setUp(t)
	late, cancel := context.WithTimeout(ctx, time.Nanosecond)
	defer cancel()
	<-late.Done()
	_, err := st.User(late, owner)
	wantKind(t, err, fault.Deadline)
	gone, cancel := context.WithCancel(ctx)
	cancel()
	if _, err = st.User(gone, owner); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestBadURLDoesNotQuoteItsPassword(t *testing.T) {
	_, err := store.Open(t.Context(), "postgres://u:geheim@host:port/db")
	f := wantKind(t, err, fault.Invalid)
	if s := f.Error(); s == "" || contains(s, "geheim") {
		t.Errorf("got %q", s)
	}
}
