package api_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"whatsapp-manager/api"
	"whatsapp-manager/supervisor"
)

// Files in a large JSON body reach the worker as a form's do: the call names an
// upload, and nobody held the file.
func TestFilesInJSONAreUploads(t *testing.T) {
	o := open(t, func(c *api.Config, _ *api.Deps) { c.BodyLimit, c.MediaBodyLimit = 128<<10, 4<<20 })
	id, key := o.instance(o.token)
	file := bytes.Repeat([]byte("a file "), 100_000)
	h := sha256.Sum256(file)
	name, b64 := hex.EncodeToString(h[:]), base64.StdEncoding.EncodeToString(file)
	proxy := "/api/proxy/" + key + "/sendMessage"
	params := `["1@c.us",{"mimetype":"image/png","data":"` + b64 + `"},{"media":{"data":"data:image/png;base64,` + b64 + `"}}]`
	want := `["1@c.us",{"mimetype":"image/png","upload":"` + name + `"},{"media":{"mimetype":"image/png","upload":"` + name + `"}}]`
	for _, tc := range []struct {
		name, path, body, want string
		chunked                bool
	}{
		{"an object", proxy, `{"params":` + params + `}`, want, false},
		{"the array alone", proxy, params, want, false},
		{"without a length", proxy, params, want, true},
		{"the route", "/api/instances/" + id + "/send", `{"chatId":"1@c.us","content":{"data":"` + b64 + `"}}`, `["1@c.us",{"upload":"` + name + `"}]`, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var body io.Reader = strings.NewReader(tc.body)
			if tc.chunked {
				body = io.MultiReader(body)
			}
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, o.url+tc.path, body)
			must(t, err)
			req.Header.Set("Content-Type", "application/json")
			req.Header.Set("X-API-Key", key)
			res, err := http.DefaultClient.Do(req)
			must(t, err)
			defer res.Body.Close()
			if res.StatusCode/100 != 2 {
				text, _ := io.ReadAll(res.Body)
				t.Fatalf("%d %s", res.StatusCode, text)
			}
			calls := o.worker.seen()
			var got, expected any
			must(t, json.Unmarshal(calls[len(calls)-1].GetParams(), &got))
			must(t, json.Unmarshal([]byte(tc.want), &expected))
			if a, b := mustJSON(t, got), mustJSON(t, expected); a != b {
				t.Errorf("the worker got %.400s, want %s", a, b)
			}
		})
	}
	if peak := o.figure("wam_http_memory_peak_bytes"); peak > 512<<10 {
		t.Errorf("%.0f bytes were held for files of 700 kB", peak)
	}
	for _, tc := range []struct {
		name, body string
		status     int
		field      string
	}{
		{"no base64", `["1@c.us",{"data":"` + strings.Repeat("?", 200<<10) + `"}]`, 400, "params[1].data"},
		{"larger than the worker takes", `["1@c.us",{"data":"` + strings.Repeat("A", 2<<20) + `"}]`, 413, "params[1].data"},
		{"larger than any body", `["1@c.us",{"data":"` + strings.Repeat("A", 5<<20) + `"}]`, 413, "body"},
		{"no file", `["1@c.us","` + strings.Repeat("A", 200<<10) + `"]`, 413, "body"},
		{"no JSON", `["1@c.us",{"data":"` + b64 + `"}`, 400, "body"},
		{"NUL beside a file", `["1@c.us",{"data":"` + b64 + `","filename":"\u0000"}]`, 400, "[1].filename"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			before := len(o.worker.seen())
			a := o.do("POST", proxy, "", []byte(tc.body))
			if a.status != tc.status || a.str("details.field") != tc.field {
				t.Errorf("%d %.300s, want %d naming %s", a.status, a.raw, tc.status, tc.field)
			}
			if len(o.worker.seen()) != before {
				t.Error("the worker was asked")
			}
		})
	}
}

// A repeated send with a file is answered from the books, also when the instance
// was stopped since.
func TestARepeatedFileNeedsNoWorker(t *testing.T) {
	o := open(t, func(c *api.Config, _ *api.Deps) { c.BodyLimit, c.MediaBodyLimit = 128<<10, 4<<20 })
	id, key := o.instance(o.token)
	body := []byte(`["1@c.us",{"mimetype":"image/png","data":"` + strings.Repeat("QUJD", 100<<10) + `"}]`)
	send := func() answer {
		return o.do("POST", "/api/proxy/"+key+"/sendMessage", "", body, "Idempotency-Key", "one")
	}
	if a := send(); a.status != http.StatusOK {
		t.Fatalf("%d %s", a.status, a.raw)
	}
	calls := len(o.worker.seen())
	o.desk.set(supervisor.ID(id), func(st *supervisor.Status) { st.State, st.Desired = supervisor.Stopped, supervisor.Stop })
	if a := send(); a.status != http.StatusOK || a.header.Get("Idempotency-Replayed") != "true" || len(o.worker.seen()) != calls {
		t.Errorf("%d %s", a.status, a.raw)
	}
}
