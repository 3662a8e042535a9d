package worker_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"go.mau.fi/whatsmeow/store"

	"whatsapp-manager/proto/seal"
	workerv1 "whatsapp-manager/proto/worker/v1"
	"whatsapp-manager/supervisor/store/storetest"
)

// sealKeys is what the manager hands over for an instance.
func sealKeys(ring *seal.Ring, id string) (keys []*workerv1.SealKey) {
	for _, k := range ring.Instance(id).Keys() {
		keys = append(keys, &workerv1.SealKey{Id: k.ID, Key: k.Secret})
	}
	return keys
}

// secrets are what opens conversations, as the worker knows it. ring opens what
// is sealed; nil where nothing is.
func (w *world) secrets(ring *seal.Ring) map[string][]byte {
	w.t.Helper()
	jid := w.deviceJID()
	open := func(table string, value []byte, bind ...string) []byte { return value }
	secrets := make(map[string][]byte)
	var adv, noise, identity, signed []byte
	w.row("select adv_key, noise_key, identity_key, signed_pre_key from whatsmeow.whatsmeow_device where jid = $1", []any{jid}, &adv, &noise, &identity, &signed)
	var device *seal.Device
	if ring != nil {
		device = ring.Instance(w.id).Device(jid)
		own, err := device.OpenKeys(adv)
		if err != nil {
			w.t.Fatal(err)
		}
		noise, identity, signed = own.Noise[:], own.Identity[:], own.SignedPreKey[:]
		open = func(table string, value []byte, bind ...string) []byte {
			value, err := device.Open(table, value, bind...)
			if err != nil {
				w.t.Fatal(err)
			}
			return value
		}
	}
	secrets["noise key"], secrets["identity key"], secrets["signed pre key"] = noise, identity, signed
	w.rows("select key_id::text, key from whatsmeow.whatsmeow_pre_keys where jid = $1 order by key_id limit 20", jid, func(id string, value []byte) {
		if device != nil {
			var n uint32
			_, _ = fmt.Sscan(id, &n)
			key, _ := device.OpenPreKey(ring.ID(), n, [32]byte(value))
			value = key[:]
		}
		secrets["pre key "+id] = value
	})
	w.rows("select their_id, session from whatsmeow.whatsmeow_sessions where our_jid = $1", jid, func(id string, value []byte) {
		session, err := store.SignalProtobufSerializer.Session.Deserialize(open("whatsmeow_sessions", value))
		if err != nil {
			w.t.Fatal(err)
		}
		state := session.SessionState
		secrets["root key "+id] = state.RootKey
		if state.SenderChain != nil {
			secrets["ratchet key "+id] = state.SenderChain.SenderRatchetKeyPrivate
			secrets["sending chain "+id] = state.SenderChain.ChainKey.Key
		}
		for i, chain := range state.ReceiverChains {
			secrets[fmt.Sprint("receiving chain ", i, " ", id)] = chain.ChainKey.Key
		}
	})
	w.rows("select encode(key_id, 'hex'), key_data from whatsmeow.whatsmeow_app_state_sync_keys where jid = $1", jid, func(id string, value []byte) {
		secrets["app state key "+id] = open("whatsmeow_app_state_sync_keys", value)
	})
	for name, secret := range secrets {
		if len(secret) == 0 || bytes.Equal(secret, make([]byte, len(secret))) {
			w.t.Fatalf("%s is nothing", name)
		}
	}
	for _, what := range []string{"pre key ", "root key ", "ratchet key ", "receiving chain ", "app state key "} {
		if !slices.ContainsFunc(keysOf(secrets), func(name string) bool { return strings.HasPrefix(name, what) }) {
			w.t.Fatalf("there is no %sto look for", what)
		}
	}
	return secrets
}

