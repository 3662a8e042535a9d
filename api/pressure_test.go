package api_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"whatsapp-manager/api"
	"whatsapp-manager/proto/fault"
	workerv1 "whatsapp-manager/proto/worker/v1"
	"whatsapp-manager/supervisor"
)

const patience = 20 * time.Second // no test waits that long unless it has failed

// figure reads one of the server's metrics.
func (o *office) figure(name string) float64 {
	o.t.Helper()
	for line := range strings.SplitSeq(string(o.want(http.StatusOK, "GET", "/metrics", "", nil).raw), "\n") {
		if value, ok := strings.CutPrefix(line, name+" "); ok {
			n, err := strconv.ParseFloat(value, 64)
			must(o.t, err)
			return n
		}
	}
	o.t.Fatalf("there is no metric %s", name)
	return 0
}

// dial sends text and returns the connection, which ends with the test.
func (o *office) dial(text string) net.Conn {
	o.t.Helper()
	c, err := net.Dial("tcp", strings.TrimPrefix(o.url, "http://"))
	must(o.t, err)
	o.t.Cleanup(func() { c.Close() })
	must(o.t, c.SetDeadline(time.Now().Add(patience)))
	_, err = io.WriteString(c, text)
	must(o.t, err)
	return c
}

// answered reads the answer on a connection; it fails when none comes.
func answered(t *testing.T, c net.Conn) answer {
	t.Helper()
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatalf("no answer: %v", err)
	}
	defer res.Body.Close()
	a := answer{status: res.StatusCode, header: res.Header}
	a.raw, err = io.ReadAll(res.Body)
	must(t, err)
	_ = json.Unmarshal(a.raw, &a.json)
	return a
}

// post is the head of a request whose body of that length is still to come.
func post(path string, length int, headers ...string) string {
	return fmt.Sprintf("POST %s HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: %d\r\n%s\r\n", path, length, strings.Join(append(headers, ""), "\r\n"))
}

// A call's turn in the rate comes before its body.
func TestTheRateComesBeforeTheBody(t *testing.T) {
	o := open(t, func(c *api.Config, _ *api.Deps) { c.CallsPerSecond = 1 })
	_, key := o.instance(o.token)
	refused := make(chan struct{}, 6)
	var all sync.WaitGroup
	defer all.Wait()
	for range cap(refused) {
		all.Go(func() {
			if o.do("GET", "/api/proxy/"+key+"/getState", "", nil).status == http.StatusTooManyRequests {
				refused <- struct{}{}
			}
		})
	}
	<-refused // as many as may wait for their turn do so now
	if a := answered(t, o.dial(post("/api/proxy/"+key+"/sendMessage", 30<<20))); a.status != http.StatusTooManyRequests || a.str("code") != "call_rate" {
		t.Errorf("%d %s", a.status, a.raw)
	}
}

// running is open with the server's own listener instead of a test's.
func running(t *testing.T, change ...func(*api.Config, *api.Deps)) *office {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	o := open(t, append(change, func(c *api.Config, _ *api.Deps) { c.Listener = listener })...)
	ctx, cancel := context.WithCancel(context.Background())
	ran := make(chan error, 1)
	go func() { ran <- o.server.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		must(t, <-ran)
	})
	o.url = "http://" + listener.Addr().String()
	return o
}

