package sealedstore

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"go.mau.fi/libsignal/ecc"
	"go.mau.fi/whatsmeow/proto/waAdv"
	"go.mau.fi/whatsmeow/store"
	"go.mau.fi/whatsmeow/store/sqlstore"
	"go.mau.fi/whatsmeow/types"

	"whatsapp-manager/proto/seal"
	"whatsapp-manager/supervisor/store/storetest"
	"whatsapp-manager/worker/keystore"
)

func TestMain(m *testing.M) { storetest.Main(m) }

var (
	mine  = types.NewADJID("15550000001", 0, 7)
	other = types.NewADJID("15550000002", 0, 3)
	lid   = types.JID{User: "99001", Server: types.HiddenUserServer, Device: 7}
	bob   = types.NewJID("15550000009", types.DefaultUserServer)
	bobs  = types.NewJID("88009", types.HiddenUserServer)
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// desk is a database with whatsmeow's tables.
type desk struct {
	t    *testing.T
	pool *pgxpool.Pool
	lib  *sqlstore.Container
	said atomic.Int64 // statements
}

func (d *desk) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	d.said.Add(1)
	return ctx
}

func (d *desk) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

func newDesk(t *testing.T) *desk {
	t.Helper()
	url := storetest.NewURL(t)
	must(t, keystore.Create(t.Context(), url))
	cfg, err := pgxpool.ParseConfig(url)
	must(t, err)
	keystore.SearchPath(cfg)
	cfg.MaxConns = 4
	d := &desk{t: t}
	cfg.ConnConfig.Tracer = d
	pool, err := pgxpool.NewWithConfig(t.Context(), cfg)
	must(t, err)
	t.Cleanup(pool.Close)
	db := stdlib.OpenDBFromPool(pool)
	t.Cleanup(func() { db.Close() })
	d.pool, d.lib = pool, sqlstore.NewWithDB(db, "postgres", nil)
	return d
}

func (d *desk) container(ring *seal.Ring) *Container { return New(d.lib, d.pool, ring, nil) }

func (d *desk) exec(sql string, args ...any) {
	d.t.Helper()
	_, err := d.pool.Exec(context.Background(), sql, args...)
	must(d.t, err)
}

// rows is everything in whatsmeow's tables, by table.
func (d *desk) rows() map[string]string {
	d.t.Helper()
	names, err := d.pool.Query(d.t.Context(), "select relname::text from pg_class c join pg_namespace n on n.oid = c.relnamespace where nspname = 'whatsmeow' and relkind = 'r'")
	must(d.t, err)
	tables, err := pgx.CollectRows(names, pgx.RowTo[string])
	must(d.t, err)
	all := make(map[string]string)
	for _, table := range tables {
		var text string
		must(d.t, d.pool.QueryRow(d.t.Context(), "select coalesce(string_agg(r::text, E'\\n' order by r::text), '') from "+table+" r").Scan(&text))
		all[table] = text
	}
	return all
}

func (d *desk) shows(secrets map[string][]byte) (found []string) {
	d.t.Helper()
	all := d.rows()
	for name, secret := range secrets {
		for table, text := range all {
			if strings.Contains(text, hex.EncodeToString(secret)) {
				found = append(found, name+" in "+table)
			}
		}
	}
	slices.Sort(found)
	return found
}

// pair saves a new device, as pairing does.
func pair(t *testing.T, d *store.Device, jid types.JID) *store.Device {
	t.Helper()
	d.ID, d.LID, d.PushName = &jid, lid, "me"
	d.Account = &waAdv.ADVSignedDeviceIdentity{Details: []byte{1}, AccountSignature: make([]byte, 64), AccountSignatureKey: make([]byte, 32), DeviceSignature: make([]byte, 64)}
	must(t, d.Save(t.Context()))
	return d
}

func random(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b)
	return b
}

