package carry

import (
	"bytes"
	"errors"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"whatsapp-manager/proto/fault"
	"whatsapp-manager/proto/seal"
	"whatsapp-manager/supervisor"
	"whatsapp-manager/supervisor/moving"
	"whatsapp-manager/supervisor/store"
	"whatsapp-manager/supervisor/store/storetest"
	"whatsapp-manager/worker/keystore"
)

func TestMain(m *testing.M) { storetest.Main(m, keystore.Create) }

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

type held struct{ ring *seal.Ring }

func (h held) Ring() *seal.Ring { return h.ring }

func opening(t *testing.T, sealing bool) *store.Store {
	t.Helper()
	st, err := store.Open(t.Context(), storetest.NewURL(t))
	must(t, err)
	t.Cleanup(st.Close)
	if sealing {
		_, err := st.UseKeys(t.Context(), held{seal.NewRing()})
		must(t, err)
	}
	must(t, st.CreateUser(t.Context(), store.User{ID: "user", Email: "a@example.org", Role: "user", CreatedAt: time.Now()}))
	return st
}

const mine = "4915112345678:3@s.whatsapp.net"

func b(of byte, n int) []byte { return bytes.Repeat([]byte{of}, n) }

func account() *moving.Account {
	sent := int64(1700000001)
	return &moving.Account{
		Device: moving.Device{
			JID: mine, LID: "123456789:3@lid", RegistrationID: 4711, Noise: [32]byte{1}, Identity: [32]byte{2}, SignedPreKey: [32]byte{3}, SignedID: 1,
			Signature: b(4, 64), AdvSecret: b(5, 32), Details: []byte{6}, AccountSignature: b(7, 64), AccountKey: b(8, 32), DeviceSignature: b(9, 64), PushName: "Me",
		},
		// The bits are those of a Curve25519 key.
		PreKeys:     []moving.PreKey{{ID: 1, Private: [32]byte{0: 8, 31: 64}, Uploaded: true}},
		Identities:  []moving.Identity{{Address: "491:0", Key: b(12, 32)}},
		Sessions:    []moving.Session{{Address: "123_1:0", Record: []byte("the session")}},
		SenderKeys:  []moving.SenderKey{{Group: "1@g.us", Sender: "123_1:0", Record: []byte("the sender key")}},
		SyncKeys:    []moving.SyncKey{{ID: []byte{0, 1}, Data: []byte("the key of the app state"), Timestamp: 14, Fingerprint: []byte{15}}},
		Collections: []moving.Collection{{Name: "regular", Version: 7, Hash: b(16, 128), Macs: []moving.Mac{{Version: 7, Index: b(17, 32), Value: b(18, 32)}}}},
		Contacts:    []moving.Contact{{JID: "491@s.whatsapp.net", FullName: "Ada Lovelace", FirstName: "Ada"}, {JID: "777@lid", PushName: "hidden"}},
		Chats:       []moving.Chat{{JID: "491@s.whatsapp.net", MutedUntil: -1, Pinned: true, Archived: true}},
		Secrets:     []moving.Secret{{Chat: "1@g.us", Sender: "491@s.whatsapp.net", ID: "M1", Key: []byte("the message secret")}},
		Tokens:      []moving.Token{{JID: "491@s.whatsapp.net", Token: []byte("the token"), Timestamp: 1700000000, Sent: &sent}},
		Salt:        []byte("the salt"),
		Pairs:       []moving.Pair{{LID: "123", PN: "491"}},
		Received:    []moving.Received{{Hash: b(20, 32), Plaintext: []byte("the text received"), Server: 1, Inserted: 2}, {Hash: b(21, 32), Server: 3, Inserted: 4}},
		Sent:        []moving.Sent{{Chat: "1@g.us", ID: "M2", Format: "waE2E", Plaintext: []byte("the text sent"), Timestamp: 5}},
	}
}

func take(t *testing.T, st *store.Store, id supervisor.ID, a *moving.Account) error {
	t.Helper()
	return In(t.Context(), st, store.Instance{ID: id, OwnerID: "user", Name: "n", CreatedAt: time.Now()},
		store.APIKey{ID: "key-" + string(id), Hash: []byte("hash-" + id), CreatedAt: time.Now()}, a, nil, "a form")
}