// What can be said without the body is said before a byte of it comes.
func TestABodyIsNotWaitedForInVain(t *testing.T) {
	o := open(t)
	stopped, stoppedKey := o.instance(o.token)
	o.desk.set(supervisor.ID(stopped), func(st *supervisor.Status) { st.State, st.Desired = supervisor.Stopped, supervisor.Stop })
	const size = 30 << 20
	for _, tc := range []struct {
		name, path string
		headers    []string
		status     int
		code       string
	}{
		{"a stopped instance", "/api/proxy/" + stoppedKey + "/sendMessage", nil, 409, "stopped"},
		{"a stopped instance, a form", "/api/proxy/" + stoppedKey + "/sendMessage", []string{"Content-Type: multipart/form-data; boundary=x"}, 409, "stopped"},
		{"a stopped instance, a new key", "/api/proxy/" + stoppedKey + "/sendMessage", []string{"Idempotency-Key: new"}, 409, "stopped"},
		{"a stopped instance by its route", "/api/instances/" + stopped + "/send", []string{"X-API-Key: " + stoppedKey}, 409, "stopped"},
		{"an unknown key", "/api/proxy/wam_" + strings.Repeat("A", 43) + "/sendMessage", nil, 401, "unknown_key"},
		{"no such method", "/api/proxy/" + stoppedKey + "/fly", nil, 404, "unknown_method"},
		{"a method without files", "/api/proxy/" + stoppedKey + "/getState", nil, 409, "stopped"},
		{"a login", "/api/auth/login", nil, 413, "too_large"},
		{"nobody's management", "/api/instances", nil, 401, "unauthorized"},
		{"no such route", "/api/nothing", nil, 404, "not_found"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			a := answered(t, o.dial(post(tc.path, size, tc.headers...)))
			if a.status != tc.status || a.str("code") != tc.code {
				t.Errorf("%d %.300s, want %d %s", a.status, a.raw, tc.status, tc.code)
			}
		})
	}
	if peak := o.figure("wam_http_memory_peak_bytes"); peak > 64<<10 {
		t.Errorf("%.0f bytes were held for it", peak)
	}
}

// Many large requests at once hold no more than they may, whoever sends them.
func TestManyLargeRequestsAtOnce(t *testing.T) {
	o := running(t)
	stopped, key := o.instance(o.token)
	o.desk.set(supervisor.ID(stopped), func(st *supervisor.Status) { st.State, st.Desired = supervisor.Stopped, supervisor.Stop })
	large := []byte(`{"params":["1@c.us",{"mimetype":"image/png","data":"` + strings.Repeat("A", 30<<20) + `"}]}`)
	login := []byte(`{"email":"` + strings.Repeat("x", 1<<20) + `"}`)
	for _, tc := range []struct {
		name, path string
		body       []byte
		chunked    bool
		n          int
		want       []int
		most       float64 // bytes held
	}{
		{"24 calls of 30 MiB to a stopped instance", "/api/proxy/" + key + "/sendMessage", large, false, 24, []int{409}, 64 << 10},
		{"24 calls without a length", "/api/proxy/" + key + "/sendMessage", large, true, 24, []int{409}, 64 << 10},
		{"500 logins of 1 MiB", "/api/auth/login", login, false, 500, []int{413}, 64 << 10},
		{"500 logins without a length", "/api/auth/login", login, true, 500, []int{413, 429, 503}, 512 << 20 / 32},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var all sync.WaitGroup
			for range tc.n {
				all.Go(func() {
					var body io.Reader = bytes.NewReader(tc.body)
					if tc.chunked {
						body = io.MultiReader(body)
					}
					req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, o.url+tc.path, body)
					if err != nil {
						t.Error(err)
						return
					}
					res, err := http.DefaultClient.Do(req)
					if err != nil {
						t.Error(err)
						return
					}
					defer res.Body.Close()
					_, _ = io.Copy(io.Discard, res.Body)
					ok := false
					for _, status := range tc.want {
						ok = ok || res.StatusCode == status
					}
					if !ok {
						t.Errorf("status %d, want one of %d", res.StatusCode, tc.want)
					}
				})
			}
			all.Wait()
			if peak := o.figure("wam_http_memory_peak_bytes"); peak > tc.most {
				t.Errorf("%.0f bytes were held, at most %.0f may be", peak, tc.most)
			}
			if used := o.figure("wam_http_memory_bytes"); used != 0 {
				t.Errorf("%.0f bytes are still counted", used)
			}
		})
	}
}

