package api_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"strings"
	"testing"

	"whatsapp-manager/proto/fault"
	workerv1 "whatsapp-manager/proto/worker/v1"
)

func (w *scripted) Upload(stream workerv1.Worker_UploadServer) error {
	sum, size := sha256.New(), 0
	for {
		part, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		sum.Write(part.GetData())
		if size += len(part.GetData()); size > 1<<20 {
			return fault.ToGRPC(&fault.Error{Kind: fault.TooLarge, Op: "test", Field: "file", Msg: "the file is larger than 1048576 bytes"})
		}
	}
	return stream.SendAndClose(&workerv1.UploadResponse{Upload: hex.EncodeToString(sum.Sum(nil)), Size: uint64(size)})
}

// served is the one file that scripted workers have, in parts of three bytes.
const served = "0123456789abcdef"

func (w *scripted) Download(req *workerv1.DownloadRequest, stream workerv1.Worker_DownloadServer) error {
	if !strings.HasSuffix(req.GetMessageId(), "_FILE") {
		return fault.ToGRPC(&fault.Error{Kind: fault.NotFound, Op: "test", Code: "no_file", Msg: "this message has no file, or has it no more"})
	}
	if req.GetOffset() > uint64(len(served)) {
		return fault.ToGRPC(fault.Bad("test", "offset", "offset: too large"))
	}
	head := &workerv1.DownloadResponse{Mimetype: "image/png", Filename: "größe.png", Size: uint64(len(served))}
	rest := served[req.GetOffset():]
	if req.GetPart() != "" {
		rest, head.Size = req.GetPart(), uint64(len(req.GetPart()))
	}
	for {
		n := min(3, len(rest))
		head.Data = []byte(rest[:n])
		if err := stream.Send(head); err != nil || n == 0 {
			return err
		}
		rest, head = rest[n:], &workerv1.DownloadResponse{}
	}
}

type formFile struct{ name, filename, kind, data string }

func form(t *testing.T, params string, files ...formFile) (body []byte, contentType string) {
	t.Helper()
	var buf bytes.Buffer
	w := multipart.NewWriter(&buf)
	for _, f := range files {
		h := textproto.MIMEHeader{}
		h.Set("Content-Disposition", multipart.FileContentDisposition(f.name, f.filename))
		if f.kind != "" {
			h.Set("Content-Type", f.kind)
		}
		part, err := w.CreatePart(h)
		must(t, err)
		_, err = part.Write([]byte(f.data))
		must(t, err)
	}
	if params != "" {
		must(t, w.WriteField("params", params))
	}
	must(t, w.Close())
	return buf.Bytes(), w.FormDataContentType()
}

func TestForm(t *testing.T) {
	o := open(t)
	_, key := o.instance(o.token)
	send := "/api/proxy/" + key + "/sendMessage"
	big := strings.Repeat("x", 600<<10)
	body, kind := form(t, `["1@c.us",{"$file":"a","filename":"mine.bin"},{"caption":"c","extra":{"$file":"b"}}]`,
		formFile{"a", "theirs", "", big}, formFile{"b", "../../b.png", "application/octet-stream", "bbb"})
	o.want(http.StatusOK, "POST", send, "", body, "Content-Type", kind, "Idempotency-Key", "one")
	calls := o.worker.seen()
	var got, want any
	must(t, json.Unmarshal(calls[len(calls)-1].GetParams(), &got))
	sum := func(s string) string { h := sha256.Sum256([]byte(s)); return hex.EncodeToString(h[:]) }
	must(t, json.Unmarshal([]byte(`["1@c.us",{"$type":"MessageMedia","upload":"`+sum(big)+`","filename":"mine.bin"},
		{"caption":"c","extra":{"$type":"MessageMedia","upload":"`+sum("bbb")+`","filename":"b.png","mimetype":"image/png"}}]`), &want))
	if a, b := mustJSON(t, got), mustJSON(t, want); a != b {
		t.Errorf("the worker got\n%s, want\n%s", a, b)
	}
	o.want(http.StatusOK, "POST", send, "", body, "Content-Type", kind, "Idempotency-Key", "one")
	if len(o.worker.seen()) != len(calls) {
		t.Error("the same form under the same key was sent again")
	}
	other, otherKind := form(t, `["1@c.us",{"$file":"a"}]`, formFile{"a", "a.png", "", "another"})
	if a := o.do("POST", send, "", other, "Content-Type", otherKind, "Idempotency-Key", "one"); a.status != http.StatusConflict {
		t.Errorf("another file under the same key: %d", a.status)
	}
}

func mustJSON(t *testing.T, v any) string {
	t.Helper()
	data, err := json.Marshal(v)
	must(t, err)
	return string(data)
}

