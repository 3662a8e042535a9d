package intake_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"whatsapp-manager/api/intake"
	"whatsapp-manager/proto/fault"
)

const patience = 20 * time.Second // no test takes that long unless it has failed

func free(int64) error { return nil }

// serve answers with what the handler does and returns the address.
func serve(t *testing.T, handle func(w http.ResponseWriter, r *http.Request), times ...time.Duration) string {
	t.Helper()
	times = append(times, 0, 0)
	s := httptest.NewServer(intake.Handler(http.HandlerFunc(handle), intake.Rules{Whole: times[0], Linger: times[1]}))
	t.Cleanup(s.Close)
	return s.Listener.Addr().String()
}

// dial sends text and returns the connection, which ends with the test.
func dial(t *testing.T, address, text string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", address)
	must(t, err)
	t.Cleanup(func() { c.Close() })
	must(t, c.SetDeadline(time.Now().Add(patience)))
	_, err = io.WriteString(c, text)
	must(t, err)
	return c
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// all is a handler that reads the whole body and answers its length.
func all(limit int64) func(w http.ResponseWriter, r *http.Request) {
	return func(w http.ResponseWriter, r *http.Request) {
		data, err := intake.Of(r.Context()).All(limit, free)
		switch {
		case errors.Is(err, intake.ErrTimeout):
			w.WriteHeader(http.StatusRequestTimeout)
		case fault.Is(err, fault.TooLarge):
			w.WriteHeader(http.StatusRequestEntityTooLarge)
		case err != nil:
			w.WriteHeader(http.StatusBadRequest)
		default:
			fmt.Fprint(w, len(data))
		}
	}
}

// A body that never comes is answered and its connection ends, however it is
// sent. Without a deadline after the answer, net/http waits for the rest for ever.
func TestABodyThatNeverComes(t *testing.T) {
	ignore := func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusConflict) }
	for _, tc := range []struct {
		name, text string
		handle     func(w http.ResponseWriter, r *http.Request)
		want       int
	}{
		{"read", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhalf", all(1000), 408},
		{"read, chunked", "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n", all(1000), 408},
		{"read, large", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\nhalf", all(1 << 21), 408},
		{"read, after 100 Continue", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\nExpect: 100-continue\r\n\r\n", all(1000), 100},
		{"unread", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhalf", ignore, 409},
		{"unread, chunked", "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n", ignore, 409},
		{"unread, large", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000000\r\n\r\nhalf", ignore, 409},
		{"unread, never asked for", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\nExpect: 100-continue\r\n\r\n", ignore, 409},
		{"too large", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000000\r\n\r\nhalf", all(1000), 413},
		{"too large, chunked", "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n800\r\n" + strings.Repeat("x", 2048) + "\r\n", all(1000), 413},
		{"a stream for an answer", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhalf", func(w http.ResponseWriter, r *http.Request) {
			for range 3 {
				_, _ = w.Write([]byte("part"))
				_ = http.NewResponseController(w).Flush()
			}
		}, 200},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := dial(t, serve(t, tc.handle, 200*time.Millisecond, 100*time.Millisecond), tc.text)
			got, err := io.ReadAll(c) // ends when the server closes
			var reset net.Error
			if errors.As(err, &reset) && reset.Timeout() {
				t.Fatalf("the connection is still open after %s; read %q", patience, got)
			}
			if !strings.HasPrefix(string(got), fmt.Sprintf("HTTP/1.1 %d ", tc.want)) {
				t.Errorf("answered %.200q (%v), want status %d", got, err, tc.want)
			}
		})
	}
}

// A slow but steady body is read to its end, and a drip is not.
func TestProgress(t *testing.T) {
	begun := make(chan struct{}, 4)
	address := serve(t, func(w http.ResponseWriter, r *http.Request) {
		intake.Of(r.Context()).Within(patience, 300*time.Millisecond)
		begun <- struct{}{}
		all(1000)(w, r)
	}, patience, 50*time.Millisecond)
	c := dial(t, address, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhalf")
	<-begun
	got, err := io.ReadAll(c)
	must(t, err)
	if !strings.HasPrefix(string(got), "HTTP/1.1 408 ") {
		t.Errorf("a body that stops coming: %q", got)
	}
}

// The deadline ends with the body: it must not cut the request off, nor the next
// one on the connection.
func TestTheDeadlineEndsWithTheBody(t *testing.T) {
	address := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if _, err := intake.Of(r.Context()).All(1000, free); err != nil {
			t.Errorf("read: %v", err)
		}
		select {
		case <-r.Context().Done():
			t.Errorf("the request was cut off: %v", context.Cause(r.Context()))
		case <-time.After(400 * time.Millisecond): // longer than every deadline
		}
		fmt.Fprint(w, "done")
	}, 150*time.Millisecond, 50*time.Millisecond)
	c := dial(t, address, "")
	in := bufio.NewReader(c)
	for range 2 {
		_, err := io.WriteString(c, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbody")
		must(t, err)
		res, err := http.ReadResponse(in, nil)
		must(t, err)
		if text, err := io.ReadAll(res.Body); err != nil || string(text) != "done" {
			t.Errorf("%q %v", text, err)
		}
	}
}

// A small body that nobody wanted does not cost the connection.
func TestTheConnectionIsKept(t *testing.T) {
	address := serve(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) })
	c := dial(t, address, "")
	in := bufio.NewReader(c)
	for range 3 {
		_, err := io.WriteString(c, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbody")
		must(t, err)
		res, err := http.ReadResponse(in, nil)
		must(t, err)
		if res.Close {
			t.Error("the connection is given up")
		}
		_, _ = io.Copy(io.Discard, res.Body)
	}
}

// Memory is made for what has come, not for what a client says is coming.
func TestBytesAreCountedAsTheyArrive(t *testing.T) {
	taken := make(chan int64, 1000)
	full := errors.New("full")
	address := serve(t, func(w http.ResponseWriter, r *http.Request) {
		var sum int64
		_, err := intake.Of(r.Context()).All(64<<20, func(n int64) error {
			if sum+n > 1<<20 {
				return full
			}
			sum += n
			taken <- sum
			return nil
		})
		if !errors.Is(err, full) {
			t.Errorf("read: %v", err)
		}
		w.WriteHeader(http.StatusTooManyRequests)
	}, patience, 50*time.Millisecond)
	for _, head := range []string{"Content-Length: 30000000\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\n1c9c380\r\n"} {
		c := dial(t, address, "POST / HTTP/1.1\r\nHost: x\r\n"+head)
		if first := <-taken; first > 8<<10 {
			t.Errorf("%q: %d bytes are held before any came", head, first)
		}
		_, err := c.Write(make([]byte, 2<<20))
		must(t, err)
		res, err := http.ReadResponse(bufio.NewReader(c), nil)
		must(t, err)
		if res.StatusCode != http.StatusTooManyRequests {
			t.Errorf("%d", res.StatusCode)
		}
		for len(taken) > 0 {
			<-taken
		}
	}
}

func TestAllIsWhole(t *testing.T) {
	address := serve(t, all(100_000))
	for _, tc := range []struct {
		size    int
		chunked bool
		want    string
	}{{1, false, "1"}, {4096, false, "4096"}, {4097, false, "4097"}, {100_000, false, "100000"}, {100_001, false, ""}, {1, true, "1"}, {4096, true, "4096"}, {100_000, true, "100000"}, {100_001, true, ""}} {
		t.Run(fmt.Sprint(tc.size, tc.chunked), func(t *testing.T) {
			var body io.Reader = strings.NewReader(strings.Repeat("x", tc.size))
			if tc.chunked {
				body = io.MultiReader(body) // hides its length
			}
			res, err := http.Post("http://"+address, "text/plain", body)
			must(t, err)
			defer res.Body.Close()
			text, err := io.ReadAll(res.Body)
			must(t, err)
			if string(text) != tc.want || (tc.want == "") != (res.StatusCode == http.StatusRequestEntityTooLarge) {
				t.Errorf("%d %q, want %q", res.StatusCode, text, tc.want)
			}
		})
	}
}