// pressed is a server with little memory; one owner may hold a quarter of it, and
// at least 4 MiB.
func pressed(t *testing.T, memory int64) *office {
	return open(t, func(c *api.Config, _ *api.Deps) {
		c.BodyLimit, c.MediaBodyLimit, c.MemoryBudget = 256<<10, 1<<20, memory
	})
}

// What an owner has under way counts as it arrives, and stops with its share;
// others go on until all is taken.
func TestSharesOfMemory(t *testing.T) {
	o := pressed(t, 8<<20)
	_, one := o.instance(o.token)
	_, two := o.instance(o.token)
	_, three := o.instance(o.token)
	path := func(key string) string { return "/api/proxy/" + key + "/getChatById" }
	half := `{"params":["` + strings.Repeat("x", 100<<10)
	fill := func(key string, n int) (open []net.Conn) {
		t.Helper()
		before := o.figure("wam_http_memory_bytes")
		for range n {
			open = append(open, o.dial(post(path(key), 200<<10)+half))
		}
		o.until("the bodies have come as far as they do", func() bool {
			return o.figure("wam_http_memory_bytes")-before >= float64(n*3*(128<<10)) /* as the buffers grow */
		})
		return open
	}
	whole := []byte(`{"params":["` + strings.Repeat("x", 200<<10) + `"]}`)
	held := fill(one, 10)
	mine := o.do("POST", path(one), "", whole)
	if mine.status != http.StatusTooManyRequests || mine.str("code") != "memory_share" || mine.header.Get("Retry-After") == "" {
		t.Errorf("above the own share: %d %s", mine.status, mine.raw)
	}
	o.want(http.StatusOK, "POST", path(two), "", whole)
	fill(two, 10)
	all := o.do("POST", path(three), "", whole)
	if all.status != http.StatusServiceUnavailable || all.str("code") != "memory_full" || all.header.Get("Retry-After") == "" {
		t.Errorf("above everybody's: %d %s", all.status, all.raw)
	}
	o.want(http.StatusOK, "GET", "/api/health", "", nil)
	o.want(http.StatusOK, "GET", "/api/proxy/"+one+"/getState", "", nil)
	for _, c := range held { // who gives up gives back
		c.Close()
	}
	o.until("the memory of those who left is free", func() bool { return o.do("POST", path(one), "", whole).status == http.StatusOK })
}

// until asks again for what another goroutine of the server does.
func (o *office) until(what string, ok func() bool) {
	o.t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	end := time.After(patience)
	for !ok() {
		select {
		case <-tick.C:
		case <-end:
			o.t.Fatalf("%s: not so after %s", what, patience)
		}
	}
}

