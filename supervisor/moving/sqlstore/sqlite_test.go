package sqlstore

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"whatsapp-manager/proto/fault"
)

// TestEveryKindOfRowSurvives writes the tables that whatsmeow's own upgrades make.
func TestEveryKindOfRowSurvives(t *testing.T) {
	want := whole()
	must(t, want.Check())
	got, err := ReadSQLite(t.Context(), file(t, want), "")
	must(t, err)
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestOneOfSeveralDevicesIsChosen(t *testing.T) {
	const other = "4915112345678:4@s.whatsapp.net"
	path := file(t, whole(), "insert into whatsmeow_device select '"+other+"', lid, facebook_uuid, registration_id, noise_key, identity_key, signed_pre_key, signed_pre_key_id, signed_pre_key_sig, adv_key, adv_details, adv_account_sig, adv_account_sig_key, adv_device_sig, platform, business_name, 'Other', lid_migration_ts, companion_meta_nonce from whatsmeow_device")
	_, err := ReadSQLite(t.Context(), path, "")
	if f := refused(t, err, "several_devices"); f.Field != "device" || !strings.Contains(f.Msg, mine) || !strings.Contains(f.Msg, other) {
		t.Errorf("the refusal does not list them: %v", f)
	}
	_, err = ReadSQLite(t.Context(), path, "1:1@s.whatsapp.net")
	refused(t, err, "no_such_device")
	a, err := ReadSQLite(t.Context(), path, other)
	must(t, err)
	if a.Device.PushName != "Other" || len(a.Sessions) != 0 || !a.SharedPairs || len(a.Pairs) != 1 {
		t.Errorf("read %+v", a)
	}
}

func TestOlderTablesLackWhatCameLater(t *testing.T) {
	path := file(t, whole(),
		"update whatsmeow_version set version = 7, compat = 6", "drop table whatsmeow_lid_map", "drop table whatsmeow_event_buffer", "drop table whatsmeow_retry_buffer",
		"drop table whatsmeow_nct_salt", "alter table whatsmeow_device drop column companion_meta_nonce", "alter table whatsmeow_device drop column lid_migration_ts",
		"alter table whatsmeow_contacts drop column redacted_phone", "alter table whatsmeow_privacy_tokens drop column sender_timestamp")
	a, err := ReadSQLite(t.Context(), path, "")
	must(t, err)
	must(t, a.Check())
	if len(a.Sessions) != 1 || a.Pairs != nil || a.Received != nil || a.Salt != nil || a.Tokens[0].Sent != nil {
		t.Errorf("read %+v", a)
	}
}

func TestVersionsThatAreNotRead(t *testing.T) {
	for _, tc := range []struct {
		name, change string
		readable     bool
	}{
		{"too old", "update whatsmeow_version set version = 4, compat = null", false},
		{"newer and says that older programs may", "update whatsmeow_version set version = 99, compat = 8", true},
		{"newer", "update whatsmeow_version set version = 99, compat = 99", false},
		{"newer, of before compat", "update whatsmeow_version set version = 99, compat = null", false},
		{"none", "drop table whatsmeow_version", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := ReadSQLite(t.Context(), file(t, whole(), tc.change), "")
			if tc.readable {
				must(t, err)
			} else {
				refused(t, err, "unreadable_account")
			}
		})
	}
}

// A file may be made to break whoever reads it.
func TestHostileFiles(t *testing.T) {
	const secret = "c29tZSBzZWNyZXQ"
	for _, tc := range []struct {
		name   string
		change []string
	}{
		{"a view for a table", []string{"alter table whatsmeow_sessions rename to x", "create view whatsmeow_sessions as select * from x"}},
		{"an endless view", []string{
			"drop table whatsmeow_sessions",
			"create view whatsmeow_sessions as with recursive n(i) as (select 1 union all select i + 1 from n) select '" + mine + "' as our_jid, i as their_id, zeroblob(1000000) as session from n",
		}},
		{"a virtual table", []string{"drop table whatsmeow_sessions", "create virtual table whatsmeow_sessions using fts5(our_jid, their_id, session)"}},
		{"a computed column", []string{"drop table whatsmeow_sessions", "create table whatsmeow_sessions (our_jid text, their_id text, session blob as (zeroblob(50000000)))", "insert into whatsmeow_sessions values ('" + mine + "', '1:0')"}},
		{"a huge value", []string{"update whatsmeow_sessions set session = zeroblob(50000000)"}},
		{"text for a number", []string{"pragma ignore_check_constraints = 1", "update whatsmeow_device set registration_id = '" + secret + "'"}},
		{"a negative number", []string{"pragma ignore_check_constraints = 1", "update whatsmeow_device set registration_id = -1"}},
		{"text for bytes", []string{"pragma ignore_check_constraints = 1", "update whatsmeow_device set noise_key = '" + secret + "'"}},
		{"a short key", []string{"pragma ignore_check_constraints = 1", "update whatsmeow_pre_keys set key = x'01'"}},
		{"entries of no version", []string{"pragma foreign_keys = 0", "update whatsmeow_app_state_mutation_macs set name = '" + secret + "'"}},
		{"no device", []string{"delete from whatsmeow_device"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			a, err := ReadSQLite(ctx, file(t, whole(), tc.change...), "")
			if err == nil {
				t.Fatalf("taken: %+v", a)
			}
			if f := refused(t, err, "unreadable_account"); strings.Contains(f.Error(), secret) {
				t.Errorf("the refusal quotes a value: %v", f)
			}
		})
	}
}

func TestDamagedFiles(t *testing.T) {
	good, err := os.ReadFile(file(t, whole()))
	must(t, err)
	for at := 0; at < len(good); at += 997 {
		t.Run(fmt.Sprint(at), func(t *testing.T) {
			bad := append([]byte{}, good...)
			for i := at; i < min(at+64, len(bad)); i++ {
				bad[i] ^= 0xa5
			}
			path := filepath.Join(t.TempDir(), "store.db")
			must(t, os.WriteFile(path, bad, 0o600))
			a, err := ReadSQLite(t.Context(), path, "")
			if err == nil {
				err = a.Check()
			}
			if err != nil && !fault.Is(err, fault.Invalid) {
				t.Errorf("%v is no refusal", err)
			}
		})
	}
	for name, text := range map[string]string{"empty": "", "no database": "hello", "a head alone": string(good[:100])} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "store.db")
			must(t, os.WriteFile(path, []byte(text), 0o600))
			_, err := ReadSQLite(t.Context(), path, "")
			refused(t, err, "unreadable_account")
		})
	}
}
