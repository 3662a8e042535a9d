package archive

import (
	"bytes"
	"encoding/hex"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"

	"whatsapp-manager/proto/fault"
	protoseal "whatsapp-manager/proto/seal"
)

// held is a key file without the file.
type held struct{ ring *protoseal.Ring }

func (h held) Ring() *protoseal.Ring { return h.ring }

// sealing is a world whose secrets are sealed.
func sealing(t *testing.T) (*world, *protoseal.Ring) {
	t.Helper()
	w, ring := newWorld(t, ownerEmail), protoseal.NewRing()
	_, err := w.st.UseKeys(t.Context(), held{ring})
	must(t, err)
	return w, ring
}

// standsOpen says in which columns of the instance's the secrets that w.instance
// writes are found.
func (w *world) standsOpen(seed byte) (found []string) {
	w.t.Helper()
	pattern := hex.EncodeToString(bytes.Repeat([]byte{seed, '\\'}, 4))
	columns := []string{"device.noise_key", "device.identity_key", "device.signed_pre_key", "device.adv_key", "pre_keys.key"}
	for _, c := range protoseal.Columns {
		columns = append(columns, strings.TrimPrefix(c.Table, "whatsmeow_")+"."+c.Name)
	}
	for _, c := range columns {
		table, column, _ := strings.Cut(c, ".")
		if w.count("select count(*) from whatsmeow.whatsmeow_"+table+" where encode("+column+", 'hex') like '%'||$1||'%'", pattern) > 0 {
			found = append(found, c)
		}
	}
	if w.count("select count(*) from webhook_endpoints where encode(secret, 'hex') like '%0001ff5c%'") > 0 {
		found = append(found, "webhook secret")
	}
	if w.count(`select count(*) from webhook_endpoints where headers ? 'X'`) > 0 {
		found = append(found, "webhook headers")
	}
	return found
}

// An account moves between servers with keys of their own, and without: in the
// file it is open, in each database it is sealed with that server's key.
func TestServersWithKeysOfTheirOwn(t *testing.T) {
	from := newWorld(t, ownerEmail)
	from.instance(mine, mineJID, 1)
	from.exec("update whatsmeow.whatsmeow_event_buffer set plaintext = $1", bytes.Repeat([]byte{1, '\\'}, 40))
	// A bind with everything that COPY escapes.
	from.exec("insert into whatsmeow.whatsmeow_message_secrets values ($1, 'c', 's', $2, $3)", mineJID, difficult, bytes.Repeat([]byte{1, '\\'}, 20))
	want := from.content(mine, mineJID)
	if open := from.standsOpen(1); len(open) != 5+len(protoseal.Columns)+2 {
		t.Fatalf("the test sees too little: %q", open)
	}

	one, ring := sealing(t)
	_, err := one.take(from.export(Move), Into{})
	must(t, err)
	if open := one.standsOpen(1); len(open) != 0 {
		t.Errorf("stand open after the import: %q", open)
	}
	two, second := sealing(t)
	file := one.export(Copy)
	_, err = two.take(file, Into{})
	must(t, err)
	if open := two.standsOpen(1); len(open) != 0 {
		t.Errorf("stand open on the second server: %q", open)
	}
	for name, tc := range map[string]struct {
		w    *world
		ring *protoseal.Ring
		want error
	}{
		"first": {one, ring, nil}, "second": {two, second, nil}, "second, with the key of the first": {two, ring, protoseal.ErrUnknown},
	} {
		var adv, key []byte
		must(t, tc.w.st.Pool().QueryRow(t.Context(), "select adv_key from whatsmeow.whatsmeow_device where jid = $1", mineJID).Scan(&adv))
		must(t, tc.w.st.Pool().QueryRow(t.Context(), "select key from whatsmeow.whatsmeow_pre_keys where jid = $1 and key_id = 2", mineJID).Scan(&key))
		device := tc.ring.Instance(string(mine)).Device(mineJID)
		own, err := device.OpenKeys(adv)
		if !errors.Is(err, tc.want) || err == nil && !bytes.Equal(own.Noise[:], bytes.Repeat([]byte{1, '\\'}, 16)) {
			t.Errorf("%s: the device's keys are %x, %v", name, own.Noise, err)
		}
		if hook, err := tc.w.st.Endpoint(t.Context(), "hook-"+string(mine)); err != nil || hex.EncodeToString(hook.Secret) != "0001ff5c" || hook.Headers["X"] != "y" {
			t.Errorf("%s: the webhook is %+v, %v", name, hook, err)
		}
	}

	last := newWorld(t, ownerEmail)
	_, err = last.take(two.export(Copy), Into{})
	must(t, err)
	got := last.content(mine, mineJID)
	for name := range want {
		if name == "whatsmeow_pre_keys" { // those of the test are no keys: whatsmeow's have some bits set
			continue
		}
		if name == "instances" || name == "feeds" {
			continue
		}
		if !reflect.DeepEqual(got[name], want[name]) {
			t.Errorf("%s: got %q, want %q", name, got[name], want[name])
		}
	}
}

