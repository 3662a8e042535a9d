package e2e

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"whatsapp-manager/cmd/internal/stack"
	"whatsapp-manager/proto/seal"
	"whatsapp-manager/supervisor/keyfile"
	"whatsapp-manager/supervisor/store"
	"whatsapp-manager/supervisor/store/storetest"
	"whatsapp-manager/worker/wasim"
	"whatsapp-manager/worker/wasim/phone"
)

// standing says which secrets stand in any table of the database, as text, in hex
// or in base64.
func standing(t *testing.T, url string, secrets map[string][]byte) (found []string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	must(t, err)
	defer conn.Close(t.Context())
	rows, err := conn.Query(t.Context(), `select format('%I.%I', nspname, relname) from pg_class c join pg_namespace n on n.oid = c.relnamespace
		where relkind in ('r', 'p') and nspname <> 'information_schema' and nspname not like 'pg\_%'`)
	must(t, err)
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	must(t, err)
	for _, table := range tables {
		var dump bytes.Buffer
		_, err := conn.PgConn().CopyTo(t.Context(), &dump, "copy "+table+" to stdout")
		must(t, err)
		for name, secret := range secrets {
			text := []byte(base64.StdEncoding.EncodeToString(secret)[:len(secret)/3*4])
			for _, form := range [][]byte{secret, []byte(hex.EncodeToString(secret)), text, []byte(hex.EncodeToString(text))} {
				if bytes.Contains(dump.Bytes(), form) && !slices.Contains(found, name) {
					found = append(found, name)
				}
			}
		}
	}
	return found
}

// An installation at work: a dump of its database shows none of its secrets;
// without its key file it does not start, and says so; a new key is taken over
// while it runs.
func TestADumpAloneOpensNothing(t *testing.T) {
	t.Parallel()
	url := storetest.NewURL(t)
	s := start(t, "WAM_DATABASE_URL="+url)
	ctx := deadline(t, 2*time.Minute)
	file := filepath.Join(s.DataDir(), "secret.key")
	account, friend := person(t, "Keeper", wasim.AccountOptions{}), person(t, "Friend", wasim.AccountOptions{})
	l := link(t, s, account)
	hook := receiver(t)
	l.hook(t, hook, "message")
	var hooks struct {
		Webhooks []struct {
			ID string `json:"id"`
		} `json:"webhooks"`
	}
	must(t, s.Client.Want(ctx, http.StatusOK, http.MethodGet, "/api/instances/"+l.id+"/webhooks", nil, &hooks))
	const password = "the password of the receiver"
	must(t, s.Client.Want(ctx, http.StatusOK, http.MethodPatch, "/api/webhooks/"+hooks.Webhooks[0].ID,
		map[string]any{"headers": map[string]string{"Authorization": password}}, nil))
	say(t, friend, account.PN(), "first")
	must(t, hook.Wait(ctx, "a signed webhook", heard("first")))
	l.text(t, wid(friend), "answer")
	wait(t, friend.Phone(), "the answer", func(r phone.Received) bool { return r.Text == "answer" })

	keys, err := keyfile.Open(file)
	must(t, err)
	secrets := installed(t, url, keys, l.id)
	secrets["webhook password"] = []byte(password)
	if found := standing(t, url, secrets); len(found) > 0 {
		t.Errorf("in a dump stand %q", found)
	}
	for name, b := range map[string][]byte{"friend's number": []byte(friend.Number())} {
		if found := standing(t, url, map[string][]byte{name: b}); len(found) == 0 {
			t.Error("the dump shows nothing at all")
		}
	}
	if text, err := s.Logs(); err != nil || strings.Contains(string(text["manager.log"]),
		base64.StdEncoding.EncodeToString(keys.Ring().Keys()[0].Secret)) {
		t.Errorf("the key is in a log: %v", err)
	}

	// No key file, another one.
	s.Signal(syscall.SIGTERM)
	must(t, s.WaitManager(ctx))
	kept, err := os.ReadFile(file)
	must(t, err)
	for name, spoil := range map[string]func(){
		"there is no":            func() { must(t, os.Remove(file)) },
		"sealed with another ke": func() { must(t, os.WriteFile(file, seal.NewRing().Text(), 0o600)) },
		"may be read":            func() { must(t, os.WriteFile(file, kept, 0o600)); must(t, os.Chmod(file, 0o644)) },
	} {
		spoil()
		before, _ := os.ReadFile(file)
		must(t, s.StartManager())
		must(t, s.WaitManager(ctx))
		if tail := s.Tail().Error(); !strings.Contains(tail, name) || !strings.Contains(tail, "SECRET_KEY_FILE") {
			t.Errorf("%s: the manager ends with %s", name, tail)
		}
		if after, _ := os.ReadFile(file); !bytes.Equal(before, after) {
			t.Errorf("%s: the file was written to", name)
		}
	}
	must(t, os.WriteFile(file, kept, 0o600))
	must(t, os.Chmod(file, 0o600))
	must(t, s.StartManager())
	must(t, s.Ready(ctx))
	must(t, s.Client.Want(ctx, http.StatusOK, http.MethodGet, "/api/auth/me", nil, nil)) // the same token
	say(t, friend, account.PN(), "second")
	must(t, hook.Wait(ctx, "a webhook with the same secret", heard("second")))

	// A new key, while everything runs.
	said, err := s.Run(ctx, "secrets", "rotate")
	must(t, err)
	t.Log(said)
	say(t, friend, account.PN(), "third")
	must(t, hook.Wait(ctx, "a webhook after the rotation", heard("third")))
	if said, err := s.Run(ctx, "secrets", "prune"); err == nil || !strings.Contains(said, "restart") {
		t.Errorf("prune with a worker that knows the old key only: %v, %s", err, said)
	}
	must(t, s.Client.Want(ctx, http.StatusAccepted, http.MethodPost, "/api/instances/"+l.id+"/restart", nil, nil))
	for { // until the worker has sealed its device anew
		said, err = s.Run(ctx, "secrets", "prune")
		if err == nil && strings.Contains(said, "1 old keys were removed") {
			break
		}
		if ctx.Err() != nil {
			t.Fatalf("the old key is not removed: %v, %s", err, said)
		}
	}
	t.Log(said)
	_, err = s.Client.Ready(ctx, l.id)
	must(t, err)
	say(t, friend, account.PN(), "fourth")
	must(t, hook.Wait(ctx, "a webhook with the new key alone", heard("fourth")))
	if got := incoming(t, l.events(t)); !slices.Equal(got, []string{"first", "second", "third", "fourth"}) {
		t.Errorf("the feed has %q", got)
	}
	now, err := keyfile.Open(file)
	must(t, err)
	if len(now.Ring().Keys()) != 1 || now.Ring().ID() == hexID(kept) {
		t.Errorf("the file holds %d keys", len(now.Ring().Keys()))
	}
	if found := standing(t, url, installed(t, url, now, l.id)); len(found) > 0 {
		t.Errorf("after the rotation stand %q", found)
	}

	// The key is lost for good: users log in again, the account is paired again.
	must(t, s.Client.Want(ctx, http.StatusAccepted, http.MethodPost, "/api/instances/"+l.id+"/stop", nil, nil))
	_, err = s.Client.Until(ctx, l.id, "stopped", func(in stack.Instance) bool { return in.State == "stopped" })
	must(t, err)
	s.Signal(syscall.SIGTERM)
	must(t, s.WaitManager(ctx))
	must(t, os.Remove(file))
	if said, err := s.Run(ctx, "secrets", "abandon"); err == nil {
		t.Errorf("given up without a word: %s", said)
	}
	said, err = s.Run(ctx, "secrets", "abandon", "--yes")
	must(t, err)
	t.Log(said)
	must(t, s.StartManager())
	must(t, s.Ready(ctx))
	if answer, err := s.Client.Do(ctx, http.MethodGet, "/api/auth/me", nil); err != nil ||
		answer.Status != http.StatusUnauthorized {
		t.Errorf("a token of the lost key: %d, %v", answer.Status, err)
	}
	must(t, s.Login(ctx, s.Client))
	must(t, s.Client.Start(ctx, l.id))
	qr, err := s.Client.QR(ctx, l.id)
	must(t, err)
	must(t, account.ScanQR(ctx, qr))
	_, err = s.Client.Ready(ctx, l.id)
	must(t, err)
	l.text(t, wid(friend), "paired again")
}