// used writes into every store of the device and returns what must not be seen.
func used(t *testing.T, d *store.Device) map[string][]byte {
	t.Helper()
	ctx := t.Context()
	s := map[string][]byte{
		"noise key": d.NoiseKey.Priv[:], "identity key": d.IdentityKey.Priv[:], "signed pre key": d.SignedPreKey.Priv[:], "adv key": d.AdvSecretKey,
	}
	for _, name := range []string{"session", "session 2", "sender key", "app state key", "message secret", "message secret 2", "token", "salt", "buffered", "outgoing"} {
		s[name] = random(300)
	}
	list, err := d.PreKeys.GetOrGenPreKeys(ctx, 5)
	must(t, err)
	for _, k := range list {
		s[fmt.Sprint("pre key ", k.KeyID)] = k.Priv[:]
	}
	one, err := d.PreKeys.GenOnePreKey(ctx)
	must(t, err)
	s["pre key alone"] = one.Priv[:]
	must(t, d.Sessions.PutSession(ctx, bob.User+":1", s["session"]))
	must(t, d.Sessions.PutManySessions(ctx, map[string][]byte{bob.User + ":2": s["session 2"]}))
	must(t, d.SenderKeys.PutSenderKey(ctx, "g@g.us", bob.User+":1", s["sender key"]))
	must(t, d.AppStateKeys.PutAppStateSyncKey(ctx, []byte{1}, store.AppStateSyncKey{Data: s["app state key"], Fingerprint: []byte{2}, Timestamp: 3}))
	must(t, d.MsgSecrets.PutMessageSecret(ctx, bob, bob, "M1", s["message secret"]))
	must(t, d.MsgSecrets.PutMessageSecrets(ctx, []store.MessageSecretInsert{{Chat: bob, Sender: bob, ID: "M2", Secret: s["message secret 2"]}}))
	must(t, d.PrivacyTokens.PutPrivacyTokens(ctx, store.PrivacyToken{User: bob, Token: s["token"], Timestamp: time.Unix(5, 0)}))
	must(t, d.NCTSalt.PutNCTSalt(ctx, s["salt"]))
	must(t, d.EventBuffer.PutBufferedEvent(ctx, [32]byte{1}, s["buffered"], time.Unix(6, 0)))
	must(t, d.EventBuffer.PutBufferedEvent(ctx, [32]byte{2}, s["buffered"], time.Unix(6, 0)))
	must(t, d.EventBuffer.ClearBufferedEventPlaintext(ctx, [32]byte{2}))
	must(t, d.EventBuffer.AddOutgoingEvent(ctx, bob, "M3", "format", s["outgoing"]))
	return s
}