func TestThereAndBack(t *testing.T) {
	for name, sealing := range map[string]bool{"sealed": true, "open": false} {
		t.Run(name, func(t *testing.T) {
			st := opening(t, sealing)
			must(t, take(t, st, "aaaaaaaaaaaa", account()))
			got, dropped, err := Out(t.Context(), st, "aaaaaaaaaaaa")
			must(t, err)
			if want := account(); dropped != 0 || !reflect.DeepEqual(got, want) {
				t.Errorf("%d dropped; got  %+v\nwant %+v", dropped, got, want)
			}
			in, err := st.Instance(t.Context(), "aaaaaaaaaaaa")
			must(t, err)
			if in.DeviceJID != mine || in.Desired != supervisor.Stop {
				t.Errorf("the instance is %+v", in)
			}
			var name, lid string
			var archived, pinned bool
			must(t, st.Pool().QueryRow(t.Context(), "select name, lid from contacts where id = '491@c.us'").Scan(&name, &lid))
			must(t, st.Pool().QueryRow(t.Context(), "select archived, pinned from chats where id = '491@c.us'").Scan(&archived, &pinned))
			if name != "Ada Lovelace" || lid != "123@lid" || !archived || !pinned {
				t.Errorf("the contact is %q %q, the chat archived %v, pinned %v", name, lid, archived, pinned)
			}
			leaks := inTables(t, st, "the session", "the sender key", "the key of the app state", "the message secret", "the token", "the salt", "the text received", "the text sent")
			if sealing == (len(leaks) > 0) {
				t.Errorf("in the tables stand open: %q", leaks)
			}
		})
	}
}

// inTables returns the texts that stand open in whatsmeow's tables.
func inTables(t *testing.T, st *store.Store, texts ...string) (found []string) {
	t.Helper()
	var all strings.Builder
	for _, table := range []string{"sessions", "sender_keys", "app_state_sync_keys", "message_secrets", "privacy_tokens", "nct_salt", "event_buffer", "retry_buffer"} {
		var rows string
		must(t, st.Pool().QueryRow(t.Context(), "select coalesce(string_agg(to_jsonb(t)::text, ' '), '') from whatsmeow.whatsmeow_"+table+" t").Scan(&rows))
		all.WriteString(rows)
	}
	for _, text := range texts {
		var hex string
		must(t, st.Pool().QueryRow(t.Context(), "select encode(convert_to($1, 'UTF8'), 'hex')", text).Scan(&hex))
		if strings.Contains(all.String(), hex) {
			found = append(found, text)
		}
	}
	return found
}

func TestAllOrNothing(t *testing.T) {
	st := opening(t, true)
	for name, change := range map[string]func(*moving.Account){
		"no device number":   func(a *moving.Account) { a.Device.JID = "4915112345678@s.whatsapp.net" },
		"a zero key":         func(a *moving.Account) { a.Device.Identity = [32]byte{} },
		"a session twice":    func(a *moving.Account) { a.Sessions = append(a.Sessions, a.Sessions[0]) },
		"a short hash":       func(a *moving.Account) { a.Collections[0].Hash = []byte{1} },
		"a zero byte":        func(a *moving.Account) { a.Contacts[0].FullName = "a\x00b" },
		"no valid text":      func(a *moving.Account) { a.Device.PushName = "\xff" },
		"a pair of letters":  func(a *moving.Account) { a.Pairs[0].PN = "49x" },
		"a number too large": func(a *moving.Account) { a.PreKeys[0].ID = 1 << 25 },
		"an address of SQL":  func(a *moving.Account) { a.Identities[0].Address = "1:0'; drop table x" },
		"an id of nothing":   func(a *moving.Account) { a.Device.FacebookUUID = "no uuid" },
	} {
		t.Run(name, func(t *testing.T) {
			a := account()
			change(a)
			err := take(t, st, "aaaaaaaaaaaa", a)
			if !fault.Is(err, fault.Invalid) {
				t.Errorf("%v is no refusal", err)
			}
			if f, ok := errors.AsType[*fault.Error](err); ok && f.Code != "unreadable_account" {
				t.Errorf("the code is %q", f.Code)
			}
			var n int
			must(t, st.Pool().QueryRow(t.Context(), "select (select count(*) from instances) + (select count(*) from whatsmeow.whatsmeow_device) + (select count(*) from devices)").Scan(&n))
			if n != 0 {
				t.Errorf("%d rows are there", n)
			}
		})
	}
}

func TestADeviceIsHereOnce(t *testing.T) {
	st := opening(t, true)
	must(t, take(t, st, "aaaaaaaaaaaa", account()))
	err := take(t, st, "bbbbbbbbbbbb", account())
	if f, ok := errors.AsType[*fault.Error](err); !ok || f.Kind != fault.Conflict || f.Code != "already_here" {
		t.Errorf("the second time: %v", err)
	}
	if _, err := st.Instance(t.Context(), "bbbbbbbbbbbb"); !fault.Is(err, fault.NotFound) {
		t.Errorf("the second instance: %v", err)
	}
	must(t, st.DeleteInstance(t.Context(), "aaaaaaaaaaaa"))
	must(t, take(t, st, "bbbbbbbbbbbb", account()))
}

