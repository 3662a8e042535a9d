package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"whatsapp-manager/supervisor/moving"
	"whatsapp-manager/supervisor/moving/formats"
	"whatsapp-manager/worker/keystore"
)

// foreign is an account with little in it, of the device with that number.
func foreign(device string) *moving.Account {
	b := func(n int) []byte { return append(make([]byte, n-1), 1) }
	return &moving.Account{
		Device: moving.Device{
			JID: "4915112345678:" + device + "@s.whatsapp.net", RegistrationID: 1, Noise: [32]byte{1}, Identity: [32]byte{2}, SignedPreKey: [32]byte{3}, SignedID: 1,
			Signature: b(64), AdvSecret: b(32), Details: b(2), AccountSignature: b(64), AccountKey: b(32), DeviceSignature: b(64), PushName: "Shop",
		},
		PreKeys: []moving.PreKey{{ID: 1, Private: [32]byte{9}, Uploaded: true}},
	}
}

// written is the account in a form, as bytes of a file or files of a folder.
func written(t *testing.T, form string, a *moving.Account) map[string][]byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "out")
	if _, err := formats.Write(t.Context(), form, path, a, keystore.CreateIn); err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{}
	err := filepath.WalkDir(path, func(name string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		raw, err := os.ReadFile(name)
		files[filepath.Base(name)] = raw
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func zipped(t *testing.T, files map[string][]byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	for name, raw := range files {
		f, err := w.Create("auth/" + name)
		if err == nil {
			_, err = f.Write(raw)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func tarred(t *testing.T, files map[string][]byte) []byte {
	t.Helper()
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	w := tar.NewWriter(z)
	for name, raw := range files {
		if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o600, Size: int64(len(raw)), Typeflag: tar.TypeReg}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(raw); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// upload sends a file, and returns the status and the answer's fields.
func (i *installation) upload(token, query string, body []byte) (int, map[string]any) {
	i.t.Helper()
	return i.send(token, query, bytes.NewReader(body))
}

// send is upload with a body that may come slowly.
func (i *installation) send(token, query string, body io.Reader) (int, map[string]any) {
	i.t.Helper()
	ctx, cancel := context.WithTimeout(i.t.Context(), time.Minute)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, i.base+"/api/instances/import?"+query, body)
	if err != nil {
		i.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/octet-stream")
	req.Header.Set("Authorization", "Bearer "+token)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		i.t.Fatal(err)
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		i.t.Fatal(err)
	}
	fields := map[string]any{}
	if err := json.Unmarshal(raw, &fields); err != nil {
		i.t.Fatalf("%d %s", res.StatusCode, raw)
	}
	return res.StatusCode, fields
}

func TestAccountsArriveOverHTTP(t *testing.T) {
	i := install(t)
	admin := i.login("admin@localhost")
	for n, tc := range []struct {
		name, query string
		body        func(device string) []byte
	}{
		{"SQLite", "from=whatsmeow-sqlite", func(d string) []byte { return written(t, formats.SQLite, foreign(d))["out"] }},
		{"SQLite, zipped", "from=whatsmeow-sqlite", func(d string) []byte { return zipped(t, written(t, formats.SQLite, foreign(d))) }},
		{"Baileys, zipped", "from=baileys", func(d string) []byte { return zipped(t, written(t, formats.Baileys, foreign(d))) }},
		{"Baileys, tarred", "from=baileys&name=" + url.QueryEscape("My bot"), func(d string) []byte { return tarred(t, written(t, formats.Baileys, foreign(d))) }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			body := tc.body(string(rune('2' + n)))
			status, got := i.upload(admin, tc.query, body)
			instance, _ := got["instance"].(map[string]any)
			report, _ := got["report"].(map[string]any)
			if status != http.StatusCreated || instance["desired"] != "stop" || !strings.HasPrefix(got["apiKey"].(string), "wam_") || report["device"] != foreign(string(rune('2'+n))).Device.JID {
				t.Fatalf("%d %v", status, got)
			}
			if want := "Shop"; instance["name"] != want && instance["name"] != "My bot" {
				t.Errorf("the name is %v", instance["name"])
			}
			if status, got := i.upload(admin, tc.query, body); status != http.StatusConflict || got["code"] != "already_here" {
				t.Errorf("the second time: %d %v", status, got)
			}
		})
	}
	if left, err := filepath.Glob(filepath.Join(i.data, "incoming-*")); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// Nothing that somebody sends is a 5xx, or leaves an instance.
func TestArrivalsThatAreRefused(t *testing.T) {
	i := install(t, "WAM_MAX_INSTANCES_PER_USER=1")
	admin := i.login("admin@localhost")
	i.ask("POST", "/api/users", `{"email":"ada@example.org","password":"`+testPassword+`","role":"user"}`, "Authorization", admin)
	ada := i.login("ada@example.org")
	good := written(t, formats.SQLite, foreign("2"))["out"]
	folder := written(t, formats.Baileys, foreign("3"))
	with := func(name, text string) []byte {
		changed := maps.Clone(folder)
		changed[name] = []byte(text)
		return zipped(t, changed)
	}
	for _, tc := range []struct {
		name, query string
		body        []byte
		status      int
		field       string
	}{
		{"no form", "", good, 400, "from"},
		{"another form", "from=paper", good, 400, "from"},
		{"a database URL", "from=whatsmeow-postgres", []byte("postgres://x"), 400, "from"},
		{"no body", "from=baileys", nil, 400, "body"},
		{"too large", "from=baileys", make([]byte, 256<<20+1), 413, "body"},
		{"a long name", "from=whatsmeow-sqlite&name=" + strings.Repeat("x", 101), good, 400, "name"},
		{"no such device", "from=whatsmeow-sqlite&device=1", good, 400, "device"},
		{"text", "from=whatsmeow-sqlite", []byte("hello"), 400, "file"},
		{"half a database", "from=whatsmeow-sqlite", good[:len(good)/2], 400, "file"},
		{"a database for a folder", "from=baileys", good, 400, "file"},
		{"an empty archive", "from=baileys", zipped(t, nil), 400, "file"},
		{"half an archive", "from=baileys", with("creds.json", "{}")[:300], 400, "file"},
		{"no account", "from=baileys", with("creds.json", "{}"), 400, "file"},
		{"no JSON", "from=baileys", with("creds.json", "{"), 400, "file"},
		{"a number for a session", "from=baileys", with("session-1.0.json", "7"), 400, "file"},
		{"null for a session", "from=baileys", with("session-1.0.json", `{"_sessions":{"a":null},"version":"v1"}`), 201, ""},
		{"a session of nowhere", "from=baileys", with("session-x y.json", "{}"), 400, "file"},
		{"deep JSON", "from=baileys", with("session-1.0.json", strings.Repeat("[", 100_000)), 400, "file"},
		{"a sender key of numbers", "from=baileys", with("sender-key-1@g.us--1--0.json", `{"type":"Buffer","data":[91,49,93]}`), 400, "file"},
		{"a short hash", "from=baileys", with("app-state-sync-version-regular.json", `{"version":1,"hash":"AA==","indexValueMap":{}}`), 400, "file"},
		{"an archive that grows", "from=baileys", with("session-1.0.json", strings.Repeat(" ", 5<<20)), 400, "file"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			status, got := i.upload(admin, tc.query, tc.body)
			if status != tc.status || tc.field != "" && got["field"] != tc.field {
				t.Errorf("%d %v, want %d for %s", status, got, tc.status, tc.field)
			}
		})
	}
	t.Run("above the limit", func(t *testing.T) {
		if status, got := i.upload(ada, "from=whatsmeow-sqlite", good); status != http.StatusCreated {
			t.Fatalf("the first: %d %v", status, got)
		}
		other := written(t, formats.SQLite, foreign("9"))["out"]
		if status, got := i.upload(ada, "from=whatsmeow-sqlite", []byte("nothing is read")); status != http.StatusForbidden || got["code"] != "instance_limit" {
			t.Errorf("before anything is read: %d %v", status, got)
		}
		if status, got := i.upload(ada, "from=whatsmeow-sqlite", other); status != http.StatusForbidden || got["code"] != "instance_limit" {
			t.Errorf("the second: %d %v", status, got)
		}
	})
	t.Run("an instance's key", func(t *testing.T) {
		key := i.made("POST", "/api/instances", `{"name":"x"}`, admin, "apiKey")
		if status, got := i.upload(key, "from=whatsmeow-sqlite", good); status != http.StatusForbidden && status != http.StatusUnauthorized {
			t.Errorf("%d %v", status, got)
		}
	})
}

// What an import left that was killed has open keys in it. One that runs is left alone.
func TestImportsThatWereCutOffLeaveNothing(t *testing.T) {
	dir := t.TempDir()
	old, fresh, other := filepath.Join(dir, "incoming-1"), filepath.Join(dir, "incoming-2"), filepath.Join(dir, "postgres")
	for _, name := range []string{old, fresh, other} {
		if err := os.Mkdir(name, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{old, other} {
		if err := os.Chtimes(name, time.Now(), time.Now().Add(-2*stale)); err != nil {
			t.Fatal(err)
		}
	}
	if err := sweepIncoming(dir); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]bool{old: false, fresh: true, other: true} {
		if _, err := os.Stat(name); (err == nil) != want {
			t.Errorf("%s is there: %v, want %v", name, err == nil, want)
		}
	}
}

// Whoever sends slowly keeps nobody waiting, and makes nothing once they are disabled.
func TestASlowArrival(t *testing.T) {
	i := install(t)
	admin := i.login("admin@localhost")
	id := i.made("POST", "/api/users", `{"email":"ada@example.org","password":"`+testPassword+`","role":"user"}`, admin, "user", "id")
	ada := i.login("ada@example.org")
	good := written(t, formats.SQLite, foreign("2"))["out"]
	body, out := io.Pipe()
	answer := make(chan int, 1)
	go func() {
		status, _ := i.send(ada, "from=whatsmeow-sqlite", body)
		answer <- status
	}()
	if _, err := out.Write(good[:len(good)/2]); err != nil {
		t.Fatal(err)
	}
	begun := func() bool {
		kept, err := filepath.Glob(filepath.Join(i.data, "incoming-*"))
		return err == nil && len(kept) == 1
	}
	for !begun() {
		select {
		case status := <-answer:
			t.Fatalf("the slow import ended: %d", status)
		default:
			runtime.Gosched()
		}
	}
	if status, got := i.upload(ada, "from=whatsmeow-sqlite", good); status != http.StatusTooManyRequests || got["code"] != "import_running" {
		t.Errorf("the same user's second import: %d %v", status, got)
	}
	if status, got := i.upload(admin, "from=whatsmeow-sqlite", written(t, formats.SQLite, foreign("3"))["out"]); status != http.StatusCreated {
		t.Errorf("another user's import: %d %v", status, got)
	}
	if a := i.ask("PATCH", "/api/users/"+id, `{"disabled":true}`, "Authorization", admin); a.status != http.StatusOK {
		t.Fatalf("disable: %+v", a)
	}
	if _, err := out.Write(good[len(good)/2:]); err != nil {
		t.Fatal(err)
	}
	out.Close()
	if status := <-answer; status != http.StatusUnauthorized {
		t.Errorf("the import of a user who is disabled: %d", status)
	}
}
