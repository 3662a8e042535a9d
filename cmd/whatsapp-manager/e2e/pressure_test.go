package e2e

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"whatsapp-manager/cmd/internal/stack"
	"whatsapp-manager/worker/wasim"
	"whatsapp-manager/worker/wasim/phone"
)

// More connections than the manager has descriptors, from somebody without a
// login: its health is still told, and an account still sends.
func TestAStrangerCannotTakeAllConnections(t *testing.T) {
	t.Parallel()
	const descriptors, connections = 400, 450
	s := startWith(t, stack.Options{Descriptors: descriptors})
	alice := link(t, s, person(t, "Alice", wasim.AccountOptions{}))
	bob := person(t, "Bob", wasim.AccountOptions{})
	fresh := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 5 * time.Second}
	for _, tc := range []struct{ name, text string }{
		{"idle connections", ""},
		{"heads that never end", "GET /api/health HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: "},
		{"bodies that never come", "POST /api/auth/login HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"},
		{
			"bodies that come in chunks for ever",
			"POST /api/auth/login HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n",
		},
		{"readers who read nothing", strings.Repeat("GET /openapi.json HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", 40)},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var all []net.Conn
			defer func() {
				for _, c := range all {
					_ = c.Close()
				}
			}()
			for range connections {
				c, err := net.DialTimeout("tcp", strings.TrimPrefix(s.Client.Base, "http://"), 5*time.Second)
				must(t, err)
				all = append(all, c)
				// The manager may have given this one up already, which is its right.
				_ = c.SetWriteDeadline(time.Now().Add(5 * time.Second))
				_, _ = io.WriteString(c, tc.text)
			}
			for range 5 {
				res, err := fresh.Get(s.Client.Base + "/api/health")
				if err != nil {
					t.Fatalf("health: %v", err)
				}
				body, err := io.ReadAll(res.Body)
				_ = res.Body.Close()
				if err != nil || res.StatusCode != http.StatusOK || !bytes.Contains(body, []byte(`"database":true`)) {
					t.Errorf("health: %d %s %v", res.StatusCode, body, err)
				}
			}
			alice.text(t, wid(bob), "during "+tc.name)
		})
	}
}

// A file in base64 is decoded as it comes and reaches the contact whole.
func TestALargeFileInJSON(t *testing.T) {
	t.Parallel()
	s := start(t)
	alice := link(t, s, person(t, "Alice", wasim.AccountOptions{}))
	bob := person(t, "Bob", wasim.AccountOptions{})
	data := bytes.Repeat([]byte("a large file "), 300_000)
	arrived := make(chan phone.Received, 4)
	defer bob.Phone().Subscribe(func(r phone.Received) { arrived <- r })()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	body := fmt.Appendf(nil, `{"params":["%s",{"mimetype":"application/pdf","filename":"report.pdf","data":"%s"},{"caption":"for you"}]}`, wid(bob), base64.StdEncoding.EncodeToString(data))
	must(t, s.Client.Want(ctx, http.StatusOK, http.MethodPost, "/api/proxy/"+alice.key+"/sendMessage", body, nil))
	var doc phone.Received
	select {
	case doc = <-arrived:
	case <-ctx.Done():
		t.Fatal("nothing arrived")
	}
	file := doc.Message.GetDocumentMessage()
	if file == nil {
		file = doc.Message.GetDocumentWithCaptionMessage().GetMessage().GetDocumentMessage()
	}
	if file.GetFileName() != "report.pdf" || file.GetFileLength() != uint64(len(data)) ||
		file.GetCaption() != "for you" || file.GetMimetype() != "application/pdf" {
		t.Errorf("Bob got %v", doc.Message)
	}
}
