package client

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

var noiseHex = strings.Repeat("0b", 32)

func TestParseEndpoint(t *testing.T) {
	pin := strings.Repeat("cd", 32)
	for _, good := range []string{
		"", "http://127.0.0.1:5000/?noise=" + noiseHex, "http://[::1]:5000/?noise=" + noiseHex,
		"http://127.0.0.1:5000/?noise=" + noiseHex + "&pin=" + pin, "https://127.0.0.1:5000/?noise=" + noiseHex + "&pin=" + pin,
	} {
		t.Run("takes "+good, func(t *testing.T) {
			if _, err := ParseEndpoint(good); err != nil {
				t.Errorf("%s: %v", good, err)
			}
		})
	}
	for _, bad := range []string{
		"127.0.0.1:5000", "ws://127.0.0.1:5000/?noise=" + noiseHex, "http://192.0.2.1:5000/?noise=" + noiseHex,
		"http://localhost.example:5000/?noise=" + noiseHex, "http://127.0.0.1/?noise=" + noiseHex, "http://127.0.0.1:5000/",
		"http://127.0.0.1:5000/?noise=0b", "https://127.0.0.1:5000/?noise=" + noiseHex, "https://127.0.0.1:5000/?noise=" + noiseHex + "&pin=zz",
	} {
		t.Run("refuses "+bad, func(t *testing.T) {
			if e, err := ParseEndpoint(bad); err == nil {
				t.Errorf("%s was taken as %+v", bad, e)
			}
		})
	}
}

// Whatever host a request names, it ends at the stand-in.
func TestTransportLeadsToTheStandIn(t *testing.T) {
	answer := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.Proto+" "+r.Host) })
	t.Setenv("HTTPS_PROXY", "http://192.0.2.1:1")

	plain := httptest.NewServer(answer)
	defer plain.Close()
	var heard Heard
	fetch(t, plain.URL+"/?noise="+noiseHex, &heard, "HTTP/1.1 web.whatsapp.com")
	if heard.At().IsZero() {
		t.Error("no sign of life was noted")
	}

	secured := httptest.NewUnstartedServer(answer)
	secured.EnableHTTP2 = true
	secured.StartTLS()
	defer secured.Close()
	pin := sha256.Sum256(secured.Certificate().Raw)
	fetch(t, secured.URL+"/?noise="+noiseHex+"&pin="+hex.EncodeToString(pin[:]), &heard, "HTTP/1.1 web.whatsapp.com")
	pin[0] ^= 1
	fetch(t, secured.URL+"/?noise="+noiseHex+"&pin="+hex.EncodeToString(pin[:]), &heard, "")
}

// fetch expects the body, or with an empty one that the request fails.
func fetch(t *testing.T, endpoint string, heard *Heard, want string) {
	t.Helper()
	e, err := ParseEndpoint(endpoint)
	if err != nil {
		t.Fatal(err)
	}
	transport := e.transport(heard)
	defer transport.CloseIdleConnections()
	req, err := http.NewRequestWithContext(context.Background(), http.MethodGet, "https://web.whatsapp.com/ws/chat", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := (&http.Client{Transport: transport}).Do(req)
	if err != nil {
		if want != "" {
			t.Errorf("%s: %v", endpoint, err)
		}
		return
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || string(body) != want {
		t.Errorf("%s: %q, %v, want %q", endpoint, body, err, want)
	}
}

// The wall clock may be set; how long a link has been silent must not follow it.
func TestSilenceIsMeasuredByTheClockThatNobodySets(t *testing.T) {
	var last Heard
	if !last.At().IsZero() {
		t.Error("heard before anything was")
	}
	ours, theirs := net.Pipe()
	defer ours.Close()
	go func() { _, _ = theirs.Write([]byte("x")); _ = theirs.Close() }()
	before := time.Now()
	if _, err := (&notedConn{Conn: ours, heard: &last}).Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	check := func() {
		t.Helper()
		heard := last.At()
		if heard.Before(before) || heard.After(time.Now()) || heard == heard.Round(0) {
			t.Errorf("heard at %v, after %v", heard, before)
		}
	}
	check()
	// While nobody reads it is not silent either.
	room := make(chan struct{})
	close(room)
	before = time.Now()
	conn := &notedConn{Conn: ours, heard: &last, dial: &dial{flow: &flow{patience: time.Minute, low: room}, ended: func() {}}}
	if _, err := conn.Read(make([]byte, 1)); err == nil {
		t.Error("read from a closed connection")
	}
	check()
}
