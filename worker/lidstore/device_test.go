package lidstore

import (
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"go.mau.fi/whatsmeow/proto/waAdv"
	"go.mau.fi/whatsmeow/store"
	"go.mau.fi/whatsmeow/store/sqlstore"
	"go.mau.fi/whatsmeow/types"

	"whatsapp-manager/worker/keystore"
	"whatsapp-manager/worker/sealedstore"
)

// withoutSharedTable has whatsmeow's tables but the one that all accounts share.
func withoutSharedTable(t *testing.T) (*pgxpool.Pool, *sealedstore.Container, *Store) {
	t.Helper()
	cfg := database(t).Config()
	if err := keystore.Create(t.Context(), cfg.ConnString()); err != nil {
		t.Fatal(err)
	}
	keystore.SearchPath(cfg)
	pool, err := pgxpool.NewWithConfig(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	lib := stdlib.OpenDBFromPool(pool)
	t.Cleanup(func() { _ = lib.Close() })
	container := sqlstore.NewWithDB(lib, "postgres", nil)
	run(t, pool, "drop table whatsmeow.whatsmeow_lid_map")
	pairs := New(pool, one, once)
	return pool, sealedstore.New(container, pool, nil, pairs.Adopt), pairs
}

// paired saves a new device, as whatsmeow does when it is paired.
func paired(t *testing.T, d *sealedstore.Container) *store.Device {
	t.Helper()
	device := d.NewDevice()
	jid := types.JID{User: "4915100000000", Device: 3, Server: types.DefaultUserServer}
	device.ID, device.LID = &jid, lidOf("900")
	device.Account = &waAdv.ADVSignedDeviceIdentity{Details: make([]byte, 1), AccountSignature: make([]byte, 64), AccountSignatureKey: make([]byte, 32), DeviceSignature: make([]byte, 64)}
	if err := device.Save(t.Context()); err != nil {
		t.Fatal(err)
	}
	return device
}

// TestDevicesNeverAskTheSharedTable: it is not even there, and a device that
// was paired, saved again or loaded works, with pairs of its own.
func TestDevicesNeverAskTheSharedTable(t *testing.T) {
	_, d, pairs := withoutSharedTable(t)
	device := paired(t, d)
	if err := device.Save(t.Context()); err != nil {
		t.Fatal(err)
	}
	loaded, err := d.GetDevice(t.Context(), *device.ID)
	if err != nil {
		t.Fatal(err)
	}
	if none, err := d.GetDevice(t.Context(), pnOf("1")); none != nil || err != nil {
		t.Errorf("a device that is not there: %v, %v", none, err)
	}
	person, hidden := pnOf("4915111111111"), lidOf("100")
	for name, device := range map[string]*store.Device{"paired": device, "loaded": loaded} {
		t.Run(name, func(t *testing.T) {
			if device.Container != d || device.LIDs != pairs {
				t.Fatalf("container %T, pairs %T", device.Container, device.LIDs)
			}
			if err := device.LIDs.PutLIDMapping(t.Context(), hidden, person); err != nil {
				t.Fatal(err)
			}
			if alt, err := device.GetAltJID(t.Context(), person); err != nil || alt != hidden {
				t.Errorf("other address: %s, %v", alt, err)
			}
		})
	}
	if err := device.Delete(t.Context()); err != nil {
		t.Fatal(err)
	}
	if gone, err := d.GetDevice(t.Context(), pnOf("4915100000000")); gone != nil || err != nil {
		t.Errorf("a device that was deleted: %v, %v", gone, err)
	}
}

// TestSecretsAndTokensAreFoundUnderBothAddresses as whatsmeow's own statements
// find them, in the pairs of the instance.
func TestSecretsAndTokensAreFoundUnderBothAddresses(t *testing.T) {
	pool, d, pairs := withoutSharedTable(t)
	device := paired(t, d)
	person, hidden, stranger := pnOf("4915111111111"), lidOf("100"), pnOf("4915122222222")
	if err := device.MsgSecrets.PutMessageSecret(t.Context(), person, person, "M1", make([]byte, 32)); err != nil {
		t.Fatal(err)
	}
	group := types.NewJID("1203", types.GroupServer)
	if err := device.MsgSecrets.PutMessageSecret(t.Context(), group, hidden, "M2", append(make([]byte, 31), 2)); err != nil {
		t.Fatal(err)
	}
	at := time.Unix(1700000000, 0)
	if err := device.PrivacyTokens.PutPrivacyTokens(t.Context(),
		store.PrivacyToken{User: hidden, Token: []byte("new"), Timestamp: at.Add(time.Hour), SenderTimestamp: at},
		store.PrivacyToken{User: person, Token: []byte("old"), Timestamp: at}); err != nil {
		t.Fatal(err)
	}
	look := func(name string, known bool) {
		t.Helper()
		for _, tc := range []struct {
			what          string
			chat, sender  types.JID
			id            types.MessageID
			filed         types.JID
			with, without bool // whether it is found with the pair known, and without
		}{
			{"as filed", person, person, "M1", person, true, true},
			{"by the LID", hidden, hidden, "M1", person, true, false},
			{"with a device", types.JID{User: hidden.User, Device: 5, Server: hidden.Server}, hidden, "M1", person, true, false},
			{"in a group, by the number", group, person, "M2", hidden, true, false},
			{"of somebody else", person, stranger, "M1", types.EmptyJID, false, false},
			{"another message", person, person, "M3", types.EmptyJID, false, false},
		} {
			t.Run(tc.what, func(t *testing.T) {
				key, filed, err := device.MsgSecrets.GetMessageSecret(t.Context(), tc.chat, tc.sender, tc.id)
				want := tc.with && known || tc.without
				if err != nil || (key != nil) != want || want && filed != tc.filed {
					t.Errorf("%s, secret %s: %d bytes filed under %q, %v; want it found: %v", name, tc.what, len(key), filed, err, want)
				}
			})
		}
		for jid, want := range map[types.JID]string{
			hidden: "new", person: map[bool]string{true: "new", false: "old"}[known], stranger: "",
		} {
			got, err := device.PrivacyTokens.GetPrivacyToken(t.Context(), jid)
			if err != nil || (got != nil) != (want != "") || got != nil && (string(got.Token) != want || got.User != jid) {
				t.Errorf("%s, token of %s: %+v, %v; want %q", name, jid, got, err, want)
			}
			if got != nil && want == "new" && (!got.SenderTimestamp.Equal(at) || !got.Timestamp.Equal(at.Add(time.Hour))) {
				t.Errorf("%s, token of %s: %+v", name, jid, got)
			}
		}
	}
	look("unknown", false)
	// What another instance knows is nothing to this one.
	if err := New(pool, two, once).PutLIDMapping(t.Context(), hidden, person); err != nil {
		t.Fatal(err)
	}
	look("known to another", false)
	if err := device.LIDs.PutLIDMapping(t.Context(), hidden, person); err != nil {
		t.Fatal(err)
	}
	look("known", true)
	if err := pairs.Distrust(t.Context()); err != nil { // what is filed stays where it is
		t.Fatal(err)
	}
	look("a hint", true)
}

// A token that was read is not the answer once there is a newer one.
func TestANewTokenReplacesTheOneThatWasRead(t *testing.T) {
	_, d, _ := withoutSharedTable(t)
	device := paired(t, d)
	person, at := pnOf("4915111111111"), time.Unix(1700000000, 0)
	token := func() string {
		found, err := device.PrivacyTokens.GetPrivacyToken(t.Context(), person)
		if err != nil {
			t.Fatal(err)
		}
		if found == nil {
			return ""
		}
		return string(found.Token)
	}
	put := func(text string, at time.Time) {
		if err := device.PrivacyTokens.PutPrivacyTokens(t.Context(), store.PrivacyToken{User: person, Token: []byte(text), Timestamp: at}); err != nil {
			t.Fatal(err)
		}
	}
	if got := token(); got != "" {
		t.Errorf("%q before there is one", got)
	}
	for i, text := range []string{"one", "two"} {
		put(text, at.Add(time.Duration(i)*time.Hour))
		if got := token(); got != text {
			t.Errorf("%q, want %q", got, text)
		}
	}
	if _, err := device.PrivacyTokens.DeleteExpiredPrivacyTokens(t.Context(), at.Add(24*time.Hour)); err != nil {
		t.Fatal(err)
	}
	if got := token(); got != "" {
		t.Errorf("%q after it has expired", got)
	}
}
