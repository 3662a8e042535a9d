package outbox_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"mime/multipart"
	"net/http"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"

	"whatsapp-manager/api/apitest"
	workerv1 "whatsapp-manager/proto/worker/v1"
)

// uploading is the stream by which a worker gets a file.
type uploading struct {
	grpc.ClientStream
	r    *rig
	data bytes.Buffer
}

func (w worker) Upload(context.Context, ...grpc.CallOption) (workerv1.Worker_UploadClient, error) {
	return &uploading{r: w.r}, nil
}

func (u *uploading) Send(req *workerv1.UploadRequest) error {
	u.data.Write(req.GetData())
	return nil
}

func (u *uploading) CloseAndRecv() (*workerv1.UploadResponse, error) {
	sum := sha256.Sum256(u.data.Bytes())
	name := hex.EncodeToString(sum[:])
	u.r.mu.Lock()
	defer u.r.mu.Unlock()
	if u.r.uploads == nil {
		u.r.uploads = map[string]int{}
	}
	u.r.uploads[name]++
	return &workerv1.UploadResponse{Upload: name, Size: uint64(u.data.Len())}, nil
}

// sendForm queues a form with the file photo.
func (r *rig) sendForm(key string, fields map[string]string, file []byte) (int, answer) {
	r.t.Helper()
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	for name, text := range fields {
		must(r.t, w.WriteField(name, text))
	}
	part, err := w.CreateFormFile("photo", "cat.png")
	must(r.t, err)
	_, err = part.Write(file)
	must(r.t, err)
	must(r.t, w.Close())
	resp, raw := apitest.Do(r.t, "POST", r.url+"/api/instances/"+r.id+"/sends", r.token, body.Bytes(), "Content-Type", w.FormDataContentType(), "Idempotency-Key", key)
	a := answer{}
	_ = json.Unmarshal(raw, &a)
	return resp.StatusCode, a
}

func (r *rig) rows(table string) (n int) {
	r.t.Helper()
	must(r.t, r.store.Pool().QueryRow(r.t.Context(), "select count(*)::int from "+table).Scan(&n))
	return n
}

// until waits until there are so many rows, which nobody announces.
func (r *rig) until(table string, want int) {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), 30*time.Second)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for r.rows(table) != want {
		select {
		case <-tick.C:
		case <-ctx.Done():
			r.t.Fatalf("%d %s, want %d", r.rows(table), table, want)
		}
	}
}

// TestFormsWait: the files of a form wait with its message, reach the worker whole before the
// call that names them, and are gone when the message has ended.
func TestFormsWait(t *testing.T) {
	r, run := newRig(t, 0)
	file := make([]byte, 1<<20+17)
	_, _ = rand.Read(file)
	sum := sha256.Sum256(file)
	name := hex.EncodeToString(sum[:])
	params := map[string]string{"params": `["4915112345678@c.us",{"$file":"photo"},{"caption":"a cat"}]`}
	for range 2 { // the second one is the same send
		if status, a := r.sendForm("k1", params, file); status != http.StatusAccepted || a.str("send.state") != "queued" {
			t.Fatalf("%d %v", status, a)
		}
	}
	if status, a := r.sendForm("k1", params, file[1:]); status != http.StatusConflict || a.str("code") != "key_reused" {
		t.Errorf("another file under the key: %d %v", status, a)
	}
	r.until("send_files", 1)
	r.until("send_file_parts", 5)
	end := run()
	r.state("k1", "sent")
	end()
	calls := r.seen()
	if len(calls) != 1 || !strings.Contains(string(calls[0].GetParams()), `"upload":"`+name+`"`) || !strings.Contains(string(calls[0].GetParams()), `"mimetype":"image/png"`) {
		t.Fatalf("the worker was asked %v", calls)
	}
	if r.uploads[name] != 1 || len(r.uploads) != 1 {
		t.Errorf("the worker got %v, want %s", r.uploads, name)
	}
	if files, parts := r.rows("send_files"), r.rows("send_file_parts"); files+parts != 0 {
		t.Errorf("%d files and %d parts are left", files, parts)
	}

	tomorrow := map[string]string{"params": params["params"], "method": "sendMessage", "sendAt": time.Now().Add(24 * time.Hour).Format(time.RFC3339)}
	if status, a := r.sendForm("k2", tomorrow, file); status != http.StatusAccepted || a.str("send.sendAt") == "" {
		t.Fatalf("scheduled: %d %v", status, a)
	}
	r.want(http.StatusOK, "DELETE", "/api/instances/"+r.id+"/sends/k2", nil)
	if n := r.rows("send_file_parts"); n != 0 {
		t.Errorf("%d parts of a cancelled one are left", n)
	}
	for what, fields := range map[string]map[string]string{
		"no params":            {},
		"no such method":       {"params": params["params"], "method": "fly"},
		"method without files": {"params": params["params"], "method": "Message.react"},
		"no time":              {"params": params["params"], "sendAt": "soon"},
		"a file nobody wants":  {"params": `["4915112345678@c.us","x"]`},
		"a field too many":     {"params": params["params"], "more": "x"},
	} {
		t.Run(what, func(t *testing.T) {
			if status, a := r.sendForm("k3", fields, file); status < 400 || status > 499 {
				t.Errorf("%d %v", status, a)
			}
			r.until("send_files", 0)
		})
	}
}
