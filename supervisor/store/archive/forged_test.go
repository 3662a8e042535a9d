package archive

import (
	"bytes"
	"errors"
	"io"
	"reflect"
	"slices"
	"strings"
	"testing"

	"whatsapp-manager/proto/fault"
	"whatsapp-manager/supervisor"
)

func TestBadFilesChangeNothing(t *testing.T) {
	from, to := newWorld(t, ownerEmail), newWorld(t, ownerEmail)
	from.instance(mine, mineJID, 1)
	file := from.export(Move)

	_, err := Import(t.Context(), to.st, bytes.NewReader(file), "another passphrase", Into{})
	wantFault(t, err, fault.Invalid, "wrong_passphrase")
	_, err = to.take(file, Into{Owner: "nobody@example.org"})
	wantFault(t, err, fault.NotFound, "")
	_, err = to.take([]byte("PK\x03\x04 something else"), Into{})
	wantFault(t, err, fault.Invalid, "damaged_file")
	_, err = to.take(nil, Into{})
	wantFault(t, err, fault.Invalid, "damaged_file")
	_, err = to.take(append(slices.Clone(file), 0), Into{})
	wantFault(t, err, fault.Invalid, "damaged_file")
	head := bytes.Index(file, []byte("\n---")) + 60 // behind age's header, in the payload
	for _, at := range []int{head, head + 20, (head + len(file)) / 2, len(file) - 1} {
		_, err = to.take(file[:at], Into{})
		wantFault(t, err, fault.Invalid, "damaged_file")
		flipped := slices.Clone(file)
		flipped[at] ^= 1
		_, err = to.take(flipped, Into{})
		wantFault(t, err, fault.Invalid, "damaged_file")
		_, err = Verify(bytes.NewReader(flipped), phrase)
		wantFault(t, err, fault.Invalid, "damaged_file")
	}
	to.untouched()
	_, err = to.take(file, Into{})
	must(t, err)
}

// forge makes a file of frames that Export would not write.
func forge(t *testing.T, h Header, write func(f *framer)) []byte {
	t.Helper()
	var file bytes.Buffer
	s, err := seal(&file, phrase, quick)
	must(t, err)
	f := newFramer(s)
	must(t, f.document(frameHeader, h))
	write(f)
	must(t, f.frame(frameEnd, nil))
	must(t, s.Close())
	return file.Bytes()
}

func (f *framer) rows(t *testing.T, table string, columns []string, rows string) {
	t.Helper()
	must(t, f.document(frameTable, opening{table, columns}))
	_, err := io.WriteString(f, rows)
	must(t, errors.Join(err, f.flush(), f.document(frameClose, closing{int64(strings.Count(rows, "\n"))})))
}

