package storetest

import (
	"context"
	"fmt"
	"os"
	"sync"
	"testing"

	"whatsapp-manager/supervisor/store"
)

// schemas are made in every database, behind ours.
var schemas []func(ctx context.Context, url string) error

// shared is the server of this test binary.
var shared struct {
	sync.Mutex
	g   *guarded
	err error
}

// Main runs the tests, ends the binary's Postgres, if one was started, and
// exits: func TestMain(m *testing.M) { storetest.Main(m) }. Without it the
// server ends as well, a moment after the binary. More schemas than ours, such
// as keystore.Create makes, are in every database of the binary.
func Main(m *testing.M, more ...func(ctx context.Context, url string) error) {
	schemas = more
	code := m.Run()
	shared.Lock()
	defer shared.Unlock()
	if shared.g != nil {
		if err := shared.g.end(); err != nil {
			fmt.Fprintf(os.Stderr, "end postgres: %v\n", err)
			code = max(code, 1)
		}
	}
	os.Exit(code)
}

// NewURL returns the connection URL of a fresh database with our schema, which
// is dropped at the end of the test even when connections are still open. The
// database has whatsmeow's tables only where Main was told. It fails the test when the machine has no
// Postgres; the message says what to install.
func NewURL(t testing.TB) string {
	t.Helper()
	g, err := sharedServer()
	if err != nil {
		t.Fatalf("start postgres: %v", err)
	}
	name, u, err := g.create(context.Background())
	if err != nil {
		t.Fatalf("create database: %v", err)
	}
	t.Cleanup(func() {
		if err := g.drop(context.Background(), name); err != nil {
			t.Errorf("drop database: %v", err)
		}
	})
	return u
}

// New returns a store on a fresh database, closed at the end of the test.
func New(t testing.TB) *store.Store {
	t.Helper()
	st, err := store.Open(context.Background(), NewURL(t), store.WithMaxConns(4))
	if err != nil {
		t.Fatalf("open store: %v", err)
	}
	t.Cleanup(st.Close)
	return st
}

func sharedServer() (*guarded, error) {
	shared.Lock()
	defer shared.Unlock()
	if shared.g == nil && shared.err == nil {
		shared.g, shared.err = startGuard()
	}
	return shared.g, shared.err
}
