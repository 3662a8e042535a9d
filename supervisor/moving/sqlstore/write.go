package sqlstore

import (
	"strings"

	"whatsapp-manager/supervisor/moving"
)

// Rows are those of one table.
type Rows struct {
	Table   string
	Columns []string
	Values  [][]any
}

// Write calls put with the rows of an account, table by table, in an order in which what
// is referred to comes first. The pairs of phone numbers and LIDs are left to the caller:
// in whatsmeow's tables they belong to no account.
func Write(a *moving.Account, put func(Rows) error) error {
	if err := put(deviceRow(a.Device)); err != nil {
		return err
	}
	return WriteMore(a.Device.JID, a, put)
}

// WriteMore is Write for a further part of the device's account.
func WriteMore(device string, a *moving.Account, put func(Rows) error) error {
	for _, rows := range [][]Rows{keyRows(a, device), stateRows(a, device), peopleRows(a, device), messageRows(a, device)} {
		for _, r := range rows {
			if len(r.Values) == 0 {
				continue
			}
			if err := put(r); err != nil {
				return err
			}
		}
	}
	return nil
}

func rowsOf[T any](table, columns string, list []T, row func(T) []any) Rows {
	r := Rows{Table: table, Columns: strings.Fields(columns)}
	for _, v := range list {
		r.Values = append(r.Values, row(v))
	}
	return r
}

func orNull(text string) any {
	if text == "" {
		return nil
	}
	return text
}

// filled keeps an empty value from becoming null.
func filled(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

func deviceRow(d moving.Device) Rows {
	return rowsOf("whatsmeow_device", deviceColumns, []moving.Device{d}, func(d moving.Device) []any {
		return []any{
			d.JID, orNull(d.LID), int64(d.RegistrationID), d.Noise[:], d.Identity[:], d.SignedPreKey[:], int64(d.SignedID), d.Signature, filled(d.AdvSecret),
			filled(d.Details), d.AccountSignature, d.AccountKey, d.DeviceSignature, d.Platform, d.BusinessName, d.PushName,
			orNull(d.FacebookUUID), d.LIDMigration, d.MetaNonce,
		}
	})
}

func keyRows(a *moving.Account, us string) []Rows {
	return []Rows{
		rowsOf("whatsmeow_pre_keys", "jid key_id key uploaded", a.PreKeys, func(k moving.PreKey) []any {
			return []any{us, int64(k.ID), k.Private[:], k.Uploaded}
		}),
		rowsOf("whatsmeow_identity_keys", "our_jid their_id identity", a.Identities, func(i moving.Identity) []any {
			return []any{us, i.Address, i.Key}
		}),
		rowsOf("whatsmeow_sessions", "our_jid their_id session", a.Sessions, func(s moving.Session) []any {
			return []any{us, s.Address, s.Record}
		}),
		rowsOf("whatsmeow_sender_keys", "our_jid chat_id sender_id sender_key", a.SenderKeys, func(s moving.SenderKey) []any {
			return []any{us, s.Group, s.Sender, s.Record}
		}),
	}
}

func stateRows(a *moving.Account, us string) []Rows {
	rows := []Rows{
		rowsOf("whatsmeow_app_state_sync_keys", "jid key_id key_data timestamp fingerprint", a.SyncKeys, func(k moving.SyncKey) []any {
			return []any{us, k.ID, k.Data, k.Timestamp, filled(k.Fingerprint)}
		}),
		rowsOf("whatsmeow_app_state_version", "jid name version hash", a.Collections, func(c moving.Collection) []any {
			return []any{us, c.Name, int64(c.Version), c.Hash}
		}),
	}
	for _, c := range a.Collections {
		rows = append(rows, rowsOf("whatsmeow_app_state_mutation_macs", "jid name version index_mac value_mac", c.Macs, func(m moving.Mac) []any {
			return []any{us, c.Name, int64(m.Version), m.Index, m.Value}
		}))
	}
	return rows
}

func peopleRows(a *moving.Account, us string) []Rows {
	var salts [][]byte
	if a.Salt != nil {
		salts = [][]byte{a.Salt}
	}
	return []Rows{
		rowsOf("whatsmeow_contacts", "our_jid their_jid first_name full_name push_name business_name redacted_phone", a.Contacts, func(c moving.Contact) []any {
			return []any{us, c.JID, orNull(c.FirstName), orNull(c.FullName), orNull(c.PushName), orNull(c.BusinessName), orNull(c.Redacted)}
		}),
		rowsOf("whatsmeow_chat_settings", "our_jid chat_jid muted_until pinned archived", a.Chats, func(c moving.Chat) []any {
			return []any{us, c.JID, c.MutedUntil, c.Pinned, c.Archived}
		}),
		rowsOf("whatsmeow_privacy_tokens", "our_jid their_jid token timestamp sender_timestamp", a.Tokens, func(t moving.Token) []any {
			return []any{us, t.JID, filled(t.Token), t.Timestamp, t.Sent}
		}),
		rowsOf("whatsmeow_nct_salt", "our_jid salt", salts, func(s []byte) []any { return []any{us, s} }),
	}
}

func messageRows(a *moving.Account, us string) []Rows {
	return []Rows{
		rowsOf("whatsmeow_message_secrets", "our_jid chat_jid sender_jid message_id key", a.Secrets, func(s moving.Secret) []any {
			return []any{us, s.Chat, s.Sender, s.ID, s.Key}
		}),
		rowsOf("whatsmeow_event_buffer", "our_jid ciphertext_hash plaintext server_timestamp insert_timestamp", a.Received, func(r moving.Received) []any {
			return []any{us, r.Hash, r.Plaintext, r.Server, r.Inserted}
		}),
		rowsOf("whatsmeow_retry_buffer", "our_jid chat_jid message_id format plaintext timestamp", a.Sent, func(s moving.Sent) []any {
			return []any{us, s.Chat, s.ID, s.Format, filled(s.Plaintext), s.Timestamp}
		}),
	}
}
