package sealedstore

import (
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

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
	d := newDesk(t)
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
