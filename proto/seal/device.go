package seal

import (
	"crypto/aes"
	"fmt"
	"strings"

	"golang.org/x/crypto/xts"
)

// Column is a column of whatsmeow's tables whose values are sealed as they are,
// whatever their length. NULL stays NULL.
type Column struct {
	Table string // without its schema
	Owner string // the column with the device's address
	Name  string
	Bind  string // a column that a value is bound to besides, or ""
}

// Bound is what a value of the column is bound to, for Seal and Open.
func (c Column) Bound(value []byte) []string {
	if c.Bind == "" {
		return nil
	}
	return []string{string(value)}
}

// Columns are all of them. Where whatsmeow moves rows from one address of a
// person's to another, or finds them by either, a value cannot be bound to it.
var Columns = []Column{
	{"whatsmeow_sessions", "our_jid", "session", ""},
	{"whatsmeow_sender_keys", "our_jid", "sender_key", "chat_id"},
	{"whatsmeow_app_state_sync_keys", "jid", "key_data", ""}, // read without their ids, too
	{"whatsmeow_message_secrets", "our_jid", "key", "message_id"},
	{"whatsmeow_privacy_tokens", "our_jid", "token", ""},
	{"whatsmeow_nct_salt", "our_jid", "salt", ""},
	{"whatsmeow_event_buffer", "our_jid", "plaintext", "ciphertext_hash"},
	{"whatsmeow_retry_buffer", "our_jid", "plaintext", "message_id"},
}

// DeviceKeys are a device's own. whatsmeow's table has room for 32 bytes in three
// of their columns and for any length in that of adv_key. So they are sealed
// together and stand in that one; the others are zero.
type DeviceKeys struct {
	Noise, Identity, SignedPreKey [32]byte
	Adv                           []byte
}

// Device seals what whatsmeow keeps of one device. It is safe for concurrent use.
type Device struct {
	jid     string
	keys    *Box
	columns map[string]*Box
	pre     []preKeys
}

type preKeys struct {
	id     string
	cipher *xts.Cipher
}

// Device returns that of a device's AD-JID, with the keys of its instance.
func (r *Ring) Device(jid string) *Device {
	d := &Device{jid: jid, keys: r.Box("whatsmeow_device"), columns: make(map[string]*Box), pre: make([]preKeys, len(r.keys))}
	for _, c := range Columns {
		d.columns[c.Table] = r.Box(c.Table + "." + c.Name)
	}
	for i, k := range r.keys {
		cipher, err := xts.NewCipher(aes.NewCipher, derive(k.Secret, "pre keys/"+jid, 64))
		if err != nil {
			panic(err) // of the key's size only, which is ours
		}
		d.pre[i] = preKeys{k.ID, cipher}
	}
	return d
}

// SealKeys returns what stands in adv_key.
func (d *Device) SealKeys(k DeviceKeys) []byte {
	plain := make([]byte, 0, 3*32+len(k.Adv))
	plain = append(plain, k.Noise[:]...)
	plain = append(plain, k.Identity[:]...)
	plain = append(plain, k.SignedPreKey[:]...)
	return d.keys.Seal(append(plain, k.Adv...), d.jid)
}

// OpenKeys is the reverse of SealKeys. Error: ErrOpen, ErrUnknown, ErrChanged.
func (d *Device) OpenKeys(adv []byte) (k DeviceKeys, err error) {
	plain, err := d.keys.Open(adv, d.jid)
	if err != nil {
		return k, err
	}
	if len(plain) < 3*32 {
		return k, ErrChanged
	}
	copy(k.Noise[:], plain)
	copy(k.Identity[:], plain[32:])
	copy(k.SignedPreKey[:], plain[64:])
	k.Adv = plain[96:]
	return k, nil
}

// A build from before there were seals would take a sealed device's zeros for its
// keys, be shown the door by WhatsApp and delete the device. So the device's LID,
// which such a build reads first, is written in a form that it cannot read.
const mark = "sealed.."

// MarkLID returns how the LID of a sealed device is kept.
func MarkLID(lid string) string {
	if lid == "" {
		lid = "@lid"
	}
	return mark + lid
}

// UnmarkLID is the reverse of MarkLID; other text stays as it is.
func UnmarkLID(text string) string {
	lid, marked := strings.CutPrefix(text, mark)
	if marked && lid == "@lid" {
		return ""
	}
	return lid
}

// Seal encrypts a value of the table's column; bind is the value of the column
// that it is bound to, if there is one. nil stays nil.
func (d *Device) Seal(table string, value []byte, bind ...string) []byte {
	if value == nil {
		return nil
	}
	return d.columns[table].Seal(value, append([]string{d.jid}, bind...)...)
}

// Open is the reverse of Seal. Error: ErrOpen, ErrUnknown, ErrChanged.
func (d *Device) Open(table string, sealed []byte, bind ...string) ([]byte, error) {
	if sealed == nil {
		return nil, nil
	}
	value, err := d.columns[table].Open(sealed, append([]string{d.jid}, bind...)...)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", table, err)
	}
	return value, nil
}

// SealPreKey encrypts a one-time pre key with the key that seals.
func (d *Device) SealPreKey(id uint32, key [32]byte) (sealed [32]byte) {
	d.pre[0].cipher.Encrypt(sealed[:], key[:], uint64(id))
	return sealed
}

// OpenPreKey is the reverse of SealPreKey. by is the key that the device is
// sealed with, which is that of all its pre keys; false when it is not at hand.
//
// Every 32 bytes open as some key. So the random bytes that whatsmeow stores when
// it makes a pre key are good as a sealed one, and what they open as is the key.
func (d *Device) OpenPreKey(by string, id uint32, sealed [32]byte) (key [32]byte, ok bool) {
	for _, p := range d.pre {
		if p.id != by {
			continue
		}
		p.cipher.Decrypt(key[:], sealed[:], uint64(id))
		// As whatsmeow makes them; those that were sealed have these bits already.
		key[0] &= 248
		key[31] = key[31]&127 | 64
		return key, true
	}
	return key, false
}
