package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"whatsapp-manager/proto/fault"
	"whatsapp-manager/supervisor"
	"whatsapp-manager/supervisor/store"
	"whatsapp-manager/supervisor/store/storetest"
)

// An export that does not come to its end leaves the account where it was: not
// moved, no file.
func TestInterruptedMoveIsNone(t *testing.T) {
	const id supervisor.ID = "inst00000001"
	dir, url := t.TempDir(), storetest.NewURL(t)
	st, err := store.Open(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	if err := st.CreateUser(t.Context(), store.User{
		ID: "u", Email: "a@example.org", Role: "user",
		CreatedAt: time.Now(),
	}); err != nil {
		t.Fatal(err)
	}
	in := store.Instance{ID: id, OwnerID: "u", Name: "one", Desired: supervisor.Run, CreatedAt: time.Now()}
	if err := st.CreateInstance(t.Context(), in, store.APIKey{
		ID: "k", Hash: []byte("h"),
		CreatedAt: time.Now(),
	}); err != nil {
		t.Fatal(err)
	}
	secret, file := filepath.Join(dir, "secret"), filepath.Join(dir, "one.wam")
	if err := os.WriteFile(secret, []byte("correct horse battery staple"), 0o600); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	o := &operation{
		config: config{Node: nodeSettings{RunDir: filepath.Join(dir, "run"), NodeID: "node1"}}, store: st,
		out: &out,
	}

	// Somebody holds a table, so that the export waits in its midst.
	holder, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer holder.Close(context.Background())
	if _, err := holder.Exec(t.Context(), "begin; lock table messages in access exclusive mode"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- exporting{move: true}.run(ctx, o, passphrase{secret}, id, file) }()
	for waiting := 0; waiting == 0; {
		select {
		case err := <-ended:
			t.Fatalf("the export ended before it could be interrupted: %v", err)
		case <-time.After(10 * time.Millisecond):
		}
		if err := st.Pool().QueryRow(ctx, "select count(*) from pg_locks where not granted").Scan(&waiting); err != nil {
			t.Fatal(err)
		}
	}
	if now, err := st.Instance(ctx, id); err != nil || now.MovedAt == nil || now.Desired != supervisor.Stop {
		t.Errorf("during the export: %+v, %v", now, err)
	}
	cancel()
	err = <-ended
	if err == nil || !strings.Contains(err.Error(), "stays here") {
		t.Errorf("the interrupted export says %v", err)
	}
	now, err := st.Instance(t.Context(), id)
	if err != nil || now.MovedAt != nil || now.Desired != supervisor.Stop {
		t.Errorf("after it: %+v, %v", now, err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
		t.Errorf("files left: %v, %v", entries, err)
	}

	// The next one works, and is the last.
	if _, err := holder.Exec(t.Context(), "rollback"); err != nil {
		t.Fatal(err)
	}
	if err := (exporting{move: true}).run(t.Context(), o, passphrase{secret}, id, file); err != nil {
		t.Fatal(err)
	}
	if err := (exporting{move: true}).run(t.Context(), o, passphrase{secret}, id, file+"2"); !fault.Is(err,
		fault.Conflict) || !strings.Contains(err.Error(), "reclaim") {
		t.Errorf("second export: %v", err)
	}
	if err := reclaim(t.Context(), o, []string{string(id)}); err != nil {
		t.Error(err)
	}
	if now, err := st.Instance(t.Context(), id); err != nil || now.MovedAt != nil {
		t.Errorf("reclaimed: %+v, %v", now, err)
	}
}
