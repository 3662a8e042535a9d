package archive

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"whatsapp-manager/proto/fault"
	"whatsapp-manager/supervisor"
	"whatsapp-manager/supervisor/store"
)

// A table that a later version adds has to be listed, or an instance arrives
// without it.
func TestEveryTableIsListed(t *testing.T) {
	w := newWorld(t)
	rows, err := w.st.Pool().Query(t.Context(), `
		with recursive belonging as (
			select 'instances'::regclass::oid as id
			union select conrelid from pg_constraint c join belonging b on c.confrelid = b.id where c.contype = 'f'
		)
		select relname::text from pg_class where oid in (select id from belonging)
		union
		select relname::text from pg_class c join pg_namespace n on n.oid = c.relnamespace
		where n.nspname = 'whatsmeow' and c.relkind = 'r' and c.relname <> 'whatsmeow_version'`)
	must(t, err)
	there, err := pgx.CollectRows(rows, pgx.RowTo[string])
	must(t, err)
	if len(there) < 30 {
		t.Fatalf("only %d tables belong to instances and devices", len(there))
	}
	for _, name := range there {
		_, goes := tableNamed(name)
		_, stays := leftBehind[name]
		if goes == stays {
			t.Errorf("%s: goes along %v, left behind %v; tables.go has to say one of the two", name, goes, stays)
		}
	}
	for _, known := range tables {
		if !slices.Contains(there, known.name) {
			t.Errorf("%s is listed and does not exist", known.name)
		}
	}
}

func TestRoundTrip(t *testing.T) {
	from := newWorld(t, ownerEmail)
	from.instance(mine, mineJID, 1)
	from.instance(other, otherJID, 2)
	want := from.content(mine, mineJID)
	for name, rows := range want {
		if len(rows) == 0 {
			t.Errorf("the test has no rows of %s", name)
		}
	}
	file := from.export(Move)
	sum, err := Verify(bytes.NewReader(file), phrase)
	must(t, err)
	if sum.Instance != mine || sum.Kind != Move || sum.Owner != ownerEmail || sum.Rows["messages"] != 6 {
		t.Errorf("verified: %+v", sum)
	}

	to := newWorld(t, "someone@example.org", ownerEmail)
	sum, err = to.take(file, Into{})
	must(t, err)
	if sum.Desired != supervisor.Run || sum.Rows["messages"] != 6 {
		t.Errorf("imported: %+v", sum)
	}
	got := to.content(mine, mineJID)
	for name := range want {
		if !reflect.DeepEqual(got[name], want[name]) {
			t.Errorf("%s: got %q, want %q", name, got[name], want[name])
		}
	}
	for sql, order := range map[string]string{
		"select string_agg(id, ' ' order by position) from messages":         "M0 M2 M4 M1 M3 revoked",
		"select string_agg(key, ' ' order by position) from sends":           "k2 k1",
		"select string_agg(to_state, ' ' order by id) from instance_history": "starting running",
	} {
		var got string
		must(t, to.st.Pool().QueryRow(t.Context(), sql).Scan(&got))
		if got != order {
			t.Errorf("%s: %q, want %q", sql, got, order)
		}
	}
	if n := to.count("select count(*) from messages where instance_id <> $1", string(mine)) + to.count("select count(*) from whatsmeow.whatsmeow_device where jid <> $1", mineJID); n != 0 {
		t.Errorf("%d rows of the other instance came along", n)
	}
	if n := to.count("select count(*) from lid_pairs where instance_id <> $1", string(mine)) + to.count("select count(*) from whatsmeow.whatsmeow_lid_map"); n != 0 {
		t.Errorf("%d acquaintances of other accounts came along", n)
	}
	in, err := to.st.Instance(t.Context(), mine)
	must(t, err)
	if in.OwnerID != "user1" || in.Desired != supervisor.Run || in.DeviceJID != mineJID || in.Generation != 4 || in.NodeID != "" || in.MovedAt != nil || in.SendsPerMinute != 7 {
		t.Errorf("the instance is %+v", in)
	}
	if _, key, err := to.st.InstanceByKeyHash(t.Context(), []byte("hash-"+mine)); err != nil || key.InstanceID != mine {
		t.Errorf("its key: %+v, %v", key, err)
	}
}

