package sqlstore

import (
	"context"
	"fmt"
	"slices"

	"whatsapp-manager/supervisor/moving"
)

const deviceColumns = `jid lid registration_id noise_key identity_key signed_pre_key signed_pre_key_id signed_pre_key_sig adv_key
	adv_details adv_account_sig adv_account_sig_key adv_device_sig platform business_name push_name facebook_uuid lid_migration_ts companion_meta_nonce`

// Read reads one device with all that belongs to it, as it stands in the tables. Pairs of
// phone numbers and LIDs belong to no device there: all are read. Nothing is checked but
// the types of the values.
func Read(ctx context.Context, q Querier, d Dialect, device string) (*moving.Account, error) {
	r := newReader(ctx, q, d)
	a := &moving.Account{}
	if err := r.device(a, device); err != nil {
		return nil, err
	}
	if a.Device.JID == "" {
		return nil, moving.Unreadable("the database does not hold the device")
	}
	for _, read := range []func(*moving.Account, string) error{r.keys, r.sessions, r.appState, r.people, r.messages} {
		if err := read(a, device); err != nil {
			return nil, err
		}
	}
	return a, nil
}

func (r *reader) device(a *moving.Account, device string) error {
	return r.each("whatsmeow_device", deviceColumns, "where jid = $1", []any{device}, func(v values) {
		a.Device = moving.Device{
			JID: v.text(0), LID: v.text(1), RegistrationID: v.small(2),
			Noise: v.key(3), Identity: v.key(4), SignedPreKey: v.key(5), SignedID: v.small(6), Signature: v.bytes(7), AdvSecret: v.bytes(8),
			Details: v.bytes(9), AccountSignature: v.bytes(10), AccountKey: v.bytes(11), DeviceSignature: v.bytes(12),
			Platform: v.text(13), BusinessName: v.text(14), PushName: v.text(15), FacebookUUID: v.text(16),
			LIDMigration: v.number(17), MetaNonce: v.text(18),
		}
	})
}

func (r *reader) keys(a *moving.Account, device string) error {
	err := r.each("whatsmeow_pre_keys", "key_id key uploaded", "where jid = $1", []any{device}, func(v values) {
		a.PreKeys = append(a.PreKeys, moving.PreKey{ID: v.small(0), Private: v.key(1), Uploaded: v.number(2) != 0})
	})
	if err != nil {
		return err
	}
	return r.each("whatsmeow_identity_keys", "their_id identity", "where our_jid = $1", []any{device}, func(v values) {
		a.Identities = append(a.Identities, moving.Identity{Address: v.text(0), Key: v.bytes(1)})
	})
}

func (r *reader) sessions(a *moving.Account, device string) error {
	// whatsmeow writes null for a session that it has given up.
	err := r.each("whatsmeow_sessions", "their_id session", "where our_jid = $1 and session is not null", []any{device}, func(v values) {
		a.Sessions = append(a.Sessions, moving.Session{Address: v.text(0), Record: v.bytes(1)})
	})
	if err != nil {
		return err
	}
	return r.each("whatsmeow_sender_keys", "chat_id sender_id sender_key", "where our_jid = $1", []any{device}, func(v values) {
		a.SenderKeys = append(a.SenderKeys, moving.SenderKey{Group: v.text(0), Sender: v.text(1), Record: v.bytes(2)})
	})
}

func (r *reader) appState(a *moving.Account, device string) error {
	err := r.each("whatsmeow_app_state_sync_keys", "key_id key_data timestamp fingerprint", "where jid = $1", []any{device}, func(v values) {
		a.SyncKeys = append(a.SyncKeys, moving.SyncKey{ID: v.bytes(0), Data: v.bytes(1), Timestamp: v.number(2), Fingerprint: v.bytes(3)})
	})
	if err != nil {
		return err
	}
	at := map[string]int{}
	err = r.each("whatsmeow_app_state_version", "name version hash", "where jid = $1", []any{device}, func(v values) {
		at[v.text(0)] = len(a.Collections)
		a.Collections = append(a.Collections, moving.Collection{Name: v.text(0), Version: v.version(1), Hash: v.bytes(2)})
	})
	if err != nil {
		return err
	}
	return r.each("whatsmeow_app_state_mutation_macs", "name version index_mac value_mac", "where jid = $1", []any{device}, func(v values) {
		i, ok := at[v.text(0)]
		if !ok {
			v.bad(0)
			return
		}
		a.Collections[i].Macs = append(a.Collections[i].Macs, moving.Mac{Version: v.version(1), Index: v.bytes(2), Value: v.bytes(3)})
	})
}

