package e2e

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"whatsapp-manager/worker/wasim"
)

// largeFile is large enough to show in a process's memory, and soon sent.
const largeFile = 256 << 20

// mayGrow is how much more memory a process may take for a file of any size.
const mayGrow = 64 << 20

// TestLargeFilesPassThrough: neither the manager nor the worker has a file in its
// memory, whichever way it comes and when it goes out again.
func TestLargeFilesPassThrough(t *testing.T) {
	s := start(t, "WAM_MEDIA_NETWORKS=127.0.0.0/8")
	alice := link(t, s, person(t, "Alice", wasim.AccountOptions{}))
	bob := person(t, "Bob", wasim.AccountOptions{})
	source := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", strconv.Itoa(largeFile))
		_, _ = io.Copy(w, noise(largeFile))
	}))
	defer source.Close()
	sum := sha256.New()
	_, err := io.Copy(sum, noise(largeFile))
	must(t, err)
	want := hex.EncodeToString(sum.Sum(nil))

	send := func(size int64, byURL bool) (id string) {
		t.Helper()
		body, kind := io.Reader(strings.NewReader(fmt.Sprintf(
			`["%s",{"url":"%s/large.bin"},{"sendMediaAsDocument":true}]`, wid(bob), source.URL))), "application/json"
		if !byURL {
			body, kind = largeForm(t, wid(bob), size)
		}
		req, err := http.NewRequestWithContext(deadline(t, 5*time.Minute), http.MethodPost, s.Client.Base+"/api/proxy/sendMessage", body)
		must(t, err)
		req.Header.Set("X-API-Key", alice.key)
		req.Header.Set("Content-Type", kind)
		resp, err := http.DefaultClient.Do(req)
		must(t, err)
		defer resp.Body.Close()
		var answer struct {
			Result struct {
				ID struct {
					Serialized string `json:"_serialized"`
				} `json:"id"`
			} `json:"result"`
			Error string `json:"error"`
		}
		must(t, json.NewDecoder(resp.Body).Decode(&answer))
		if resp.StatusCode != http.StatusOK {
			t.Fatalf("send: %d %s", resp.StatusCode, answer.Error)
		}
		return answer.Result.ID.Serialized
	}
	receive := func(message string) string {
		t.Helper()
		path := "/api/instances/" + alice.id + "/messages/" + message + "/media"
		req, err := http.NewRequestWithContext(deadline(t, 5*time.Minute), http.MethodGet, s.Client.Base+path, nil)
		must(t, err)
		req.Header.Set("X-API-Key", alice.key)
		resp, err := http.DefaultClient.Do(req)
		must(t, err)
		defer resp.Body.Close()
		sum := sha256.New()
		n, err := io.Copy(sum, resp.Body)
		must(t, err)
		t.Logf("received %d bytes: %d", n, resp.StatusCode)
		return hex.EncodeToString(sum.Sum(nil))
	}
	receive(send(1<<20, false)) // whatever is made once is there
	in, err := s.Client.Instance(t.Context(), alice.id)
	must(t, err)
	processes := map[string]int{"manager": s.ManagerPID(), "worker": in.PID}
	var message string
	for _, step := range []struct {
		name string
		do   func()
	}{
		{"sent by form", func() { send(largeFile, false) }},
		{"sent by URL", func() { message = send(largeFile, true) }},
		{"received", func() {
			if got := receive(message); got != want {
				t.Errorf("the file came with the hash %s, want %s", got, want)
			}
		}},
	} {
		before := map[string]int64{}
		for name, pid := range processes {
			must(t, os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", pid), []byte("5"), 0))
			before[name] = memoryOf(t, pid, "VmHWM")
		}
		began := time.Now()
		step.do()
		for name, pid := range processes {
			peak := memoryOf(t, pid, "VmHWM")
			t.Logf("%s, %s in %s: %d MiB, at its peak %d MiB", step.name, name, time.Since(began).Round(time.Second), before[name]>>20, peak>>20)
			if peak-before[name] > mayGrow {
				t.Errorf("%s: the %s grew by %d MiB for a file of %d MiB", step.name, name, (peak-before[name])>>20, largeFile>>20)
			}
		}
	}
	// What was sent is gone from the disk; what was received stays for a while.
	files, err := os.ReadDir(s.DataDir() + "/run/" + alice.id + "/spool")
	must(t, err)
	for _, f := range files {
		if !strings.HasPrefix(f.Name(), "kept-") {
			t.Errorf("%s is left", f.Name())
		}
	}
}

// noise is a file that nothing compresses, the same each time.
func noise(size int64) io.Reader { return io.LimitReader(rand.NewChaCha8([32]byte{1}), size) }

// largeForm is a form with a file, as it is read.
func largeForm(t *testing.T, to string, size int64) (io.Reader, string) {
	t.Helper()
	r, w := io.Pipe()
	form := multipart.NewWriter(w)
	go func() {
		err := form.WriteField("params", fmt.Sprintf(`["%s",{"$file":"f"},{"sendMediaAsDocument":true}]`, to))
		var part io.Writer
		if err == nil {
			part, err = form.CreateFormFile("f", "large.bin")
		}
		if err == nil {
			_, err = io.Copy(part, noise(size))
		}
		if err == nil {
			err = form.Close()
		}
		_ = w.CloseWithError(err)
	}()
	return r, form.FormDataContentType()
}

// memoryOf reads a line of /proc/PID/status, in bytes.
func memoryOf(t *testing.T, pid int, line string) int64 {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	must(t, err)
	_, rest, found := strings.Cut(string(status), line+":")
	if !found {
		t.Fatalf("no %s of process %d", line, pid)
	}
	fields := strings.Fields(rest)
	kilobytes, err := strconv.ParseInt(fields[0], 10, 64)
	must(t, err)
	return kilobytes << 10
}