func TestFormThatIsWrong(t *testing.T) {
	o := open(t)
	_, key := o.instance(o.token)
	send := "/api/proxy/" + key + "/sendMessage"
	a := formFile{"a", "a.png", "image/png", "data"}
	nine := make([]formFile, 9)
	for i := range nine {
		nine[i] = formFile{string(rune('a' + i)), "x.png", "image/png", "data"}
	}
	for _, tc := range []struct {
		name, path, params string
		files              []formFile
		status             int
		field              string
	}{
		{"no params", send, "", []formFile{a}, 400, "params"},
		{"params that are not JSON", send, "[", []formFile{a}, 400, "params"},
		{"params that are no list", send, `"x"`, nil, 400, "body"},
		{"a file that nobody asks for", send, `["1@c.us","hi"]`, []formFile{a}, 400, "a"},
		{"a file that is not there", send, `["1@c.us",{"$file":"b"}]`, nil, 400, "params"},
		{"two files of a name", send, `["1@c.us",{"$file":"a"}]`, []formFile{a, a}, 400, "a"},
		{"too many files", send, `["1@c.us",{"$file":"a"}]`, nine, 400, "i"},
		{"too large", send, `["1@c.us",{"$file":"a"}]`, []formFile{{"a", "a.png", "", strings.Repeat("x", 2<<20)}}, 413, "a"},
		{"NUL in params", send, "[\"1@c.us\",\"\\u0000\"]", nil, 400, "params"},
		{"a method without files", "/api/proxy/" + key + "/getChatById", `["1@c.us"]`, nil, 400, "body"},
		{"too few parameters", send, `[{"$file":"a"}]`, []formFile{a}, 400, ""},
		{"a stranger", "/api/proxy/wam_nosuchkey/sendMessage", `["1@c.us",{"$file":"a"}]`, []formFile{a}, 401, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			body, kind := form(t, tc.params, tc.files...)
			got := o.do("POST", tc.path, "", body, "Content-Type", kind)
			if got.status != tc.status || tc.field != "" && !strings.Contains(string(got.raw), `"`+tc.field+`"`) {
				t.Errorf("%s: %d %.300s", tc.name, got.status, got.raw)
			}
		})
	}
	whole, kind := form(t, `["1@c.us",{"$file":"a"}]`, a)
	for name, body := range map[string][]byte{"cut off": whole[:len(whole)/2], "empty": {}, "garbage": []byte("garbage")} {
		t.Run(name, func(t *testing.T) {
			if got := o.do("POST", send, "", body, "Content-Type", kind); got.status != http.StatusBadRequest {
				t.Errorf("%s: %d %.300s", name, got.status, got.raw)
			}
		})
	}
	if got := o.do("POST", send, "", whole, "Content-Type", "multipart/form-data"); got.status != http.StatusBadRequest {
		t.Errorf("no boundary: %d", got.status)
	}
	if len(o.worker.seen()) != 0 {
		t.Errorf("the worker was asked: %v", o.worker.seen())
	}
}

func TestMessageFile(t *testing.T) {
	o := open(t)
	id, key := o.instance(o.token)
	path := "/api/instances/" + id + "/messages/false_1@c.us_FILE/media"
	whole := o.want(http.StatusOK, "GET", path, key, nil)
	if string(whole.raw) != served || whole.header.Get("Content-Type") != "image/png" || whole.header.Get("Content-Length") != "16" ||
		whole.header.Get("Content-Disposition") != "attachment; filename*=utf-8''gr%C3%B6%C3%9Fe.png" || whole.header.Get("Accept-Ranges") != "bytes" {
		t.Errorf("%q %v", whole.raw, whole.header)
	}
	for ask, want := range map[string]string{"bytes=0-4": "01234", "bytes=5-": "56789abcdef", "bytes=-3": "def", "bytes=7-7": "7", "bytes=15-99": "f"} {
		t.Run(ask, func(t *testing.T) {
			got := o.want(http.StatusPartialContent, "GET", path, key, nil, "Range", ask)
			if string(got.raw) != want {
				t.Errorf("%s: %q", ask, got.raw)
			}
		})
	}
	if several := o.want(http.StatusPartialContent, "GET", path, key, nil, "Range", "bytes=1-2,10-11"); !bytes.Contains(several.raw, []byte("12")) || !bytes.Contains(several.raw, []byte("ab")) {
		t.Errorf("two ranges: %q", several.raw)
	}
	if got := o.want(http.StatusRequestedRangeNotSatisfiable, "GET", path, key, nil, "Range", "bytes=40-"); got.header.Get("Content-Range") != "bytes */16" {
		t.Errorf("behind the end: %v", got.header)
	}
	o.want(http.StatusNotModified, "GET", path, key, nil, "If-None-Match", whole.header.Get("ETag"))
	if head := o.want(http.StatusOK, "HEAD", path, key, nil); head.header.Get("Content-Length") != "16" {
		t.Errorf("HEAD: %v", head.header)
	}
	part := o.want(http.StatusOK, "GET", path+"?part=card:3", key, nil)
	if string(part.raw) != "card:3" || part.header.Get("ETag") == whole.header.Get("ETag") {
		t.Errorf("a part: %q %v", part.raw, part.header)
	}
	if none := o.want(http.StatusNotFound, "GET", "/api/instances/"+id+"/messages/false_1@c.us_TEXT/media", key, nil); none.str("code") != "no_file" {
		t.Errorf("no file: %s", none.raw)
	}
	_, other := o.instance(o.token)
	o.want(http.StatusNotFound, "GET", path, other, nil)
	o.want(http.StatusUnauthorized, "GET", path, "", nil)
}