func (r *reader) people(a *moving.Account, device string) error {
	mine := []any{device}
	err := r.each("whatsmeow_contacts", "their_jid first_name full_name push_name business_name redacted_phone", "where our_jid = $1", mine, func(v values) {
		a.Contacts = append(a.Contacts, moving.Contact{
			JID: v.text(0), FirstName: v.text(1), FullName: v.text(2), PushName: v.text(3), BusinessName: v.text(4), Redacted: v.text(5),
		})
	})
	if err != nil {
		return err
	}
	err = r.each("whatsmeow_chat_settings", "chat_jid muted_until pinned archived", "where our_jid = $1", mine, func(v values) {
		a.Chats = append(a.Chats, moving.Chat{JID: v.text(0), MutedUntil: v.number(1), Pinned: v.number(2) != 0, Archived: v.number(3) != 0})
	})
	if err != nil {
		return err
	}
	err = r.each("whatsmeow_privacy_tokens", "their_jid token timestamp sender_timestamp", "where our_jid = $1", mine, func(v values) {
		t := moving.Token{JID: v.text(0), Token: v.bytes(1), Timestamp: v.number(2)}
		if v.raw[3] != nil {
			sent := v.number(3)
			t.Sent = &sent
		}
		a.Tokens = append(a.Tokens, t)
	})
	if err != nil {
		return err
	}
	err = r.each("whatsmeow_nct_salt", "salt", "where our_jid = $1", mine, func(v values) { a.Salt = v.bytes(0) })
	if err != nil {
		return err
	}
	return r.each("whatsmeow_lid_map", "lid pn", "", nil, func(v values) {
		a.Pairs = append(a.Pairs, moving.Pair{LID: v.text(0), PN: v.text(1)})
	})
}

func (r *reader) messages(a *moving.Account, device string) error {
	mine := []any{device}
	// Old ones are of no use and there may be millions.
	newest := fmt.Sprintf("where our_jid = $1 order by %s desc limit %d", r.d.place, moving.MaxSecrets)
	err := r.each("whatsmeow_message_secrets", "chat_jid sender_jid message_id key", newest, mine, func(v values) {
		a.Secrets = append(a.Secrets, moving.Secret{Chat: v.text(0), Sender: v.text(1), ID: v.text(2), Key: v.bytes(3)})
	})
	if err != nil {
		return err
	}
	slices.Reverse(a.Secrets)
	if len(a.Secrets) == moving.MaxSecrets {
		all, err := r.count("whatsmeow_message_secrets", device)
		if err != nil {
			return err
		}
		a.OldSecrets = all - moving.MaxSecrets
	}
	err = r.each("whatsmeow_event_buffer", "ciphertext_hash plaintext server_timestamp insert_timestamp", "where our_jid = $1", mine, func(v values) {
		a.Received = append(a.Received, moving.Received{Hash: v.bytes(0), Plaintext: v.bytes(1), Server: v.number(2), Inserted: v.number(3)})
	})
	if err != nil {
		return err
	}
	return r.each("whatsmeow_retry_buffer", "chat_jid message_id format plaintext timestamp", "where our_jid = $1", mine, func(v values) {
		a.Sent = append(a.Sent, moving.Sent{Chat: v.text(0), ID: v.text(1), Format: v.text(2), Plaintext: v.bytes(3), Timestamp: v.number(4)})
	})
}
