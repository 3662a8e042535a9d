package store_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"whatsapp-manager/proto/fault"
	"whatsapp-manager/proto/seal"
	"whatsapp-manager/supervisor/store"
	"whatsapp-manager/supervisor/store/storetest"
)

// held is a key file without the file.
type held struct{ ring *seal.Ring }

func (h held) Ring() *seal.Ring { return h.ring }

// opened is a store of the same database as another one.
func opened(t *testing.T, url string) *store.Store {
	t.Helper()
	st, err := store.Open(t.Context(), url)
	must(t, err)
	t.Cleanup(st.Close)
	return st
}

func hook(id string) store.Endpoint {
	return store.Endpoint{
		ID: id, Instance: "aaaaaaaaaaaa", URL: "https://example.org", Headers: map[string]string{"Authorization": "Bearer of bad news"},
		Secret: []byte("the signing secret of " + id), Enabled: true,
	}
}

func TestSecretsAreSealedAndBoundToTheirRows(t *testing.T) {
	url := storetest.NewURL(t)
	open := opened(t, url)
	fill(t, open, "aaaaaaaaaaaa")
	must(t, open.CreateEndpoint(t.Context(), hook("one")))
	_, err := open.SettingOrCreate(t.Context(), "jwt_secret", func() ([]byte, error) { return []byte("the secret of tokens"), nil })
	must(t, err)
	text := func() string {
		var all string
		must(t, open.Pool().QueryRow(t.Context(), "select concat(string_agg(w::text, ' '), ' ', (select string_agg(encode(value, 'escape'), ' ') from settings), (select string_agg(encode(secret, 'escape'), ' ') from webhook_endpoints)) from webhook_endpoints w").Scan(&all))
		return all
	}
	words := []string{"Bearer of bad news", "the signing secret", "the secret of tokens"}
	for _, word := range words {
		if !strings.Contains(text(), word) {
			t.Errorf("%q is not found where it stands open: the test sees nothing", word)
		}
	}

	// A first start takes over what stands open.
	keys := held{seal.NewRing()}
	st := opened(t, url)
	n, err := st.UseKeys(t.Context(), keys)
	must(t, err)
	equal(t, "rows sealed", n, 2)
	must(t, st.CreateEndpoint(t.Context(), hook("two")))
	for _, word := range words {
		if strings.Contains(text(), word) {
			t.Errorf("%q stands open", word)
		}
	}
	n, err = st.Reseal(t.Context())
	must(t, err)
	equal(t, "rows sealed again", n, 0)
	for _, id := range []string{"one", "two"} {
		e, err := st.Endpoint(t.Context(), id)
		must(t, err)
		want := hook(id)
		if !bytes.Equal(e.Secret, want.Secret) || e.Headers["Authorization"] != want.Headers["Authorization"] || !e.Enabled {
			t.Errorf("%s came back as %+v", id, e)
		}
	}
	v, err := st.SettingOrCreate(t.Context(), "jwt_secret", nil)
	must(t, err)
	equal(t, "setting", string(v), "the secret of tokens")

	// Whoever writes to the database cannot put one secret in place of another.
	exec(t, url, "update webhook_endpoints set secret = (select secret from webhook_endpoints where id = 'one') where id = 'two'")
	list, err := st.EndpointsOf(t.Context(), "aaaaaaaaaaaa")
	must(t, err)
	equal(t, "endpoints", len(list), 2)
	for _, e := range list {
		if broken := e.ID == "two"; broken != (e.Secret == nil) || broken == e.Enabled || broken != strings.Contains(e.LastError, "cannot be opened") {
			t.Errorf("after the swap %s is %+v", e.ID, e)
		}
	}
	broken, err := st.Endpoint(t.Context(), "two")
	must(t, err)
	wantKind(t, st.UpdateEndpoint(t.Context(), broken), fault.Conflict)
	broken.Secret, broken.Enabled = []byte("renewed"), true
	must(t, st.UpdateEndpoint(t.Context(), broken))
	if e, err := st.Endpoint(t.Context(), "two"); err != nil || string(e.Secret) != "renewed" || !e.Enabled {
		t.Errorf("renewed: %+v, %v", e, err)
	}
	exec(t, url, "update webhook_endpoints set secret = 'planted' where id = 'two'")
	if e, err := st.Endpoint(t.Context(), "two"); err != nil || e.Secret != nil || e.Enabled {
		t.Errorf("a planted secret is taken: %+v, %v", e, err)
	}
	exec(t, url, "update settings set value = 'planted' where key = 'jwt_secret'")
	if v, err := st.SettingOrCreate(t.Context(), "jwt_secret", nil); err == nil {
		t.Errorf("a planted setting is taken: %q", v)
	}
}