// knows checks that the device reads everything that used has written.
func knows(t *testing.T, d *store.Device, s map[string][]byte) {
	t.Helper()
	ctx := t.Context()
	is := func(name string, got []byte, err error) {
		t.Helper()
		if err != nil || !bytes.Equal(got, s[name]) {
			t.Errorf("%s: %x…, %v", name, got[:min(len(got), 8)], err)
		}
	}
	is("noise key", d.NoiseKey.Priv[:], nil)
	is("identity key", d.IdentityKey.Priv[:], nil)
	is("signed pre key", d.SignedPreKey.Priv[:], nil)
	is("adv key", d.AdvSecretKey, nil)
	if d.LID != lid || d.PushName != "me" || d.ID.Device == 0 || len(d.Account.AccountSignature) != 64 {
		t.Errorf("the device is %v %v %q", d.ID, d.LID, d.PushName)
	}
	signed := append([]byte{ecc.DjbType}, d.SignedPreKey.Pub[:]...)
	if d.SignedPreKey.KeyID != 1 || !ecc.VerifySignature(ecc.NewDjbECPublicKey(*d.IdentityKey.Pub), signed, *d.SignedPreKey.Signature) {
		t.Errorf("signed pre key %d is not the identity's", d.SignedPreKey.KeyID)
	}
	list, err := d.PreKeys.GetOrGenPreKeys(ctx, 5)
	must(t, err)
	for _, k := range list {
		is(fmt.Sprint("pre key ", k.KeyID), k.Priv[:], nil)
	}
	k, err := d.PreKeys.GetPreKey(ctx, 6)
	is("pre key alone", k.Priv[:], err)
	if k.Pub == nil || *k.Pub == [32]byte{} {
		t.Error("a pre key without its public half")
	}
	if k, err := d.PreKeys.GetPreKey(ctx, 77); k != nil || err != nil {
		t.Errorf("a pre key that there is not: %v, %v", k, err)
	}
	session, err := d.Sessions.GetSession(ctx, bob.User+":1")
	is("session", session, err)
	many, err := d.Sessions.GetManySessions(ctx, []string{bob.User + ":2", "nobody:1"})
	is("session 2", many[bob.User+":2"], err)
	if nobody, ok := many["nobody:1"]; !ok || nobody != nil {
		t.Errorf("no session: %v, %v", nobody, ok)
	}
	key, err := d.SenderKeys.GetSenderKey(ctx, "g@g.us", bob.User+":1")
	is("sender key", key, err)
	state, err := d.AppStateKeys.GetAppStateSyncKey(ctx, []byte{1})
	must(t, err)
	is("app state key", state.Data, nil)
	states, err := d.AppStateKeys.GetAllAppStateSyncKeys(ctx)
	must(t, err)
	is("app state key", states[0].Data, nil)
	secret, _, err := d.MsgSecrets.GetMessageSecret(ctx, bob, bob, "M1")
	is("message secret", secret, err)
	secret, _, err = d.MsgSecrets.GetMessageSecret(ctx, bob, bob, "M2")
	is("message secret 2", secret, err)
	token, err := d.PrivacyTokens.GetPrivacyToken(ctx, bob)
	must(t, err)
	is("token", token.Token, nil)
	salt, err := d.NCTSalt.GetNCTSalt(ctx)
	is("salt", salt, err)
	event, err := d.EventBuffer.GetBufferedEvent(ctx, [32]byte{1})
	must(t, err)
	is("buffered", event.Plaintext, nil)
	event, err = d.EventBuffer.GetBufferedEvent(ctx, [32]byte{2})
	if err != nil || event.Plaintext != nil {
		t.Errorf("a handled event: %v, %v", event, err)
	}
	if event, err := d.EventBuffer.GetBufferedEvent(ctx, [32]byte{3}); event != nil || err != nil {
		t.Errorf("an unknown event: %v, %v", event, err)
	}
	format, outgoing, err := d.EventBuffer.GetOutgoingEvent(ctx, bob, bobs, "M3")
	is("outgoing", outgoing, err)
	if format != "format" {
		t.Errorf("format %q", format)
	}
}

func TestNothingSecretStandsOpen(t *testing.T) {
	d := newDesk(t)
	secrets := used(t, pair(t, d.container(nil).NewDevice(), other))
	if found := d.shows(secrets); len(found) != len(secrets) {
		t.Fatalf("without seals only %d of %d are found: the test sees too little: %q", len(found), len(secrets), found)
	}
	ring := seal.NewRing().Instance("one")
	device := pair(t, d.container(ring).NewDevice(), mine)
	secrets = used(t, device)
	if found := d.shows(secrets); len(found) > 0 {
		t.Errorf("stand open: %q", found)
	}
	knows(t, device, secrets)
	// Another process.
	again, err := d.container(ring).GetDevice(t.Context(), mine)
	must(t, err)
	knows(t, again, secrets)
	// A change of what may change leaves the keys.
	again.PushName = "me too"
	must(t, again.Save(t.Context()))
	again, err = d.container(ring).GetDevice(t.Context(), mine)
	must(t, err)
	if again.PushName != "me too" || again.LID != lid {
		t.Errorf("saved again: %q, %v", again.PushName, again.LID)
	}
	again.PushName = "me"
	knows(t, again, secrets)
	if nobody, err := d.container(ring).GetDevice(t.Context(), bob); nobody != nil || err != nil {
		t.Errorf("a device that there is not: %v, %v", nobody, err)
	}
	// whatsmeow moves what it has of a person's number to their LID.
	must(t, again.Sessions.MigratePNToLID(t.Context(), bob, bobs))
	session, err := again.Sessions.GetSession(t.Context(), bobs.SignalAddressUser()+":1")
	if err != nil || !bytes.Equal(session, secrets["session"]) {
		t.Errorf("a session that moved: %v", err)
	}
	key, err := again.SenderKeys.GetSenderKey(t.Context(), "g@g.us", bobs.SignalAddressUser()+":1")
	if err != nil || !bytes.Equal(key, secrets["sender key"]) {
		t.Errorf("a sender key that moved: %v", err)
	}
	must(t, again.Delete(t.Context()))
	if n := strings.Count(d.rows()["whatsmeow_device"], "\n"); n != 0 || strings.Contains(d.rows()["whatsmeow_sessions"], mine.String()) {
		t.Error("a deleted device left something")
	}
}

