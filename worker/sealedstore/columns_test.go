package sealedstore

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"go.mau.fi/whatsmeow/store"
	"go.mau.fi/whatsmeow/store/sqlstore"
	"go.mau.fi/whatsmeow/types"

	"whatsapp-manager/proto/seal"
)

// open are the columns with bytes that stay open, and why. A new version of
// whatsmeow that brings another one needs a decision here or in seal.Columns.
var open = map[string]string{
	"whatsmeow_device.noise_key": "zero", "whatsmeow_device.identity_key": "zero", "whatsmeow_device.signed_pre_key": "zero", "whatsmeow_device.adv_key": "sealed, with the three",
	"whatsmeow_device.signed_pre_key_sig": "told to everybody", "whatsmeow_device.adv_details": "told to everybody", "whatsmeow_device.adv_account_sig": "told to everybody",
	"whatsmeow_device.adv_account_sig_key": "public key", "whatsmeow_device.adv_device_sig": "told to everybody",
	"whatsmeow_identity_keys.identity": "public keys", "whatsmeow_pre_keys.key": "sealed in its 32 bytes",
	"whatsmeow_app_state_sync_keys.key_id": "name", "whatsmeow_app_state_sync_keys.fingerprint": "of devices",
	"whatsmeow_app_state_version.hash": "hash", "whatsmeow_app_state_mutation_macs.index_mac": "MAC", "whatsmeow_app_state_mutation_macs.value_mac": "MAC",
	"whatsmeow_event_buffer.ciphertext_hash": "hash",
}

func TestEveryColumnIsDecidedOn(t *testing.T) {
	d := newTestDB(t)
	rows, err := d.pool.Query(t.Context(), "select table_name || '.' || column_name from information_schema.columns where table_schema = 'whatsmeow' and data_type = 'bytea'")
	must(t, err)
	there, err := pgx.CollectRows(rows, pgx.RowTo[string])
	must(t, err)
	for _, name := range there {
		sealed := slices.ContainsFunc(seal.Columns, func(c seal.Column) bool { return c.Table+"."+c.Name == name })
		if _, stays := open[name]; stays == sealed {
			t.Errorf("%s: sealed %v, open %v", name, sealed, stays)
		}
	}
	if len(there) != len(seal.Columns)+len(open) {
		t.Errorf("%d columns with bytes, %d decided on", len(there), len(seal.Columns)+len(open))
	}
	rows, err = d.pool.Query(t.Context(), "select column_name::text from information_schema.columns where table_schema = 'whatsmeow' and table_name = 'whatsmeow_device' order by 1")
	must(t, err)
	there, err = pgx.CollectRows(rows, pgx.RowTo[string])
	must(t, err)
	known := strings.FieldsFunc(columns, func(r rune) bool { return r == ',' || r == ' ' || r == '\n' || r == '\t' })
	slices.Sort(known)
	if !slices.Equal(there, known) {
		t.Errorf("whatsmeow's device has %q, and read knows %q", there, known)
	}
}

// spy is a store of somebody else's below the seals.
type spy struct {
	store.MsgSecretStore
	seen *[][]byte
}

func (s spy) GetMessageSecret(ctx context.Context, chat, sender types.JID, id types.MessageID) ([]byte, types.JID, error) {
	kept, real, err := s.MsgSecretStore.GetMessageSecret(ctx, chat, sender, id)
	*s.seen = append(*s.seen, kept)
	return kept, real, err
}

// Who reads the tables in other ways stands below the seals, whichever way a
// device came.
func TestStoresOfOthersStandBelowTheSeals(t *testing.T) {
	d := newTestDB(t)
	for jid, ring := range map[types.JID]*seal.Ring{mine: seal.NewRing().Instance("one"), other: nil} {
		var seen [][]byte
		pairs := &sqlstore.CachedLIDMap{}
		c := New(d.lib, d.pool, ring, func(device *store.Device) {
			device.LIDs, device.MsgSecrets = pairs, spy{device.MsgSecrets, &seen}
		})
		device := pair(t, c.NewDevice(), jid)
		must(t, device.MsgSecrets.PutMessageSecret(t.Context(), bob, bob, "M1", []byte("the secret")))
		again, err := c.GetDevice(t.Context(), jid)
		must(t, err)
		for _, device := range []*store.Device{device, again} {
			if secret, _, err := device.MsgSecrets.GetMessageSecret(t.Context(), bob, bob, "M1"); err != nil || string(secret) != "the secret" {
				t.Errorf("the secret is %q, %v", secret, err)
			}
			if device.LIDs != store.LIDStore(pairs) || device.Container != store.DeviceContainer(c) {
				t.Error("the device has other stores")
			}
		}
		if len(seen) != 2 {
			t.Fatalf("the other's store was asked %d times", len(seen))
		}
		for _, kept := range seen {
			if _, sealed := seal.KeyOf(kept); sealed != (ring != nil) {
				t.Errorf("it saw %q", kept)
			}
		}
	}
}