// What does not open with this server's key does not leave it as if it did.
func TestExportWithoutTheKey(t *testing.T) {
	from := newWorld(t, ownerEmail)
	from.instance(mine, mineJID, 1)
	w, _ := sealing(t)
	_, err := w.take(from.export(Move), Into{})
	must(t, err)
	var file bytes.Buffer
	// A value that was spoilt is left out; what it belongs to still moves.
	w.exec("update whatsmeow.whatsmeow_sessions set session = set_byte(session, 60, 1 + get_byte(session, 60) % 250)")
	sum, err := export(t.Context(), w.st, &file, phrase, quick, mine, Copy, "")
	must(t, err)
	if sum.Rows["whatsmeow_sessions"] != 0 || sum.Rows["whatsmeow_sender_keys"] != 1 {
		t.Errorf("exported %v", sum.Rows)
	}
	if _, err := Verify(bytes.NewReader(file.Bytes()), phrase); err != nil {
		t.Error(err)
	}
	w.exec("update whatsmeow.whatsmeow_device set adv_key = set_byte(adv_key, 60, 1 + get_byte(adv_key, 60) % 250)")
	_, err = export(t.Context(), w.st, &bytes.Buffer{}, phrase, quick, mine, Copy, "")
	wantFault(t, err, fault.Conflict, "")
	if err == nil || !strings.Contains(err.Error(), "secret key") {
		t.Errorf("a device that does not open: %v", err)
	}
}

func TestForgedRowsAreNotSealed(t *testing.T) {
	w, _ := sealing(t)
	good := Header{Format: Format, Kind: Move, Schema: 1, Library: 15, Instance: mine, Device: mineJID, Owner: ownerEmail}
	columns := []string{"id", "url", "secret", "headers", "cursor", "created_at", "updated_at"}
	hook := func(secret, headers string) func(f *framer) {
		return func(f *framer) {
			f.rows(t, "instances", []string{"name", "generation", "created_at", "updated_at"}, "n\t1\t2026-01-01\t2026-01-01\n")
			f.rows(t, "feeds", []string{"head", "generation"}, "0\t1\n")
			f.rows(t, "webhook_endpoints", columns, "h\thttps://x\t"+secret+"\t"+headers+"\t0\t2026-01-01\t2026-01-01\n")
		}
	}
	for name, write := range map[string]func(f *framer){
		"no bytes":            hook("12", "{}"),
		"half a byte":         hook(`\\x123`, "{}"),
		"an escape of COPY's": hook(`\\x12`, `{\x7d`),
		"an escape at an end": hook(`\\x12`, `{}\`),
		"too few values": func(f *framer) {
			hook(`\\x12`, "{}")(f)
			f.rows(t, "whatsmeow_pre_keys", []string{"key_id", "key", "uploaded"}, "1\t\\\\x00\n")
		},
		"a short key": func(f *framer) {
			hook(`\\x12`, "{}")(f)
			f.rows(t, "whatsmeow_pre_keys", []string{"key_id", "key", "uploaded"}, "1\t\\\\x00\tt\n")
		},
		"a number that is none": func(f *framer) {
			hook(`\\x12`, "{}")(f)
			f.rows(t, "whatsmeow_pre_keys", []string{"key_id", "key", "uploaded"}, "-1\t\\\\x"+strings.Repeat("00", 32)+"\tt\n")
		},
		"columns missing": func(f *framer) {
			hook(`\\x12`, "{}")(f)
			f.rows(t, "whatsmeow_device", []string{"adv_key"}, "\\\\x00\n")
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := w.take(forge(t, good, write), Into{})
			wantFault(t, err, fault.Invalid, "damaged_file")
		})
	}
	w.untouched()
	good.Device = ""
	// What looks sealed is somebody's text, and sealed as such.
	fake := protoseal.NewRing().Webhooks()
	secret, _ := fake.Seal("h", string(mine), []byte("x"), []byte("{}"))
	_, err := w.take(forge(t, good, hook(`\\x`+hex.EncodeToString(secret), `{"a": "b"}`)), Into{})
	must(t, err)
	if e, err := w.st.Endpoint(t.Context(), "h"); err != nil || !bytes.Equal(e.Secret, secret) || e.Headers["a"] != "b" {
		t.Errorf("the webhook is %+v, %v", e, err)
	}
	if slices.Contains(w.standsOpen(1), "webhook headers") {
		t.Error("headers stand open")
	}
}