// Seals cost microseconds, and no statement.
func TestSealsTakeNoStatement(t *testing.T) {
	d := newDesk(t)
	count := func(c *Container, jid types.JID) int64 {
		before := d.said.Load()
		device := pair(t, c.NewDevice(), jid)
		secrets := used(t, device)
		knows(t, device, secrets)
		again, err := c.GetDevice(t.Context(), jid)
		must(t, err)
		knows(t, again, secrets)
		return d.said.Load() - before
	}
	without := count(d.container(nil), other)
	// Without a key it is asked whether there is one.
	if with := count(d.container(seal.NewRing().Instance("one")), mine); with != without-1 || with < 40 {
		t.Errorf("%d statements with seals, %d without", with, without)
	}
}

// A device from before is sealed when it is loaded; one that is sealed with an
// older key is sealed anew. Neither loses anything.
func TestOpenAndOlderDevicesAreSealed(t *testing.T) {
	d := newDesk(t)
	secrets := used(t, pair(t, d.container(nil).NewDevice(), mine))
	for i := range 2 * page { // more than is held at once
		d.exec("insert into whatsmeow_message_secrets values ($1, 'c', 's', $2, $3)", mine.String(), fmt.Sprint("X", i), fmt.Appendf(nil, "secret of X%d", i))
	}
	first := seal.NewRing()
	second, err := first.Rotated()
	must(t, err)
	third := second.Only(func(string) bool { return false })
	for step, ring := range []*seal.Ring{first, second, third, third} {
		device, err := d.container(ring.Instance("one")).GetDevice(t.Context(), mine)
		must(t, err)
		knows(t, device, secrets)
		if found := d.shows(secrets); len(found) > 0 {
			t.Errorf("step %d: stand open: %q", step, found)
		}
		for _, id := range []string{"X0", fmt.Sprint("X", page), fmt.Sprint("X", 2*page-1)} {
			var kept []byte
			must(t, d.pool.QueryRow(t.Context(), "select key from whatsmeow_message_secrets where message_id = $1", id).Scan(&kept))
			if by, _ := seal.KeyOf(kept); by != ring.ID() {
				t.Errorf("step %d: %s is sealed with %q", step, id, by)
			}
			if got, err := ring.Instance("one").Device(mine.String()).Open("whatsmeow_message_secrets", kept, id); err != nil || string(got) != "secret of "+id {
				t.Errorf("step %d: %s opens as %q, %v", step, id, got, err)
			}
		}
		// A key that came in between is sealed with the present key, too.
		list, err := device.PreKeys.GetOrGenPreKeys(t.Context(), 6)
		must(t, err)
		for _, k := range list {
			secrets[fmt.Sprint("pre key ", k.KeyID)] = k.Priv[:]
		}
	}
}

