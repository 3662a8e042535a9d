package store_test

import (
	"testing"
	"time"

	"whatsapp-manager/proto/fault"
	"whatsapp-manager/supervisor"
	"whatsapp-manager/supervisor/store"
	"whatsapp-manager/supervisor/store/storetest"
)

const (
	a supervisor.ID = "aaaaaaaaaaaa"
	b supervisor.ID = "bbbbbbbbbbbb"
)

func TestInstances(t *testing.T) {
	st, ctx := setUp(t, a, b)
	must(t, st.CreateUser(ctx, store.User{ID: "o2", Email: "o2@example.org", Role: "user", CreatedAt: noon}))
	c := store.Instance{ID: "cccccccccccc", OwnerID: "o2", Name: "c", Desired: supervisor.Run, CreatedAt: noon.Add(time.Minute)}
	must(t, st.CreateInstance(ctx, c, store.APIKey{ID: "kc", Hash: []byte("c"), CreatedAt: noon}))

	list, total, err := st.Instances(ctx, "", 0, 2)
	must(t, err)
	if total != 3 || len(list) != 2 || list[0].ID != c.ID || list[1].ID != b {
		t.Errorf("got %v of %d", list, total)
	}
	list, total, err = st.Instances(ctx, owner, 1, 10)
	must(t, err)
	if total != 2 || len(list) != 1 || list[0].ID != a {
		t.Errorf("got %v of %d", list, total)
	}

	name, limit := "new", 0
	must(t, st.UpdateInstance(ctx, a, &name, nil, &limit, nil))
	in, err := st.Instance(ctx, a)
	must(t, err)
	if in.Name != "new" || in.Description != "" || in.SendsPerMinute != 0 || in.Desired != supervisor.Stop || in.Worker != nil || !in.UpdatedAt.After(noon) {
		t.Errorf("got %+v", in)
	}
	limit = -1
	equal(t, "field", wantKind(t, st.UpdateInstance(ctx, a, nil, nil, &limit, nil), fault.Invalid).Field, "sends_per_minute")
	wantKind(t, st.UpdateInstance(ctx, "zzzzzzzzzzzz", &name, nil, nil, nil), fault.NotFound)

	f := wantKind(t, st.CreateInstance(ctx, store.Instance{ID: a, OwnerID: owner, CreatedAt: noon}, store.APIKey{ID: "x", Hash: []byte("x")}), fault.Conflict)
	equal(t, "field", f.Field, "id")
	f = wantKind(t, st.CreateInstance(ctx, store.Instance{ID: "dddddddddddd", OwnerID: "nobody", CreatedAt: noon}, store.APIKey{ID: "x", Hash: []byte("x")}), fault.NotFound)
	equal(t, "field", f.Field, "owner_id")
	wantKind(t, st.CreateInstance(ctx, store.Instance{ID: "UPPER", OwnerID: owner, CreatedAt: noon}, store.APIKey{ID: "x", Hash: []byte("x")}), fault.Invalid)
	f = wantKind(t, st.CreateInstance(ctx, store.Instance{ID: "dddddddddddd", OwnerID: owner, CreatedAt: noon}, store.APIKey{ID: "x", Hash: []byte("c")}), fault.Conflict)
	equal(t, "field", f.Field, "hash")
	if _, err := st.Instance(ctx, "dddddddddddd"); !fault.Is(err, fault.NotFound) {
		t.Errorf("half an instance was created: %v", err)
	}
}