// A file proves nothing: it takes no device from anybody, and whoever pairs has it.
func TestAFileTakesNoDeviceAndKeepsNone(t *testing.T) {
	st := opening(t, true)
	must(t, take(t, st, "aaaaaaaaaaaa", account()))
	for _, proven := range []bool{false, true} {
		_, err := st.Pool().Exec(t.Context(), "update devices set proven = $1", proven)
		must(t, err)
		err = take(t, st, "bbbbbbbbbbbb", account())
		if f, ok := errors.AsType[*fault.Error](err); !ok || f.Code != "already_here" {
			t.Errorf("an import where the device is proven %v: %v", proven, err)
		}
	}
	_, err := st.Pool().Exec(t.Context(), "update devices set proven = false")
	must(t, err)
	must(t, st.CreateInstance(t.Context(), store.Instance{ID: "cccccccccccc", OwnerID: "user", Name: "n", CreatedAt: time.Now()},
		store.APIKey{ID: "key-c", Hash: []byte("hash-c"), CreatedAt: time.Now()}))
	_, err = st.Pool().Exec(t.Context(), "select claim_device('cccccccccccc', 1, $1)", mine)
	must(t, err)
	_, err = st.Pool().Exec(t.Context(), `insert into whatsmeow.whatsmeow_device (jid, registration_id, noise_key, identity_key, signed_pre_key, signed_pre_key_id,
		signed_pre_key_sig, adv_key, adv_details, adv_account_sig, adv_account_sig_key, adv_device_sig)
		values ($1, 1, $2, $2, $2, 1, $3, $2, $2, $3, $2, $3)`, mine, b(1, 32), b(1, 64))
	must(t, err)
	if _, _, err := Out(t.Context(), st, "aaaaaaaaaaaa"); !fault.Is(err, fault.Unpaired) {
		t.Errorf("the loser's account goes out: %v", err)
	}
	if in, err := st.Instance(t.Context(), "aaaaaaaaaaaa"); err != nil || in.DeviceJID != "" {
		t.Errorf("the loser is %+v, %v", in, err)
	}
	must(t, st.DeleteInstance(t.Context(), "aaaaaaaaaaaa"))
	var n int
	must(t, st.Pool().QueryRow(t.Context(), `select (select count(*) from whatsmeow.whatsmeow_device where registration_id = 1)
		+ (select count(*) from devices where instance_id = 'cccccccccccc' and jid = $1 and proven)`, mine).Scan(&n))
	if n != 2 {
		t.Error("the winner's device went with the loser")
	}
}

// A part that is wrong, is too much, or does not come leaves nothing of those before.
func TestPartsAreAllOrNothing(t *testing.T) {
	st := opening(t, true)
	cut := errors.New("the file ended")
	many := make([]moving.Secret, moving.MaxSecrets) // and one that came before
	for i := range many {
		many[i] = moving.Secret{Chat: "c", Sender: "s", ID: strconv.Itoa(i), Key: []byte{1}}
	}
	for name, tc := range map[string]struct {
		part *moving.Account
		err  error
		want func(error) bool
	}{
		"wrong":         {&moving.Account{Sessions: []moving.Session{{Address: "x", Record: []byte{1}}}}, nil, func(err error) bool { return fault.Is(err, fault.Invalid) }},
		"there already": {&moving.Account{Sessions: account().Sessions}, nil, func(err error) bool { return fault.Is(err, fault.Invalid) }},
		"too much":      {&moving.Account{Secrets: many}, nil, func(err error) bool { return fault.Is(err, fault.TooLarge) }},
		"broken off":    {nil, cut, func(err error) bool { return errors.Is(err, cut) }},
	} {
		t.Run(name, func(t *testing.T) {
			rest := func(yield func(*moving.Account, error) bool) { yield(tc.part, tc.err) }
			err := In(t.Context(), st, store.Instance{ID: "aaaaaaaaaaaa", OwnerID: "user", Name: "n", CreatedAt: time.Now()},
				store.APIKey{ID: "key", Hash: []byte("hash"), CreatedAt: time.Now()}, account(), rest, "a form")
			if !tc.want(err) {
				t.Errorf("the import ended with %v", err)
			}
			var n int
			must(t, st.Pool().QueryRow(t.Context(), "select (select count(*) from instances) + (select count(*) from whatsmeow.whatsmeow_device) + (select count(*) from devices)").Scan(&n))
			if n != 0 {
				t.Errorf("%d rows are there", n)
			}
		})
	}
}

// Pairs that other accounts wrote to say where messages go, so they are hints only.
func TestSharedPairsAreHints(t *testing.T) {
	st := opening(t, true)
	a := account()
	a.SharedPairs = true
	must(t, take(t, st, "aaaaaaaaaaaa", a))
	var hint bool
	must(t, st.Pool().QueryRow(t.Context(), "select hint from lid_pairs where lid = '123'").Scan(&hint))
	if !hint {
		t.Error("they are taken for facts")
	}
	got, _, err := Out(t.Context(), st, "aaaaaaaaaaaa")
	must(t, err)
	if len(got.Pairs) != 0 {
		t.Errorf("hints leave as facts: %v", got.Pairs)
	}
}