// Whoever stops the sealing in its midst has stopped all of it.
func TestSealingIsAllOrNothing(t *testing.T) {
	d := newDesk(t)
	secrets := used(t, pair(t, d.container(nil).NewDevice(), mine))
	before := d.rows()
	ring := seal.NewRing().Instance("one")
	d.exec("create function no_more() returns trigger language plpgsql as $$ begin raise exception 'no more' using errcode = '57014'; end $$")
	d.exec("create trigger no_more before update on whatsmeow_retry_buffer execute function no_more()") // the last table
	if _, err := d.container(ring).GetDevice(t.Context(), mine); err == nil {
		t.Fatal("the sealing was not stopped")
	}
	if after := d.rows(); fmt.Sprint(after) != fmt.Sprint(before) {
		t.Error("a sealing that was stopped has changed something")
	}
	d.exec("drop trigger no_more on whatsmeow_retry_buffer")
	device, err := d.container(ring).GetDevice(t.Context(), mine)
	must(t, err)
	knows(t, device, secrets)
}

func TestWhatDoesNotBelongDoesNotOpen(t *testing.T) {
	d := newDesk(t)
	ring := seal.NewRing()
	a, b := d.container(ring.Instance("a")), d.container(ring.Instance("b"))
	secrets := used(t, pair(t, a.NewDevice(), mine))
	theirs := pair(t, b.NewDevice(), other)
	used(t, theirs)
	before := d.rows()
	for name, c := range map[string]*Container{
		"no key": d.container(nil), "another installation's key": d.container(seal.NewRing().Instance("a")), "another instance's key": b,
	} {
		if device, err := c.GetDevice(t.Context(), mine); device != nil || !errors.Is(err, ErrKey) {
			t.Errorf("%s: %v, %v", name, device, err)
		}
	}
	// What was there before: it would take zeros for keys.
	if device, err := d.lib.GetDevice(t.Context(), mine); err == nil {
		t.Errorf("a build without seals goes on with %v", device.ID)
	}
	if fmt.Sprint(d.rows()) != fmt.Sprint(before) {
		t.Error("trying has changed something")
	}

	// Rows swapped by whoever writes to the database.
	for name, tc := range map[string]struct {
		swap string
		read func() error
	}{
		"session": {"update whatsmeow_sessions x set session = y.session from whatsmeow_sessions y where x.our_jid = $1 and y.our_jid = $2 and y.their_id = x.their_id",
			func() error {
				_, err := theirs.Sessions.GetSession(t.Context(), bob.User+":1")
				return err
			}},
		"sender key of another group": {"update whatsmeow_sender_keys x set chat_id = 'other@g.us' where x.our_jid = $1 and $2 <> ''",
			func() error {
				_, err := theirs.SenderKeys.GetSenderKey(t.Context(), "other@g.us", bob.User+":1")
				return err
			}},
		"secret of another message": {"update whatsmeow_message_secrets x set key = y.key from whatsmeow_message_secrets y where x.our_jid = $1 and y.our_jid = $1 and x.message_id = 'M1' and y.message_id = 'M2' and $2 <> ''",
			func() error {
				_, _, err := theirs.MsgSecrets.GetMessageSecret(t.Context(), bob, bob, "M1")
				return err
			}},
		"planted session": {"update whatsmeow_sessions set session = '\\x0102' where our_jid = $1 and $2 <> ''",
			func() error {
				_, err := theirs.Sessions.GetManySessions(t.Context(), []string{bob.User + ":2"})
				return err
			}},
		"keys of another device": {"update whatsmeow_device x set adv_key = y.adv_key from whatsmeow_device y where x.jid = $1 and y.jid = $2",
			func() error {
				_, err := b.GetDevice(t.Context(), other)
				return err
			}},
	} {
		d.exec(tc.swap, other.String(), mine.String())
		if err := tc.read(); err == nil {
			t.Errorf("%s: it opens", name)
		}
	}
	device, err := a.GetDevice(t.Context(), mine)
	must(t, err)
	knows(t, device, secrets)
}