func keysOf(m map[string][]byte) (names []string) {
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func (i *instance) row(sql string, args []any, into ...any) {
	i.t.Helper()
	conn, err := pgx.Connect(i.ctx, i.url)
	if err != nil {
		i.t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(i.ctx))
	if err := conn.QueryRow(i.ctx, sql, args...).Scan(into...); err != nil {
		i.t.Fatalf("%s: %v", sql, err)
	}
}

func (i *instance) rows(sql, arg string, each func(id string, value []byte)) {
	i.t.Helper()
	conn, err := pgx.Connect(i.ctx, i.url)
	if err != nil {
		i.t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(i.ctx))
	rows, err := conn.Query(i.ctx, sql, arg)
	if err != nil {
		i.t.Fatal(err)
	}
	var id string
	var value []byte
	if _, err = pgx.ForEachRow(rows, []any{&id, &value}, func() error { each(id, bytes.Clone(value)); return nil }); err != nil {
		i.t.Fatalf("%s: %v", sql, err)
	}
}

// dump is every row of every table, as pg_dump writes them.
func (i *instance) dump() map[string][]byte {
	i.t.Helper()
	conn, err := pgx.Connect(i.ctx, i.url)
	if err != nil {
		i.t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(i.ctx))
	rows, err := conn.Query(i.ctx, `select format('%I.%I', nspname, relname) from pg_class c join pg_namespace n on n.oid = c.relnamespace
		where relkind in ('r', 'p') and nspname <> 'information_schema' and nspname not like 'pg\_%'`)
	if err != nil {
		i.t.Fatal(err)
	}
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		i.t.Fatal(err)
	}
	all := make(map[string][]byte)
	for _, table := range tables {
		var b bytes.Buffer
		if _, err := conn.PgConn().CopyTo(i.ctx, &b, "copy "+table+" to stdout"); err != nil {
			i.t.Fatal(err)
		}
		all[table] = b.Bytes()
	}
	return all
}

// found says which secrets stand in the dump, as bytes, in hex, in base64 with
// whatever before them, or as the hex of that: libsignal writes sessions as JSON.
func (i *instance) found(secrets map[string][]byte) (found []string) {
	i.t.Helper()
	dump := i.dump()
	for name, secret := range secrets {
		forms := [][]byte{secret, []byte(hex.EncodeToString(secret)), []byte(strings.ToUpper(hex.EncodeToString(secret)))}
		for before := range 3 {
			for _, encoding := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
				text := encoding.EncodeToString(append(make([]byte, before), secret...))
				inner := []byte(text[before+1 : len(text)-2])
				forms = append(forms, inner, []byte(hex.EncodeToString(inner)))
			}
		}
		for table, content := range dump {
			if slices.ContainsFunc(forms, func(form []byte) bool { return bytes.Contains(content, form) }) {
				found = append(found, name+" in "+table)
			}
		}
	}
	slices.Sort(found)
	return found
}

func (w *world) deviceRows() string {
	w.t.Helper()
	all := w.dump()
	return string(all["whatsmeow.whatsmeow_device"]) + string(all["whatsmeow.whatsmeow_pre_keys"]) + string(all["whatsmeow.whatsmeow_sessions"])
}

func (p *process) stop() {
	p.t.Helper()
	if _, err := p.Stop(p.ctx, &workerv1.StopRequest{}); err != nil {
		p.t.Fatal(err)
	}
	p.exited()
}

// A copy of the database of an account that is paired and talks opens nothing,
// before and after a restart, and before and after the key was changed.
func TestACopyOfTheDatabaseOpensNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storetest.NewURL(t))
	ring := seal.NewRing()
	w.boot.SealKeys = sealKeys(ring, w.id)
	p, _ := w.paired()
	texts := []string{"one", "two", "three", "four"}
	w.say(texts[0])
	w.received(texts[0])
	for step, next := range []func(){
		func() {},
		func() {
			var err error
			if ring, err = ring.Rotated(); err != nil {
				t.Fatal(err)
			}
		},
		func() { ring = ring.Only(func(string) bool { return false }) },
	} {
		secrets := w.secrets(ring)
		t.Logf("%d secrets to look for", len(secrets))
		if found := w.found(secrets); len(found) > 0 {
			t.Errorf("step %d: %q", step, found)
		}
		p.stop()
		next()
		w.boot.SealKeys = sealKeys(ring, w.id)
		p = w.start().attach()
		p.state(online)
		w.say(texts[step+1])
		w.received(texts[:step+2]...)
	}
}