func TestDeletionHidesFirstAndRemovesLast(t *testing.T) {
	u := storetest.NewURL(t)
	st, err := store.Open(t.Context(), u)
	must(t, err)
	defer st.Close()
	ctx := t.Context()
	fill(t, st, a, b)
	must(t, st.CreateEndpoint(ctx, store.Endpoint{ID: "e", Instance: a, URL: "http://x", Secret: []byte("s"), CreatedAt: noon, UpdatedAt: noon}))
	must(t, st.Park(ctx, "e", 1, []store.Backlog{{Seq: 1, NextAt: noon}}))
	exec(t, u, "insert into messages (instance_id, chat, id, from_me, sender, timestamp, type, ack) values ($1, 'c', 'm', false, 's', 1, 'chat', 1)", a)
	n, err := st.MessageCount(ctx, a)
	must(t, err)
	equal(t, "messages", n, int64(1))

	must(t, st.MarkDeleted(ctx, a, noon))
	must(t, st.MarkDeleted(ctx, a, noon.Add(time.Hour)))
	_, err = st.Instance(ctx, a)
	wantKind(t, err, fault.NotFound)
	_, _, err = st.InstanceByKeyHash(ctx, []byte("hash-"+a))
	wantKind(t, err, fault.NotFound)
	list, total, err := st.Instances(ctx, "", 0, 10)
	must(t, err)
	if total != 1 || len(list) != 1 || list[0].ID != b {
		t.Errorf("got %v of %d", list, total)
	}
	all, err := st.AllEndpoints(ctx)
	must(t, err)
	equal(t, "endpoints", len(all), 0)
	deleted, err := st.DeletedInstances(ctx)
	must(t, err)
	if len(deleted) != 1 || deleted[0].ID != a || !deleted[0].DeletedAt.Equal(noon) || deleted[0].Desired != supervisor.Stop {
		t.Errorf("got %+v", deleted)
	}
	records, err := st.Supervision().Instances(ctx)
	must(t, err)
	if len(records) != 2 || !records[0].DeletedAt.Equal(noon) || !records[1].DeletedAt.IsZero() {
		t.Errorf("got %+v", records)
	}

	must(t, st.DeleteInstance(ctx, a))
	wantKind(t, st.DeleteInstance(ctx, a), fault.NotFound)
	wantKind(t, st.MarkDeleted(ctx, a, noon), fault.NotFound)
	n, err = st.MessageCount(ctx, a)
	must(t, err)
	equal(t, "messages", n, int64(0))
	_, err = st.Endpoint(ctx, "e")
	wantKind(t, err, fault.NotFound)
}

func TestKeys(t *testing.T) {
	st, ctx := setUp(t, a, b)
	must(t, st.InsertKey(ctx, store.APIKey{ID: "k2", InstanceID: a, Name: "second", Hash: []byte("second"), Prefix: "wam_2", CreatedAt: noon.Add(time.Hour)}))
	in, key, err := st.InstanceByKeyHash(ctx, []byte("second"))
	must(t, err)
	if in.ID != a || in.Name != "n-"+string(a) || key.ID != "k2" || key.InstanceID != a || key.Name != "second" || key.RevokedAt != nil {
		t.Errorf("got %+v %+v", in, key)
	}
	_, _, err = st.InstanceByKeyHash(ctx, []byte("no"))
	wantKind(t, err, fault.NotFound)
	wantKind(t, st.InsertKey(ctx, store.APIKey{ID: "k3", InstanceID: "zzzzzzzzzzzz", Hash: []byte("k3"), CreatedAt: noon}), fault.NotFound)

	must(t, st.TouchKeys(ctx, nil))
	must(t, st.TouchKeys(ctx, map[string]time.Time{"k2": noon.Add(time.Minute), "unknown": noon}))
	must(t, st.TouchKeys(ctx, map[string]time.Time{"k2": noon}))
	wantKind(t, st.RevokeKey(ctx, b, "k2", noon), fault.NotFound) // another instance's key
	must(t, st.RevokeKey(ctx, a, "k2", noon))
	must(t, st.RevokeKey(ctx, a, "k2", noon.Add(time.Hour)))
	keys, err := st.Keys(ctx, a)
	must(t, err)
	if len(keys) != 2 || keys[1].ID != "k2" || !keys[1].LastUsedAt.Equal(noon.Add(time.Minute)) || !keys[1].RevokedAt.Equal(noon) {
		t.Errorf("got %+v", keys)
	}
	_, _, err = st.InstanceByKeyHash(ctx, []byte("second"))
	wantKind(t, err, fault.NotFound)
}
