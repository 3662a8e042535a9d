package sealedstore

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
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

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// testDB is a database with whatsmeow's tables.
type testDB struct {
	t    *testing.T
	pool *pgxpool.Pool
	lib  *sqlstore.Container
	said atomic.Int64 // statements
}

func (d *testDB) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	d.said.Add(1)
	return ctx
}

func (d *testDB) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

func newTestDB(t *testing.T) *testDB {
	t.Helper()
	url := storetest.NewURL(t)
	must(t, keystore.Create(t.Context(), url))
	cfg, err := pgxpool.ParseConfig(url)
	must(t, err)
	keystore.SearchPath(cfg)
	cfg.MaxConns = 4
	d := &testDB{t: t}
	cfg.ConnConfig.Tracer = d
	pool, err := pgxpool.NewWithConfig(t.Context(), cfg)
	must(t, err)
	t.Cleanup(pool.Close)
	db := stdlib.OpenDBFromPool(pool)
	t.Cleanup(func() { db.Close() })
	d.pool, d.lib = pool, sqlstore.NewWithDB(db, "postgres", nil)
	return d
}

func (d *testDB) container(ring *seal.Ring) *Container { return New(d.lib, d.pool, ring, nil) }

func (d *testDB) exec(sql string, args ...any) {
	d.t.Helper()
	_, err := d.pool.Exec(context.Background(), sql, args...)
	must(d.t, err)
}

// rows is everything in whatsmeow's tables, by table.
func (d *testDB) rows() map[string]string {
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

func (d *testDB) shows(secrets map[string][]byte) (found []string) {
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