// An account from before there were seals is sealed by the first worker that is
// given a key. One that is killed in the middle of it has done nothing, and the
// next goes on.
func TestAnOpenAccountIsSealed(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storetest.NewURL(t))
	w.boot.SealKeys = nil
	p, _ := w.paired()
	w.say("before")
	w.received("before")
	p.stop()
	secrets := w.secrets(nil)
	found := w.found(secrets)
	for name := range secrets {
		if !slices.ContainsFunc(found, func(at string) bool { return strings.HasPrefix(at, name+" in ") }) {
			t.Errorf("%s is not found where it stands open: the test sees too little", name)
		}
	}
	open := w.deviceRows()

	ring := seal.NewRing()
	w.boot.SealKeys = sealKeys(ring, w.id)
	holder, err := pgx.Connect(w.ctx, w.url)
	if err != nil {
		t.Fatal(err)
	}
	defer holder.Close(context.WithoutCancel(w.ctx))
	// The last table that is sealed is held by somebody else.
	if _, err := holder.Exec(w.ctx, "begin; lock table whatsmeow.whatsmeow_retry_buffer in access exclusive mode"); err != nil {
		t.Fatal(err)
	}
	p = w.start()
	w.eventually("a worker in the midst of sealing", func() bool {
		return value[int](w.instance, "select count(*)::int from pg_locks l join pg_stat_activity a using (pid) where not l.granted and a.datname = current_database() and a.application_name = 'whatsapp-worker'") > 0
	})
	p.kill()
	if _, err := holder.Exec(w.ctx, "rollback"); err != nil {
		t.Fatal(err)
	}
	w.eventually("the end of its connection", func() bool {
		return value[int](w.instance, "select count(*)::int from pg_stat_activity where datname = current_database() and application_name = 'whatsapp-worker'") == 0
	})
	if w.deviceRows() != open {
		t.Error("a worker that was killed while it sealed has changed something")
	}

	p = w.start().attach()
	p.state(online)
	if found := w.found(secrets); len(found) > 0 {
		t.Errorf("after the sealing there are still %q", found)
	}
	w.say("after")
	w.received("before", "after")
	if _, err := p.Call(w.ctx, &workerv1.CallRequest{Method: "sendMessage", Params: []byte(`["` + w.bob.Number() + `@c.us","answered"]`)}); err != nil {
		t.Error(err)
	}
}

// Without the right key a worker ends and says why. The device is as it was, and
// goes on with the right one.
func TestAWorkerWithoutTheKeyLeavesTheDeviceAlone(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storetest.NewURL(t))
	right := w.boot.SealKeys
	p, _ := w.paired()
	p.stop()
	before := w.deviceRows()
	for name, keys := range map[string][]*workerv1.SealKey{
		"none":                   nil,
		"another installation's": sealKeys(seal.NewRing(), w.id),
		"another instance's":     {{Id: right[0].Id, Key: sealKeys(seal.NewRing(), "other0000000")[0].Key}},
	} {
		w.sub(name, func(t *testing.T) {
			w.boot.SealKeys = keys
			if code := w.start().exited(); code == workerv1.ExitOK {
				t.Errorf("%s: it ended as if all was well", name)
			}
			if words, _ := w.lastWords(); words.Reason != "secret_key" {
				t.Errorf("%s: its last words are %+v", name, words)
			}
			if w.deviceRows() != before || w.deviceJID() == "" {
				t.Fatalf("%s: the device has changed", name)
			}
		})
	}
	w.boot.SealKeys = right
	p = w.start().attach()
	p.state(online)
	w.say("still here")
	w.received("still here")
}