// Answers of workers count as well, before they come where they may be files.
func TestAnswersCount(t *testing.T) {
	o := pressed(t, 24<<20)
	_, key := o.instance(o.token)
	_, other := o.instance(o.token)
	result := `"` + strings.Repeat("x", 1500<<10) + `"`
	o.worker.says(result, nil)
	path := func(key string) string { return "/api/proxy/" + key + "/getChats" }
	if a := o.want(http.StatusOK, "GET", path(key), "", nil); !strings.Contains(string(a.raw), result) || !json.Valid(a.raw) || a.str("instanceId") == "" {
		t.Errorf("a large answer: %.200s", a.raw)
	}
	o.worker.says(`"`+strings.Repeat("x", 3<<20)+`"`, nil)
	if a := o.do("GET", path(key), "", nil); a.status != http.StatusTooManyRequests || a.str("code") != "memory_share" {
		t.Errorf("one that does not fit: %d %.200s", a.status, a.raw)
	}
	o.worker.says(`"`+strings.Repeat("x", 9<<20)+`"`, nil)
	if a := o.do("GET", path(key), "", nil); a.status != http.StatusTooManyRequests || a.str("code") != "memory_share" {
		t.Errorf("one that is not even taken in: %d %.200s", a.status, a.raw)
	}
	// Two files at a time would not fit into the share.
	began, release := make(chan struct{}, 1), make(chan struct{})
	o.worker.does(func(context.Context, *workerv1.CallRequest) (string, error) {
		began <- struct{}{}
		<-release
		return `{"mimetype":"image/png","data":""}`, nil
	})
	first := make(chan answer, 1)
	go func() {
		first <- o.do("POST", "/api/proxy/"+key+"/Message.downloadMedia", "", []byte(`["false_1@c.us_AAAA"]`))
	}()
	<-began
	if a := o.do("POST", "/api/proxy/"+key+"/Message.downloadMedia", "", []byte(`["false_1@c.us_AAAB"]`)); a.status != http.StatusTooManyRequests || a.str("code") != "memory_share" {
		t.Errorf("a second file: %d %.200s", a.status, a.raw)
	}
	close(release)
	if a := <-first; a.status != http.StatusOK {
		t.Errorf("the first file: %d %.200s", a.status, a.raw)
	}
	o.worker.says(result, nil)
	o.want(http.StatusOK, "GET", path(other), "", nil)
	o.until("nothing is counted any more", func() bool { return o.figure("wam_http_memory_bytes") == 0 })
	// The worker's own words about size stay its own.
	o.worker.says("", &fault.Error{Kind: fault.TooLarge, Op: "test", Field: "media", Msg: "the file is too large"})
	if a := o.do("GET", path(key), "", nil); a.status != http.StatusRequestEntityTooLarge || a.str("details.field") != "media" {
		t.Errorf("the worker's refusal: %d %.200s", a.status, a.raw)
	}
}

// A body that never comes does not hold its connection, and a reader who reads
// nothing does not either.
func TestConnectionsAreNotPinned(t *testing.T) {
	served := running(t, func(c *api.Config, _ *api.Deps) {
		c.BodyTimeout, c.ReaderTimeout = 300*time.Millisecond, 300*time.Millisecond
	})
	_, key := served.instance(served.token)
	served.worker.says(`"`+strings.Repeat("x", 20<<20)+`"`, nil)
	for _, tc := range []struct{ name, text, says string }{
		{"a login", post("/api/auth/login", 100) + `{"email`, "HTTP/1.1 408 "},
		{"a call", post("/api/proxy/"+key+"/getChatById", 100) + `["1@`, "HTTP/1.1 408 "},
		{"a call with a file", post("/api/proxy/"+key+"/sendMessage", 20<<20) + `["1@`, "HTTP/1.1 408 "},
		{"a form", strings.Replace(post("/api/proxy/"+key+"/sendMessage", 20<<20), "application/json", "multipart/form-data; boundary=x", 1) + "--x\r\n", "HTTP/1.1 408 "},
		{"in chunks", strings.Replace(post("/api/auth/login", 1), "Content-Length: 1", "Transfer-Encoding: chunked", 1) + "5\r\n{\"ema\r\n", "HTTP/1.1 408 "},
		{"a body that nobody reads", post("/api/nothing", 100) + "x", "HTTP/1.1 404 "},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := io.ReadAll(served.dial(tc.text))
			if err != nil || !strings.HasPrefix(string(got), tc.says) || !strings.Contains(string(got), `"code":`) {
				t.Errorf("%.300q %v", got, err)
			}
		})
	}
	t.Run("a reader who reads nothing", func(t *testing.T) {
		served.dial("GET /api/proxy/" + key + "/getChats HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
		served.until("its memory is free again", func() bool {
			return served.figure("wam_http_memory_peak_bytes") > 20<<20 && served.figure("wam_http_memory_bytes") == 0
		})
	})
	t.Run("requests without end and no reader", func(t *testing.T) {
		c := served.dial("")
		must(t, c.SetDeadline(time.Now().Add(patience)))
		ask := []byte(strings.Repeat("GET /openapi.json HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", 100))
		var err error
		for err == nil {
			_, err = c.Write(ask)
		}
		if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() {
			t.Error("the connection is still open")
		}
	})
}
