package store_test

import (
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"whatsapp-manager/proto/fault"
	"whatsapp-manager/supervisor/store"
)

func contains(s, part string) bool { return strings.Contains(s, part) }

func TestUsers(t *testing.T) {
	st, ctx := setUp(t)
	must(t, st.CreateUser(ctx, store.User{ID: "b", Email: "B@Example.org", PasswordHash: "h", Role: "admin", CreatedAt: noon.Add(time.Second)}))

	f := wantKind(t, st.CreateUser(ctx, store.User{ID: "c", Email: "A@example.org", Role: "user", CreatedAt: noon}), fault.Conflict)
	equal(t, "field", f.Field, "email")
	f = wantKind(t, st.CreateUser(ctx, store.User{ID: "b", Email: "c@example.org", Role: "user", CreatedAt: noon}), fault.Conflict)
	equal(t, "field", f.Field, "id")
	f = wantKind(t, st.CreateUser(ctx, store.User{ID: "d", Email: "d@example.org", Role: "king", CreatedAt: noon}), fault.Invalid)
	equal(t, "field", f.Field, "role")
	wantKind(t, st.CreateUser(ctx, store.User{ID: "e", Email: "e\x00@example.org", Role: "user", CreatedAt: noon}), fault.Invalid)

	u, err := st.UserByEmail(ctx, "b@EXAMPLE.org")
	must(t, err)
	equal(t, "user", u, store.User{ID: "b", Email: "b@example.org", PasswordHash: "h", Role: "admin", CreatedAt: noon.Add(time.Second)})
	_, err = st.UserByEmail(ctx, "nobody@example.org")
	wantKind(t, err, fault.NotFound)

	must(t, st.SetPassword(ctx, "b", "h2"))
	must(t, st.SetUserRole(ctx, "b", "superadmin"))
	must(t, st.SetUserDisabled(ctx, "b", &noon))
	u, err = st.User(ctx, "b")
	must(t, err)
	equal(t, "hash", u.PasswordHash, "h2")
	equal(t, "role", u.Role, "superadmin")
	equal(t, "disabled", *u.DisabledAt, noon)
	must(t, st.SetUserDisabled(ctx, "b", nil))
	for _, err := range []error{st.SetPassword(ctx, "x", ""), st.SetUserRole(ctx, "x", "user"), st.SetUserDisabled(ctx, "x", nil)} {
		wantKind(t, err, fault.NotFound)
	}

	page, total, err := st.Users(ctx, 1, 10)
	must(t, err)
	if total != 2 || len(page) != 1 || page[0].ID != "b" {
		t.Errorf("got %v of %d", page, total)
	}
	must(t, st.Audit(ctx, noon, "", "start", "", nil))
	must(t, st.Audit(ctx, noon, owner, "role", "b", map[string]any{"to": "superadmin"}))
}

func token(hash string) store.RefreshToken {
	return store.RefreshToken{ID: "id-" + hash, Hash: []byte(hash), IssuedAt: noon, ExpiresAt: noon.Add(time.Hour)}
}

func TestRefreshTokensRotate(t *testing.T) {
	st, ctx := setUp(t)
	first := token("1")
	first.UserID, first.Family = owner, "f"
	must(t, st.InsertRefreshToken(ctx, first))
	other := token("other")
	other.UserID, other.Family = owner, "g"
	must(t, st.InsertRefreshToken(ctx, other))

	old, err := st.RotateRefreshToken(ctx, []byte("1"), token("2"), noon)
	must(t, err)
	equal(t, "user", old.UserID, owner)
	if _, err = st.RotateRefreshToken(ctx, []byte("2"), token("3"), noon); err != nil {
		t.Fatal(err)
	}
	refuse := func(hash, code string, at time.Time) {
		t.Helper()
		_, err := st.RotateRefreshToken(ctx, []byte(hash), token("next"+hash+code), at)
		equal(t, "code", wantKind(t, err, fault.Unauthorized).Code, code)
	}
	refuse("unknown", "token_unknown", noon)
	refuse("3", "token_expired", noon.Add(time.Hour))
	refuse("1", "token_reused", noon)
	refuse("3", "token_revoked", noon) // by the reuse of its ancestor
	refuse("1", "token_reused", noon)
	if _, err = st.RotateRefreshToken(ctx, []byte("other"), token("other2"), noon); err != nil {
		t.Errorf("another family was revoked: %v", err)
	}
	must(t, st.RevokeUserTokens(ctx, owner, noon))
	refuse("other2", "token_revoked", noon)
	must(t, st.RevokeFamily(ctx, "no such", noon))

	n, err := st.PruneRefreshTokens(ctx, noon.Add(2*time.Hour))
	must(t, err)
	equal(t, "pruned", n, 5)
}

func TestOneOfRacingExchangesSucceeds(t *testing.T) {
	st, ctx := setUp(t)
	first := token("1")
	first.UserID, first.Family = owner, "f"
	must(t, st.InsertRefreshToken(ctx, first))
	var ok, reused atomic.Int64
	var wg sync.WaitGroup
	for _, name := range []string{"a", "b", "c", "d"} {
		wg.Go(func() {
			_, err := st.RotateRefreshToken(ctx, []byte("1"), token(name), noon)
			switch {
			case err == nil:
				ok.Add(1)
			case fault.Is(err, fault.Unauthorized):
				reused.Add(1)
			default:
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if ok.Load() != 1 || reused.Load() != 3 {
		t.Errorf("%d succeeded, %d were refused", ok.Load(), reused.Load())
	}
}