// TestOlderFilesTellHintsOnly: the file was written by the version before
// lid_pairs, with the pairs that were shared then. They may be anybody's word, so
// they come to this instance alone and as hints.
func TestOlderFilesTellHintsOnly(t *testing.T) {
	file, err := os.ReadFile("testdata/before_lid_pairs.wam")
	must(t, err)
	w := newWorld(t, ownerEmail)
	w.instance(other, otherJID, 2)
	want := w.content(other, otherJID)
	sum, err := w.take(file, Into{})
	must(t, err)
	if sum.Instance != mine || sum.Schema != 13 || sum.Rows["whatsmeow_lid_map"] != 8 || sum.Rows["messages"] != 6 {
		t.Errorf("imported: %+v", sum)
	}
	got := w.content(mine, mineJID)["lid_pairs"]
	if wanted := []string{"(517771,17771,t)", "(566331,66331,t)", "(566441,66441,t)", "(66001,166001,t)", "(66111,166111,t)", "(66221,166221,t)", "(88771,188771,t)", "(99001,199001,t)"}; !slices.Equal(got, wanted) {
		t.Errorf("its pairs are %q, want %q", got, wanted)
	}
	if !reflect.DeepEqual(w.content(other, otherJID), want) {
		t.Error("the other instance has changed")
	}
	if n := w.count("select count(*) from whatsmeow.whatsmeow_lid_map"); n != 0 {
		t.Errorf("%d rows are in the table that is shared", n)
	}
}

func TestUnpairedInstanceGoesWithoutKeys(t *testing.T) {
	from, to := newWorld(t, ownerEmail), newWorld(t, "new@example.org")
	must(t, from.st.CreateInstance(t.Context(), store.Instance{ID: mine, OwnerID: "user0", Name: "new", CreatedAt: noon}, store.APIKey{ID: "k", Hash: []byte("h"), CreatedAt: noon}))
	sum, err := to.take(from.export(Copy), Into{Owner: "New@example.org"})
	must(t, err)
	if sum.Device != "" || sum.Desired != supervisor.Stop {
		t.Errorf("imported: %+v", sum)
	}
	if in, err := to.st.Instance(t.Context(), mine); err != nil || in.Name != "new" {
		t.Errorf("the instance is %+v, %v", in, err)
	}
}