func TestOtherKeysAreRefused(t *testing.T) {
	url := storetest.NewURL(t)
	first := held{seal.NewRing()}
	st := opened(t, url)
	fill(t, st, "aaaaaaaaaaaa")
	_, err := st.UseKeys(t.Context(), first)
	must(t, err)
	must(t, st.CreateEndpoint(t.Context(), hook("one")))
	_, err = st.SettingOrCreate(t.Context(), "jwt_secret", func() ([]byte, error) { return []byte("x"), nil })
	must(t, err)
	_, err = opened(t, url).UseKeys(t.Context(), held{seal.NewRing()})
	if !errors.Is(err, store.ErrWrongKeys) {
		t.Errorf("other keys: %v", err)
	}
	// Without the record of it, the values themselves tell.
	exec(t, url, "delete from database_seal")
	if with, err := st.SealedWith(t.Context()); err != nil || len(with) != 1 || with[0] != first.ring.ID() {
		t.Errorf("sealed with %v, %v", with, err)
	}
	_, err = opened(t, url).UseKeys(t.Context(), held{seal.NewRing()})
	if !errors.Is(err, store.ErrWrongKeys) {
		t.Errorf("other keys, without the record: %v", err)
	}
	if n, err := opened(t, url).UseKeys(t.Context(), first); err != nil || n != 0 {
		t.Errorf("the right keys: %d, %v", n, err)
	}
	// One that names a key it is not.
	exec(t, url, "update database_seal set proof = (select value from settings limit 1)")
	if _, err = opened(t, url).UseKeys(t.Context(), first); !errors.Is(err, store.ErrWrongKeys) {
		t.Errorf("a proof that is none: %v", err)
	}
}

// A rotation may be broken off anywhere: what is left is sealed by the next
// start, and whoever knows both keys reads everything meanwhile.
func TestRotationGoesOnWhereItWasBrokenOff(t *testing.T) {
	url := storetest.NewURL(t)
	old := held{seal.NewRing()}
	st := opened(t, url)
	fill(t, st, "aaaaaaaaaaaa")
	_, err := st.UseKeys(t.Context(), old)
	must(t, err)
	for _, id := range []string{"one", "two", "three"} {
		must(t, st.CreateEndpoint(t.Context(), hook(id)))
	}
	_, err = st.SettingOrCreate(t.Context(), "jwt_secret", func() ([]byte, error) { return []byte("x"), nil })
	must(t, err)
	both, err := old.ring.Rotated()
	must(t, err)
	// As after a kill: one row is sealed anew, the record is the old one.
	s, h := both.Webhooks().Seal("one", "aaaaaaaaaaaa", hook("one").Secret, []byte(`{}`))
	exec(t, url, "update webhook_endpoints set secret = $1, headers = $2 where id = 'one'", s, h)
	next := opened(t, url)
	n, err := next.UseKeys(t.Context(), held{both})
	must(t, err)
	equal(t, "rows that were left", n, 3)
	counts, err := next.CountSecrets(t.Context())
	must(t, err)
	if counts["webhooks"][both.ID()] != 3 || counts["settings"][both.ID()] != 1 || len(counts["webhooks"]) != 1 {
		t.Errorf("sealed with %v", counts)
	}
	only := both.Only(func(string) bool { return false })
	last := opened(t, url)
	_, err = last.UseKeys(t.Context(), held{only})
	must(t, err)
	for _, id := range []string{"one", "two", "three"} {
		if e, err := last.Endpoint(t.Context(), id); err != nil || !bytes.Equal(e.Secret, hook(id).Secret) {
			t.Errorf("%s came back as %+v, %v", id, e, err)
		}
	}
	if with, _ := last.SealedWith(t.Context()); len(with) != 1 || with[0] != only.ID() {
		t.Errorf("sealed with %v", with)
	}
}

func TestALostKeyCanBeGivenUp(t *testing.T) {
	url := storetest.NewURL(t)
	st := opened(t, url)
	fill(t, st, "aaaaaaaaaaaa")
	_, err := st.UseKeys(t.Context(), held{seal.NewRing()})
	must(t, err)
	must(t, st.CreateEndpoint(t.Context(), hook("one")))
	_, err = st.SettingOrCreate(t.Context(), "jwt_secret", func() ([]byte, error) { return []byte("x"), nil })
	must(t, err)

	keys := held{seal.NewRing()}
	next := opened(t, url)
	n, err := next.Abandon(t.Context(), keys)
	must(t, err)
	equal(t, "given up", n, 2)
	_, err = next.UseKeys(t.Context(), keys)
	must(t, err)
	v, err := next.SettingOrCreate(t.Context(), "jwt_secret", func() ([]byte, error) { return []byte("new"), nil })
	must(t, err)
	equal(t, "setting", string(v), "new")
	e, err := next.Endpoint(t.Context(), "one")
	must(t, err)
	if e.Enabled || len(e.Secret) != 32 || len(e.Headers) != 0 || e.LastError == "" {
		t.Errorf("the webhook is %+v", e)
	}
}