func hexID(file []byte) string {
	ring, err := seal.Parse(file)
	if err != nil {
		return err.Error()
	}
	return ring.ID()
}

// installed is what an installation keeps sealed.
func installed(t *testing.T, url string, keys *keyfile.File, id string) map[string][]byte {
	t.Helper()
	st, err := store.Open(t.Context(), url)
	must(t, err)
	defer st.Close()
	_, err = st.UseKeys(t.Context(), keys)
	must(t, err)
	secrets := make(map[string][]byte)
	secrets["token secret"], err = st.SettingOrCreate(t.Context(), "jwt_secret", nil)
	must(t, err)
	hooks, err := st.AllEndpoints(t.Context())
	must(t, err)
	secrets["webhook secret"] = hooks[0].Secret
	var jid string
	var adv []byte
	must(t, st.Pool().QueryRow(t.Context(), "select device_jid from instances where id = $1", id).Scan(&jid))
	must(t, st.Pool().QueryRow(t.Context(), "select adv_key from whatsmeow.whatsmeow_device where jid = $1",
		jid).Scan(&adv))
	device := keys.Ring().Instance(id).Device(jid)
	own, err := device.OpenKeys(adv)
	must(t, err)
	secrets["noise key"], secrets["identity key"], secrets["signed pre key"] = own.Noise[:],
		own.Identity[:], own.SignedPreKey[:]
	secrets["the key itself"] = keys.Ring().Keys()[0].Secret
	rows, err := st.Pool().Query(t.Context(), "select session from whatsmeow.whatsmeow_sessions where our_jid = $1", jid)
	must(t, err)
	sessions, err := pgx.CollectRows(rows, pgx.RowTo[[]byte])
	must(t, err)
	for _, sealed := range sessions {
		session, err := device.Open("whatsmeow_sessions", sealed)
		must(t, err)
		secrets["session "+hex.EncodeToString(sealed[12:20])] = session[len(session)/2 : len(session)/2+60]
	}
	if len(sessions) == 0 {
		t.Fatal("there is no session to look for")
	}
	for name, secret := range secrets {
		if len(secret) < 32 {
			t.Fatalf("%s is %d bytes", name, len(secret))
		}
	}
	return secrets
}