func TestImportOverwritesNothing(t *testing.T) {
	w := newWorld(t, ownerEmail)
	w.instance(mine, mineJID, 1)
	file := w.export(Move)
	before := w.content(mine, mineJID)
	_, err := w.take(file, Into{})
	wantFault(t, err, fault.Conflict, "already_here")
	_, err = w.st.MoveAway(t.Context(), mine, noon)
	must(t, err)
	_, err = w.take(file, Into{})
	wantFault(t, err, fault.Conflict, "already_here")
	before["instances"], before["feeds"] = nil, nil // moving away changed them
	after := w.content(mine, mineJID)
	after["instances"], after["feeds"] = nil, nil
	if !reflect.DeepEqual(before, after) {
		t.Error("a refused import changed something")
	}

	// The same account under another instance, then one that nobody has any more.
	w.exec("delete from instances where id = $1", string(mine))
	must(t, w.st.CreateInstance(t.Context(), store.Instance{ID: other, OwnerID: "user0", CreatedAt: noon}, store.APIKey{ID: "k", Hash: []byte("h"), CreatedAt: noon}))
	w.exec("update instances set device_jid = $1", mineJID)
	_, err = w.take(file, Into{})
	wantFault(t, err, fault.Conflict, "already_here")
	w.exec("update instances set device_jid = ''")
	if _, err = w.take(file, Into{}); err != nil {
		t.Errorf("keys that a deleted instance left stand in the way: %v", err)
	}
}

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
		f.rows(t, "whatsmeow_device", []string{"registration_id", "noise_key", "identity_key", "signed_pre_key", "signed_pre_key_id", "signed_pre_key_sig",
			"adv_key", "adv_details", "adv_account_sig", "adv_account_sig_key", "adv_device_sig", "lid"},
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

func TestExportRefuses(t *testing.T) {
	w := newWorld(t, ownerEmail)
	w.instance(mine, mineJID, 1)
	_, err := Export(t.Context(), w.st, io.Discard, "short", mine, Copy, "")
	wantFault(t, err, fault.Invalid, "")
	_, err = export(t.Context(), w.st, io.Discard, phrase, quick, "unknown00000", Copy, "")
	wantFault(t, err, fault.NotFound, "")
	full := errors.New("disk full")
	if _, err = export(t.Context(), w.st, failing{full}, phrase, quick, mine, Copy, ""); !errors.Is(err, full) {
		t.Errorf("export to a full disk: %v", err)
	}
}

type failing struct{ err error }

func (f failing) Write([]byte) (int, error) { return 0, f.err }

// What runs may change while it is copied: the copy is of one moment.
func TestExportIsOfOneMoment(t *testing.T) {
	w := newWorld(t, ownerEmail)
	w.instance(mine, mineJID, 1)
	var file bytes.Buffer
	meddler := writerFunc(func(p []byte) (int, error) {
		if file.Len() == 0 { // age's header: the transaction has begun, no row is read
			w.exec("delete from messages")
			w.exec("delete from whatsmeow.whatsmeow_device")
		}
		return file.Write(p)
	})
	sum, err := export(t.Context(), w.st, meddler, phrase, quick, mine, Copy, "")
	must(t, err)
	if sum.Rows["messages"] != 6 || sum.Rows["whatsmeow_device"] != 1 {
		t.Errorf("exported %v", sum.Rows)
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

func TestMemoryIsBounded(t *testing.T) {
	const bound = 24 << 20
	from, to := newWorld(t, ownerEmail), newWorld(t, ownerEmail)
	from.instance(mine, mineJID, 1)
	from.exec(`insert into messages (instance_id, chat, id, from_me, sender, timestamp, type, ack, raw)
		select $1, 'big', g::text, false, 's', g, 'chat', 1, sha512(g::text::bytea) || sha512((g+1)::text::bytea) || convert_to(repeat('x', 3000), 'UTF8') from generate_series(1, 20000) g`, string(mine))
	peak := watchHeap(t)
	pipe, into := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		_, err := export(context.Background(), from.st, into, phrase, quick, mine, Move, supervisor.Run)
		ended <- errors.Join(err, into.CloseWithError(err))
	}()
	sum, err := Import(t.Context(), to.st, io.TeeReader(pipe, peak), phrase, Into{})
	must(t, errors.Join(err, <-ended))
	if sum.Rows["messages"] != 20006 {
		t.Errorf("%d messages arrived", sum.Rows["messages"])
	}
	t.Logf("the heap grew by %d KiB", peak.most>>10)
	if peak.most > bound {
		t.Errorf("the heap grew by %d MiB on 120 MiB of rows", peak.most>>20)
	}
}

// heap notes the most that is allocated while something passes.
type heap struct{ base, most uint64 }

func watchHeap(t *testing.T) *heap {
	t.Helper()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return &heap{base: m.HeapAlloc}
}

func (h *heap) Write(p []byte) (int, error) {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	if m.HeapAlloc > h.base {
		h.most = max(h.most, m.HeapAlloc-h.base)
	}
	return len(p), nil
}

// What is deleted leaves nothing, of whatsmeow's neither: it may live elsewhere.
func TestDeletionTakesTheKeys(t *testing.T) {
	w := newWorld(t, ownerEmail)
	w.instance(mine, mineJID, 1)
	w.instance(other, otherJID, 2)
	want := w.content(other, otherJID)
	must(t, w.st.DeleteInstance(t.Context(), mine))
	for name, rows := range w.content(mine, mineJID) {
		if len(rows) != 0 {
			t.Errorf("%d rows of %s are left", len(rows), name)
		}
	}
	if !reflect.DeepEqual(want, w.content(other, otherJID)) {
		t.Error("the other instance has changed")
	}
}
