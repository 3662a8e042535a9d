package e2e

import (
	"bytes"
	"context"
	"io"
	"mime/multipart"
	"net/http"
	"testing"
	"time"

	"whatsapp-manager/worker/message"
	"whatsapp-manager/worker/wasim"
	"whatsapp-manager/worker/wasim/phone"
)

// A file comes as a form and goes to the contact; one of the contact's is read
// in parts. Neither is JSON on its way.
func TestFilesAsTheyAre(t *testing.T) {
	t.Parallel()
	s := common.start(t)
	alice := link(t, s, person(t, "Alice", wasim.AccountOptions{}))
	bob := person(t, "Bob", wasim.AccountOptions{})
	data := bytes.Repeat([]byte("a large file "), 100_000)
	arrived := make(chan phone.Received, 4)
	defer bob.Phone().Subscribe(func(r phone.Received) { arrived <- r })()

	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	must(t, w.WriteField("params", `["`+wid(bob)+`",{"$file":"report"},{"caption":"for you"}]`))
	part, err := w.CreateFormFile("report", "report.pdf")
	must(t, err)
	_, err = part.Write(data)
	must(t, err)
	must(t, w.Close())
	form := bytes.Clone(body.Bytes())
	fetch := func(method, path, kind string, body io.Reader, headers map[string]string) (*http.Response, []byte) {
		t.Helper()
		req, err := http.NewRequestWithContext(deadline(t, 30*time.Second), method, s.Client.Base+path, body)
		must(t, err)
		req.Header.Set("X-API-Key", alice.key)
		if kind != "" {
			req.Header.Set("Content-Type", kind)
		}
		for k, v := range headers {
			req.Header.Set(k, v)
		}
		resp, err := http.DefaultClient.Do(req)
		must(t, err)
		defer resp.Body.Close()
		got, err := io.ReadAll(resp.Body)
		must(t, err)
		return resp, got
	}
	resp, answer := fetch("POST", "/api/proxy/sendMessage", w.FormDataContentType(), &body, nil)
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("send: %d %.300s", resp.StatusCode, answer)
	}
	came := func() {
		t.Helper()
		var doc phone.Received
		select {
		case doc = <-arrived:
		case <-time.After(30 * time.Second):
			t.Fatal("nothing arrived")
		}
		file := doc.Message.GetDocumentMessage()
		if file == nil {
			file = doc.Message.GetDocumentWithCaptionMessage().GetMessage().GetDocumentMessage()
		}
		if got, err := bob.Phone().Download(message.Unwrap(doc.Message).Message); err != nil || !bytes.Equal(got, data) ||
			file.GetFileName() != "report.pdf" || file.GetCaption() != "for you" || file.GetMimetype() != "application/pdf" {
			t.Errorf("Bob got %d bytes, %v, %v", len(got), err, doc.Message)
		}
	}
	came()
	// The queue takes the same form.
	resp, answer = fetch("POST", "/api/instances/"+alice.id+"/sends", w.FormDataContentType(), bytes.NewReader(form), nil)
	if resp.StatusCode != http.StatusAccepted {
		t.Fatalf("queue: %d %.300s", resp.StatusCode, answer)
	}
	came()

	id, err := bob.Phone().SendDocument(context.WithoutCancel(t.Context()), alice.PN(), "text/plain", "answer.txt", data)
	must(t, err)
	path := "/api/instances/" + alice.id + "/messages/false_" + wid(bob) + "_" + id + "/media"
	eventually(t, 30*time.Second, "the answer in the mirror", func() bool {
		resp, _ = fetch("GET", path, "", nil, nil)
		return resp.StatusCode == http.StatusOK
	})
	if resp, got := fetch("GET", path, "", nil, nil); !bytes.Equal(got, data) ||
		resp.Header.Get("Content-Type") != "text/plain" {
		t.Errorf("the file has %d bytes, %v", len(got), resp.Header)
	}
	if resp, got := fetch("GET", path, "", nil,
		map[string]string{"Range": "bytes=1000000-1000012"}); resp.StatusCode != http.StatusPartialContent ||
		!bytes.Equal(got, data[1000000:1000013]) {
		t.Errorf("a part: %d %q", resp.StatusCode, got)
	}
}