func TestForgedFilesReachNobodyElse(t *testing.T) {
	w := newWorld(t, ownerEmail)
	w.instance(other, otherJID, 2)
	before := w.content(other, otherJID)
	good := Header{Format: Format, Kind: Move, Schema: 1, Library: 15, Instance: mine, Owner: ownerEmail, Desired: supervisor.Run}
	instance := func(f *framer) {
		f.rows(t, "instances", []string{"name", "generation", "created_at", "updated_at"}, "n\t1\t2026-01-01\t2026-01-01\n")
		f.rows(t, "feeds", []string{"head", "generation"}, "0\t1\n")
	}
	keys := []string{"id", "hash", "prefix", "created_at"}
	for name, tc := range map[string]struct {
		change func(*Header)
		write  func(f *framer)
		code   string
	}{
		"newer format":        {func(h *Header) { h.Format = Format + 1 }, instance, "newer_file"},
		"newer schema":        {func(h *Header) { h.Schema = 1 << 40 }, instance, "newer_file"},
		"newer library":       {func(h *Header) { h.Library, h.Device = 1<<20, mineJID }, instance, "newer_file"},
		"ancient library":     {func(h *Header) { h.Library, h.Device = 2, mineJID }, instance, "older_file"},
		"id with a quote":     {func(h *Header) { h.Instance = "mine'; --   " }, instance, "damaged_file"},
		"device with a quote": {func(h *Header) { h.Device = "1'@s.whatsapp.net" }, instance, "damaged_file"},
		"device of another":   {func(h *Header) { h.Device = otherJID }, instance, "already_here"},
		"nothing":             {nil, func(*framer) {}, "damaged_file"},
		"users":               {nil, func(f *framer) { instance(f); f.rows(t, "users", []string{"id", "email"}, "x\ty\n") }, "damaged_file"},
		"a table twice":       {nil, func(f *framer) { instance(f); instance(f) }, "damaged_file"},
		"keys without a device": {nil, func(f *framer) {
			instance(f)
			f.rows(t, "whatsmeow_pre_keys", []string{"key_id", "key", "uploaded"}, "")
		}, "damaged_file"},
		"key of another": {nil, func(f *framer) {
			instance(f)
			f.rows(t, "api_keys", append(keys, "instance_id"), "x\t\\\\x00\tp\t2026-01-01\t"+string(other)+"\n")
		}, "damaged_file"},
		"owner of its own": {nil, func(f *framer) {
			f.rows(t, "instances", []string{"name", "owner_id", "created_at", "updated_at"}, "n\tuser0\t2026-01-01\t2026-01-01\n")
		}, "damaged_file"},
		"rows behind a carriage return": {nil, func(f *framer) {
			instance(f)
			must(t, f.document(frameTable, opening{"api_keys", keys}))
			_, err := io.WriteString(f, "x\t\\\\x00\tp\t2026-01-01\r"+string(other)+"\ty\t\\\\x01\tp\t2026-01-01\\\n")
			must(t, errors.Join(err, f.flush(), f.document(frameClose, closing{2})))
		}, "damaged_file"},
		"more behind the end": {nil, func(f *framer) { instance(f); must(t, f.frame(frameEnd, nil)) }, "damaged_file"},
		"fewer rows than said": {nil, func(f *framer) {
			instance(f)
			must(t, errors.Join(f.document(frameTable, opening{"api_keys", keys}), f.document(frameClose, closing{1})))
		}, "damaged_file"},
		"a row cut off":  {nil, func(f *framer) { instance(f); f.rows(t, "api_keys", keys, "x\t\\\\x00") }, "damaged_file"},
		"too few values": {nil, func(f *framer) { instance(f); f.rows(t, "api_keys", keys, "x\n") }, "damaged_file"},
	} {
		t.Run(name, func(t *testing.T) {
			h := good
			if tc.change != nil {
				tc.change(&h)
			}
			_, err := w.take(forge(t, h, tc.write), Into{})
			var f *fault.Error
			if !errors.As(err, &f) || f.Code != tc.code {
				t.Errorf("got %v, want code %s", err, tc.code)
			}
		})
	}
	if n := w.count("select count(*) from instances"); n != 1 {
		t.Errorf("%d instances are here", n)
	}
	// What is well-formed is taken, but not to whom it does not belong.
	_, err := w.take(forge(t, good, func(f *framer) {
		instance(f)
		f.rows(t, "api_keys", keys, "x\t\\\\x00\tp\t2026-01-01\n")
		f.rows(t, "webhook_backlog", []string{"endpoint_id", "seq", "lane", "next_at"}, "hook-"+string(other)+"\t2\tchat\t2026-01-01\n")
	}), Into{})
	must(t, err)
	if n := w.count("select count(*) from api_keys where id = 'x' and instance_id = $1", string(mine)); n != 1 {
		t.Error("the key belongs to somebody else")
	}
	if !reflect.DeepEqual(before, w.content(other, otherJID)) {
		t.Error("the other instance has changed")
	}
}

// A device's address that reads as another's is another's: the worker of the
// instance would find that one's keys under it.
func TestForgedDevicesAreNobodyElses(t *testing.T) {
	w := newWorld(t, ownerEmail)
	w.instance(other, otherJID, 2)
	before := w.content(other, otherJID)
	b32, b64 := "\\\\x"+strings.Repeat("07", 32), "\\\\x"+strings.Repeat("07", 64)
	write := func(f *framer) {
		f.rows(t, "instances", []string{"name", "generation", "created_at", "updated_at"}, "n\t1\t2026-01-01\t2026-01-01\n")
		f.rows(t, "feeds", []string{"head", "generation"}, "0\t1\n")
		f.rows(t, "whatsmeow_device", []string{
			"registration_id", "noise_key", "identity_key", "signed_pre_key", "signed_pre_key_id", "signed_pre_key_sig",
			"adv_key", "adv_details", "adv_account_sig", "adv_account_sig_key", "adv_device_sig", "lid",
		},
			strings.Join([]string{"5", b32, b32, b32, "1", b64, b32, b32, b64, b32, b64, "900@lid"}, "\t")+"\n")
	}
	for _, tc := range []struct{ device, code string }{
		{"15550000002:3@s.whatsapp.net", "already_here"},
		{"15550000002:03@s.whatsapp.net", "damaged_file"},
		{"15550000002.0:3@s.whatsapp.net", "damaged_file"},
		{"15550000002.256:3@s.whatsapp.net", "damaged_file"},
		{"15550000002:65539@s.whatsapp.net", "damaged_file"},
		{"15550000002:3@s.whatsapp.net@lid", "damaged_file"},
		{"15550000002:0@s.whatsapp.net", "damaged_file"},
		{"15550000002:4@s.whatsapp.net", ""},
	} {
		t.Run(tc.device, func(t *testing.T) {
			h := Header{Format: Format, Kind: Move, Schema: 1, Library: 15, Instance: mine, Device: tc.device, Owner: ownerEmail, Desired: supervisor.Run}
			_, err := w.take(forge(t, h, write), Into{})
			if tc.code == "" {
				must(t, err)
			} else {
				var f *fault.Error
				if !errors.As(err, &f) || f.Code != tc.code {
					t.Errorf("got %v, want code %s", err, tc.code)
				}
			}
		})
	}
	if !reflect.DeepEqual(before, w.content(other, otherJID)) {
		t.Error("the other instance has changed")
	}
}
