package feed_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"whatsapp-manager/api/feed"
)

// streaming serves a feed over HTTP without the rest of the API; ended
// receives when a stream has.
func streaming(t *testing.T, r *rig, heartbeat, writeTimeout time.Duration) (url string, ended <-chan struct{}) {
	s := feed.NewStreamer(r.store, &r.hub, zerolog.Nop())
	s.SetPace(heartbeat, writeTimeout)
	done := make(chan struct{}, 4)
	return listen(t, http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		defer func() { done <- struct{}{} }()
		if err := s.ServeSSE(req.Context(), w, instance, 0, feed.Wanted{}); err != nil {
			t.Errorf("stream: %v", err)
		}
	})), done
}

func within(t *testing.T, what string, c <-chan struct{}) {
	t.Helper()
	select {
	case <-c:
	case <-time.After(20 * time.Second):
		t.Fatalf("%s: not in time", what)
	}
}

func TestQuietStreamBeats(t *testing.T) {
	t.Parallel()
	r := newRig(t, feed.Options{})
	url, ended := streaming(t, r, 10*time.Millisecond, time.Second)
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	must(t, err)
	resp, err := http.DefaultClient.Do(req)
	must(t, err)
	defer resp.Body.Close()
	lines := bufio.NewScanner(resp.Body)
	for beats := 0; beats < 3; {
		if !lines.Scan() {
			t.Fatalf("the stream ended: %v", lines.Err())
		}
		if lines.Text() == ": alive" {
			beats++
		}
	}
	leave()
	within(t, "the stream ends with its reader", ended)
}

func TestStreamOfADeletedInstanceEnds(t *testing.T) {
	t.Parallel()
	r := newRig(t, feed.Options{})
	url, ended := streaming(t, r, 10*time.Millisecond, time.Second)
	resp, err := http.Get(url)
	must(t, err)
	defer resp.Body.Close()
	r.stop()
	must(t, r.store.DeleteInstance(t.Context(), instance))
	within(t, "the stream ends", ended)
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		t.Errorf("it did not end in order: %v", err)
	}
}

// A reader that takes nothing any more costs a stream, nothing else.
func TestReaderThatTakesNothingIsLeft(t *testing.T) {
	t.Parallel()
	r := newRig(t, feed.Options{})
	r.sql(`insert into events select $1, s, 'key' || s, 'message', 'chat', json_build_object('data', repeat('x', 200000)), now() from generate_series(1, 100) s`, instance)
	url, ended := streaming(t, r, time.Minute, 200*time.Millisecond)
	conn, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	must(t, err)
	defer conn.Close()
	fmt.Fprint(conn, "GET / HTTP/1.1\r\nHost: test\r\n\r\n")
	within(t, "the stream is given up", ended)
}

func TestStreamsEndWithTheServer(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.happen("chat", 1)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	ran := make(chan error, 1)
	serving, stop := context.WithCancel(t.Context())
	defer stop()
	go func() { ran <- o.server.Run(serving) }()
	next, done := o.stream(ctx, "?after=0", "")
	defer done()
	if e, err := next(); err != nil || e.ID != "1" {
		t.Fatalf("first event: %+v, %v", e, err)
	}
	stop()
	if _, err := next(); !errors.Is(err, io.EOF) {
		t.Errorf("the stream goes on: %v", err)
	}
	must(t, <-ran)
}
