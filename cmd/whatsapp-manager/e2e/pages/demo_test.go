package pages

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// demo is `make demo` as the README has it, with a port and a directory of its own.
type demo struct {
	dir    string // bin and data are below it
	listen string
	repo   string

	password, key, phones, id string // as it prints them

	log    *os.File
	exited chan error // gets the end of make
}

var printed = regexp.MustCompile(`(?s)Login +\S+ +(\S+).*API key +(\S+).*Phones +(\S+).*/api/instances/([^/]+)/events`)

// startDemo builds and runs the demo, and waits until its accounts are paired.
func startDemo(t *testing.T) *demo {
	t.Helper()
	began := time.Now()
	dir, err := os.MkdirTemp("", "wam-pages")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	// The private Postgres runs as another user when the test runs as root.
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	repo, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	d := &demo{dir: dir, listen: freeAddress(t), repo: repo, exited: make(chan error, 1)}
	if d.log, err = os.Create(filepath.Join(dir, "log")); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("make", "-C", repo, "demo")
	cmd.Env = d.environ()
	cmd.Stderr = d.log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.close(t, cmd.Process.Pid) })
	ready := make(chan error, 1)
	go func() {
		ready <- d.follow(out)
		_, _ = io.Copy(io.Discard, out)
		d.exited <- cmd.Wait()
	}()
	ctx, cancel := context.WithTimeout(t.Context(), 8*time.Minute) // from a cold build cache
	defer cancel()
	select {
	case err := <-ready:
		if err != nil {
			t.Fatalf("make demo: %v\n%s", err, d.said())
		}
	case <-ctx.Done():
		t.Fatalf("make demo does not become ready\n%s", d.said())
	}
	t.Logf("ready after %s", time.Since(began).Round(time.Millisecond))
	return d
}

// follow reads what the demo prints until it has told all that a reader needs.
func (d *demo) follow(out io.Reader) error {
	var text strings.Builder
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		text.WriteString(lines.Text() + "\n")
		if m := printed.FindStringSubmatch(text.String()); m != nil {
			d.password, d.key, d.phones, d.id = m[1], m[2], m[3], m[4]
			return nil
		}
	}
	return errors.Join(lines.Err(), fmt.Errorf("it ended: %s", text.String()))
}

// environ is that of the demo and of the pages' commands.
func (d *demo) environ() []string {
	bin := filepath.Join(d.dir, "bin")
	env := []string{
		"PATH=" + bin + ":" + os.Getenv("PATH"), "HOME=" + d.dir, "REPOSITORY=" + d.repo,
		// The flags of the tests' own builds, so that nothing is compiled twice.
		"MAKEFLAGS=BIN=" + bin + " BUILDFLAGS=",
		"WAM_LISTEN=" + d.listen, "WAM_DATA_DIR=" + filepath.Join(d.dir, "data"),
		"B=http://" + d.listen, "PASSWORD=" + d.password, "KEY=" + d.key, "PHONES=" + d.phones, "ID=" + d.id,
		"READY_KEY=" + d.key, "READY_ID=" + d.id, // for a page that takes new ones
	}
	for _, name := range []string{"GOCACHE", "GOMODCACHE", "GOPATH", "GOPROXY", "GOFLAGS", "GONOSUMDB", "GOSUMDB"} {
		value, err := exec.Command("go", "env", name).Output()
		if err == nil {
			env = append(env, name+"="+strings.TrimSpace(string(value)))
		}
	}
	return env
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func (d *demo) said() string {
	text, _ := os.ReadFile(d.log.Name())
	return string(text[max(0, len(text)-8000):])
}

// ended waits for the end that the last page asked for.
func (d *demo) ended(t *testing.T) {
	t.Helper()
	select {
	case err := <-d.exited:
		d.exited <- err
		if err != nil {
			t.Errorf("the demo ended with %v\n%s", err, d.said())
		}
	case <-time.After(time.Minute):
		t.Errorf("the demo still runs after the last page\n%s", d.said())
	}
}

// close ends the demo if it still runs.
func (d *demo) close(t *testing.T, group int) {
	t.Helper()
	defer d.log.Close()
	if t.Failed() {
		t.Log(d.said())
	}
	_ = syscall.Kill(-group, syscall.SIGINT) // fails when it has ended
	select {
	case err := <-d.exited:
		t.Logf("the demo ended: %v", err)
	case <-time.After(30 * time.Second):
		_ = syscall.Kill(-group, syscall.SIGKILL)
		t.Error("the demo does not end")
	}
}
