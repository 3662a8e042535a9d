package archive

import (
	"bytes"
	"os"
	"reflect"
	"slices"
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
