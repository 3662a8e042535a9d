package lidstore

import (
	"context"
	"fmt"
	"io"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
	"go.mau.fi/whatsmeow/store"
	"go.mau.fi/whatsmeow/types"

	"whatsapp-manager/supervisor/store/storetest"
	"whatsapp-manager/worker/keystore"
)

func TestMain(m *testing.M) { storetest.Main(m, keystore.Create) }

const (
	one = "abcdefgh0001"
	two = "abcdefgh0002"
)

func once(_ context.Context, fn func() error) error { return fn() }

// database has two instances.
func database(t *testing.T) *pgxpool.Pool {
	t.Helper()
	pool, err := pgxpool.New(t.Context(), storetest.NewURL(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	run(t, pool, "insert into users (id, email, password_hash, role, created_at) values ('u', 'u@example.com', '', 'user', now())")
	for _, id := range []string{one, two} {
		run(t, pool, "insert into instances (id, owner_id, name, created_at, updated_at) values ($1, 'u', 'test', now(), now())", id)
	}
	return pool
}

func run(t *testing.T, pool *pgxpool.Pool, sql string, args ...any) {
	t.Helper()
	if _, err := pool.Exec(t.Context(), sql, args...); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

func lidOf(user string) types.JID { return types.NewJID(user, types.HiddenUserServer) }
func pnOf(user string) types.JID  { return types.NewJID(user, types.DefaultUserServer) }

func note(t *testing.T, s *Store, pairs ...string) {
	t.Helper()
	var mappings []store.LIDMapping
	for i := 0; i < len(pairs); i += 2 {
		mappings = append(mappings, store.LIDMapping{LID: lidOf(pairs[i]), PN: pnOf(pairs[i+1])})
	}
	if err := s.PutManyLIDMappings(t.Context(), mappings); err != nil {
		t.Fatal(err)
	}
}

// knows wants pairs (a LID, a number) to be known in both directions; an empty
// side says that nothing is known of the other.
func knows(t *testing.T, s *Store, pairs ...string) {
	t.Helper()
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i] != "" {
			if got, err := s.GetPNForLID(t.Context(), lidOf(pairs[i])); err != nil || got.User != pairs[i+1] {
				t.Errorf("number of LID %s: %q, %v; want %q", pairs[i], got, err, pairs[i+1])
			}
		}
		if pairs[i+1] == "" {
			continue
		}
		if got, err := s.GetLIDForPN(t.Context(), pnOf(pairs[i+1])); err != nil || got.User != pairs[i] {
			t.Errorf("LID of number %s: %q, %v; want %q", pairs[i+1], got, err, pairs[i])
		}
		many, err := s.GetManyLIDsForPNs(t.Context(), []types.JID{pnOf(pairs[i+1])})
		if got := many[pnOf(pairs[i+1])]; err != nil || got.User != pairs[i] {
			t.Errorf("LID of number %s among many: %q, %v; want %q", pairs[i+1], got, err, pairs[i])
		}
	}
}

func TestPairs(t *testing.T) {
	for _, tc := range []struct {
		name  string
		notes [][]string
		want  []string
	}{
		{"nothing", nil, []string{"", "1", "2", ""}},
		{"one", [][]string{{"100", "1"}}, []string{"100", "1"}},
		{"again", [][]string{{"100", "1"}, {"100", "1"}}, []string{"100", "1"}},
		{"another number", [][]string{{"100", "1"}, {"100", "2"}}, []string{"100", "2", "", "1"}},
		{"another LID", [][]string{{"100", "1"}, {"200", "1"}}, []string{"200", "1", "100", ""}},
		{"swapped", [][]string{{"100", "1", "200", "2"}, {"100", "2", "200", "1"}}, []string{"100", "2", "200", "1"}},
		{"both sides taken", [][]string{{"100", "1", "200", "2"}, {"100", "2"}}, []string{"100", "2", "", "1", "200", ""}},
		{"the last of a batch", [][]string{{"100", "1", "200", "1", "200", "3"}}, []string{"200", "3", "", "1", "100", ""}},
		{"no pairs among them", [][]string{{"x", "1", "100", "2", "300", "", "123456789012345678901", "4"}}, []string{"100", "2", "", "1", "300", "", "", "4"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			pool := database(t)
			s := New(pool, one, once)
			if len(tc.notes) > 1 {
				knows(t, s, tc.want[0], "", "", tc.want[1]) // what is not known is in the cache too
			}
			for _, pairs := range tc.notes {
				note(t, s, pairs...)
			}
			knows(t, s, tc.want...)
			knows(t, New(pool, one, once), tc.want...)
		})
	}
}

func TestAddressesKeepTheirDevice(t *testing.T) {
	s := New(database(t), one, once)
	note(t, s, "100", "1")
	pn, lid := types.JID{User: "1", Device: 7, Server: types.DefaultUserServer}, types.JID{User: "100", Device: 7, Server: types.HiddenUserServer}
	if got, err := s.GetLIDForPN(t.Context(), pn); err != nil || got != lid {
		t.Errorf("LID: %s, %v", got, err)
	}
	if got, err := s.GetPNForLID(t.Context(), lid); err != nil || got != pn {
		t.Errorf("number: %s, %v", got, err)
	}
	group := types.NewJID("1", types.GroupServer)
	got, err := s.GetManyLIDsForPNs(t.Context(), []types.JID{pn, pnOf("1"), group, pnOf("2")})
	if err != nil || len(got) != 2 || got[pn] != lid || got[pnOf("1")] != lidOf("100") {
		t.Errorf("many: %v, %v", got, err)
	}
	for name, err := range map[string]error{
		"LID of a LID":           second(s.GetLIDForPN(t.Context(), lid)),
		"LID of somebody hosted": second(s.GetLIDForPN(t.Context(), types.NewJID("1", types.HostedServer))),
		"number of a number":     second(s.GetPNForLID(t.Context(), pn)),
		"pair the wrong way":     s.PutLIDMapping(t.Context(), pn, lid),
		"pair with a group":      s.PutLIDMapping(t.Context(), lid, group),
		"pair with a word":       s.PutLIDMapping(t.Context(), lid, pnOf("server")),
	} {
		t.Run(name, func(t *testing.T) {
			if err == nil {
				t.Errorf("%s is taken", name)
			}
		})
	}
}

func second(_ types.JID, err error) error { return err }

// TestPairsAreTheInstancesOwn: what one notes is nothing to another.
func TestPairsAreTheInstancesOwn(t *testing.T) {
	pool := database(t)
	a, b := New(pool, one, once), New(pool, two, once)
	knows(t, b, "", "1")
	note(t, a, "100", "1")
	knows(t, b, "", "1", "100", "")
	note(t, b, "200", "1", "100", "2")
	knows(t, b, "200", "1", "100", "2")
	knows(t, a, "100", "1", "200", "", "", "2")
	knows(t, New(pool, one, once), "100", "1", "200", "", "", "2")
	run(t, pool, "delete from instances where id = $1", two)
	knows(t, New(pool, one, once), "100", "1")
}

// TestHints: they tell whose number a LID is, and not where to send.
func TestHints(t *testing.T) {
	pool := database(t)
	run(t, pool, "insert into lid_pairs (instance_id, lid, pn, hint) values ($1, '100', '1', true), ($1, '200', '2', true)", one)
	s := New(pool, one, once)
	hinted := func(s *Store, lid, pn string) {
		t.Helper()
		if got, err := s.GetPNForLID(t.Context(), lidOf(lid)); err != nil || got.User != pn {
			t.Errorf("number of LID %s: %q, %v; want %q", lid, got, err, pn)
		}
		if got, err := s.GetLIDForPN(t.Context(), pnOf(pn)); err != nil || !got.IsEmpty() {
			t.Errorf("LID of number %s: %q, %v; want none", pn, got, err)
		}
		if got, err := s.GetManyLIDsForPNs(t.Context(), []types.JID{pnOf(pn)}); err != nil || len(got) != 0 {
			t.Errorf("LIDs of number %s: %v, %v; want none", pn, got, err)
		}
	}
	hinted(s, "100", "1")
	hinted(s, "200", "2")
	note(t, s, "100", "1") // WhatsApp says the same
	note(t, s, "300", "2") // and here another
	knows(t, s, "100", "1", "300", "2", "200", "")
	knows(t, New(pool, one, once), "100", "1", "300", "2", "200", "")
	if err := s.Distrust(t.Context()); err != nil {
		t.Fatal(err)
	}
	hinted(s, "100", "1")
	hinted(New(pool, one, once), "300", "2")
	note(t, s, "100", "1")
	knows(t, s, "100", "1")
}

// TestAnAbsenceIsNotBelievedForEver: a pair that is noted while somebody finds
// that there is none must be found by the next one.
func TestAnAbsenceIsNotBelievedForEver(t *testing.T) {
	pool := database(t)
	var between func()
	s := New(pool, one, func(_ context.Context, fn func() error) error {
		err := fn()
		if f := between; f != nil {
			between = nil
			f()
		}
		return err
	})
	between = func() { note(t, s, "100", "1") }
	if got, err := s.GetLIDForPN(t.Context(), pnOf("1")); err != nil || !got.IsEmpty() {
		t.Fatalf("before: %s, %v", got, err)
	}
	knows(t, s, "100", "1")
	// And the other way round: an old pair, read before it went.
	s2 := New(pool, one, s.retry)
	between = func() { note(t, s2, "200", "1") }
	if got, err := s2.GetLIDForPN(t.Context(), pnOf("1")); err != nil || got.User != "100" {
		t.Fatalf("before: %s, %v", got, err)
	}
	knows(t, s2, "200", "1", "100", "")
}

// deafConn loses answers when it is told to, once the row that must be there is.
type deafConn struct {
	net.Conn
	deaf *atomic.Pointer[func()]
}

func (c deafConn) Read(p []byte) (int, error) {
	if settled := c.deaf.Swap(nil); settled != nil {
		(*settled)()
		_ = c.Close()
		return 0, io.ErrUnexpectedEOF
	}
	return c.Conn.Read(p)
}

// TestAnUnknownOutcome: a write is committed, its answer lost, and it is
// repeated. What it replaced must not stay in the cache.
func TestAnUnknownOutcome(t *testing.T) {
	pool := database(t)
	var deaf atomic.Pointer[func()]
	cfg := pool.Config()
	dial := cfg.ConnConfig.DialFunc
	cfg.ConnConfig.DialFunc = func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := dial(ctx, network, addr)
		return deafConn{conn, &deaf}, err
	}
	lossy, err := pgxpool.NewWithConfig(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(lossy.Close)
	tries := 0
	s := New(lossy, one, func(_ context.Context, fn func() error) error {
		err := fn()
		for err != nil && tries < 3 {
			tries++
			err = fn()
		}
		return err
	})
	note(t, s, "100", "1")
	knows(t, s, "100", "1")
	committed := func() {
		for there := false; !there && t.Context().Err() == nil; {
			err := pool.QueryRow(t.Context(), "select exists (select from lid_pairs where lid = '200' and pn = '1')").Scan(&there)
			if err != nil {
				t.Errorf("look for the row: %v", err)
				return
			}
		}
	}
	deaf.Store(&committed)
	note(t, s, "200", "1")
	if tries != 1 {
		t.Errorf("%d repetitions, want one", tries)
	}
	knows(t, s, "200", "1", "100", "")
}

// TestManyAtOnce: writers and readers at the same time, under -race, and what
// the cache says at the end is what the table says.
func TestManyAtOnce(t *testing.T) {
	pool := database(t)
	s := New(pool, one, once)
	var all sync.WaitGroup
	for w := range 4 {
		all.Go(func() {
			for i := range 50 {
				pn := fmt.Sprint(1 + i%7)
				if err := s.PutLIDMapping(t.Context(), lidOf(fmt.Sprint(100+(i*(w+1))%9)), pnOf(pn)); err != nil {
					t.Errorf("put: %v", err)
				}
				if _, err := s.GetLIDForPN(t.Context(), pnOf(pn)); err != nil {
					t.Errorf("get: %v", err)
				}
			}
		})
	}
	all.Wait()
	fresh := New(pool, one, once)
	for i := range 9 {
		lid := lidOf(fmt.Sprint(100 + i))
		cached, err := s.GetPNForLID(t.Context(), lid)
		stored, err2 := fresh.GetPNForLID(t.Context(), lid)
		if err != nil || err2 != nil || cached != stored {
			t.Errorf("%s: %s in the cache, %s in the table; %v, %v", lid, cached, stored, err, err2)
		}
	}
}

// TestTheCacheIsBounded: a phone that tells of more people than fit costs no
// more memory, and they are found all the same.
func TestTheCacheIsBounded(t *testing.T) {
	pool := database(t)
	s := New(pool, one, once)
	pairs := make([]store.LIDMapping, 0, 3*cacheSize/2)
	for i := range cap(pairs) {
		pairs = append(pairs, store.LIDMapping{LID: lidOf(fmt.Sprint(100000 + i)), PN: pnOf(fmt.Sprint(500000 + i))})
	}
	if err := s.PutManyLIDMappings(t.Context(), pairs); err != nil {
		t.Fatal(err)
	}
	if n := max(s.byLID.Len(), s.byPN.Len()); n != cacheSize {
		t.Errorf("%d in the cache, want %d", n, cacheSize)
	}
	var pns []types.JID
	for _, p := range pairs {
		pns = append(pns, p.PN)
	}
	found, err := s.GetManyLIDsForPNs(t.Context(), pns)
	if err != nil || len(found) != len(pairs) {
		t.Errorf("%d of %d found, %v", len(found), len(pairs), err)
	}
	slices.Reverse(pns)
	knows(t, s, "100000", "500000")
}
