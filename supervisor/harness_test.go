package supervisor_test

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"whatsapp-manager/supervisor"
	"whatsapp-manager/supervisor/store"
	"whatsapp-manager/supervisor/workeruser"
)

var nodes atomic.Int64

// host is one machine's worth of supervision: directories, a store, and
// managers in this process, one after the other.
type host struct {
	t     testing.TB
	cfg   supervisor.Config
	store *fileStore
	pg    *store.Store  // used instead when set
	pgURL string        // of pg
	log   *bytes.Buffer // of the managers; complete only after they ended
	sup   *supervisor.Supervisor
	end   func()      // lets go of the workers
	shown atomic.Bool // the log of managers in processes of their own was shown
}

func newHost(t testing.TB) *host {
	t.Helper()
	// t.TempDir is too long for a unix socket below it.
	root, err := os.MkdirTemp("", "wam")
	if err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	// Where root runs the tests, workers are of another user, who has to get there.
	if err := os.Chmod(root, 0o711); err != nil {
		t.Fatal(err)
	}
	user, err := workeruser.Choose("")
	if err != nil {
		t.Fatal(err)
	}
	h := &host{t: t, store: newFileStore(filepath.Join(root, "store")), log: new(bytes.Buffer)}
	if err := os.Mkdir(h.store.dir, 0o711); err != nil { // some tests install the worker's program there
		t.Fatal(err)
	}
	h.cfg = supervisor.Config{
		Node: fmt.Sprintf("t%d-%d", os.Getpid(), nodes.Add(1)), Build: "test",
		RunDir: filepath.Join(root, "run"), LogDir: filepath.Join(root, "log"),
		WorkerConfig: supervisor.WorkerConfig{WorkerPath: self, WorkerUser: user},
		Timing:       supervisor.Timing{HealthInterval: 100 * time.Millisecond, GuardInterval: 50 * time.Millisecond},
		Policy:       supervisor.Policy{MinDelay: 5 * time.Millisecond, MaxDelay: 20 * time.Millisecond, Budget: 1000},
	}
	t.Cleanup(func() {
		if h.end != nil {
			h.end()
		}
		h.killWorkers()
		if b, err := os.ReadFile(filepath.Join(h.cfg.RunDir, witnessFile)); err == nil {
			t.Errorf("two workers of one instance lived at a time:\n%s", b)
		}
		h.noRaces(root)
		if t.Failed() {
			t.Logf("log of the manager:\n%s", h.log)
		}
		os.RemoveAll(root)
	})
	return h
}

// noRaces looks into the logs of managers and workers in processes of their own:
// the race detector fails these only, and they are mostly killed.
func (h *host) noRaces(root string) {
	h.t.Helper()
	err := filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".log" {
			return err
		}
		b, err := os.ReadFile(path)
		if at := bytes.Index(b, []byte("WARNING: DATA RACE")); at >= 0 {
			h.t.Errorf("in %s:\n%s", filepath.Base(path), b[at:min(len(b), at+4000)])
		}
		return err
	})
	if err != nil {
		h.t.Error(err)
	}
}

// id makes instance ids: twelve characters from a number.
func id(n int) supervisor.ID { return supervisor.ID(fmt.Sprintf("inst%08d", n)) }

// instance puts an instance into the store before a manager starts.
func (h *host) instance(n int, d supervisor.Desired, s script) supervisor.ID {
	h.t.Helper()
	if err := s.write(filepath.Join(h.cfg.RunDir, string(id(n)))); err != nil {
		h.t.Fatal(err)
	}
	if h.pg != nil {
		now := time.Now()
		err := h.pg.CreateInstance(h.t.Context(), store.Instance{ID: id(n), OwnerID: "owner", Name: "one", Desired: d, CreatedAt: now},
			store.APIKey{ID: "key" + string(id(n)), Hash: []byte(id(n)), CreatedAt: now})
		if err != nil {
			h.t.Fatal(err)
		}
		return id(n)
	}
	if err := h.store.create(supervisor.Record{ID: id(n), Desired: d}); err != nil {
		h.t.Fatal(err)
	}
	return id(n)
}

// usePostgres puts the host's managers on a database of their own.
func (h *host) usePostgres(url string) {
	h.t.Helper()
	pg, err := store.Open(h.t.Context(), url, store.WithMaxConns(4))
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(pg.Close)
	if err := pg.CreateUser(h.t.Context(), store.User{ID: "owner", Email: "owner@example.org", Role: "user", CreatedAt: time.Now()}); err != nil {
		h.t.Fatal(err)
	}
	h.pg, h.pgURL = pg, url
}

func (h *host) newSupervisor() *supervisor.Supervisor {
	h.t.Helper()
	log := zerolog.New(zerolog.SyncWriter(h.log)).Level(zerolog.DebugLevel).With().Timestamp().Logger()
	var st supervisor.Store = h.store
	if h.pg != nil {
		st = h.pg.Supervision()
	}
	sup, err := supervisor.New(h.cfg, st, log, prometheus.NewRegistry())
	if err != nil {
		h.t.Fatal(err)
	}
	return sup
}

// manage runs a manager in this process until h.end is called or the test ends.
func (h *host) manage() *supervisor.Supervisor {
	h.t.Helper()
	sup := h.newSupervisor()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- sup.Run(ctx) }()
	h.sup = sup
	h.end = func() {
		h.t.Helper()
		cancel()
		select {
		case err := <-done:
			if err != nil {
				h.t.Errorf("manager ended with: %v", err)
			}
		case <-time.After(10 * time.Second):
			h.t.Fatalf("Run did not return\n%s", stacks())
		}
		h.end = nil
	}
	select {
	case <-sup.Recovered():
	case err := <-done:
		h.t.Fatalf("manager did not begin: %v", err)
	case <-time.After(15 * time.Second):
		h.t.Fatal("manager did not recover")
	}
	return sup
}

// await returns the status of an instance as soon as it is as wanted.
func (h *host) await(id supervisor.ID, what string, ok func(supervisor.Status) bool) supervisor.Status {
	h.t.Helper()
	sub := h.sup.Subscribe(id)
	defer sub.Close()
	limit := time.After(20 * time.Second)
	for {
		st, known := h.sup.Status(id)
		if known && ok(st) {
			return st
		}
		select {
		case <-sub.C():
		case <-limit:
			h.t.Fatalf("%s: waited in vain for: %s; it is %+v", id, what, st)
		}
	}
}

func (h *host) running(id supervisor.ID) supervisor.Status {
	h.t.Helper()
	return h.await(id, "running", func(s supervisor.Status) bool { return s.State == supervisor.Running })
}

func (h *host) want(id supervisor.ID, d supervisor.Desired) {
	h.t.Helper()
	if err := h.sup.Want(context.Background(), id, d); err != nil {
		h.t.Fatal(err)
	}
}

// workers finds all live workers of this host without asking anybody: by their environment.
func (h *host) workers() []int {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		h.t.Fatal(err)
	}
	var pids []int
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		env, err := os.ReadFile("/proc/" + e.Name() + "/environ") // empty for a zombie
		if err == nil && bytes.Contains(env, []byte("PLUGIN_UNIX_SOCKET_DIR="+h.cfg.RunDir+"/")) {
			pids = append(pids, pid)
		}
	}
	return pids
}

// killWorkers leaves no worker behind, and none as a zombie of ours.
func (h *host) killWorkers() {
	for _, pid := range h.workers() {
		_ = syscall.Kill(pid, syscall.SIGKILL)
		_, _ = syscall.Wait4(pid, nil, 0, nil)
	}
	eventually(h.t, "no worker remains", func() bool { return len(h.workers()) == 0 })
}

func kill(t testing.TB, pid int, sig syscall.Signal) {
	t.Helper()
	if err := syscall.Kill(pid, sig); err != nil {
		t.Fatalf("kill %d: %v", pid, err)
	}
}

// freeze stops a process and waits until each of its threads stands: the signal
// is on its way while kill returns, and the process may answer in that time.
func freeze(t testing.TB, pid int) {
	t.Helper()
	kill(t, pid, syscall.SIGSTOP)
	eventually(t, "all threads stopped", func() bool {
		threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid))
		if err != nil || len(threads) == 0 {
			t.Fatalf("threads of %d: %v, %v", pid, threads, err)
		}
		return !slices.ContainsFunc(threads, func(path string) bool {
			stat, err := os.ReadFile(path) // the state comes after the name, which is in brackets
			return err == nil && !bytes.HasPrefix(stat[bytes.LastIndexByte(stat, ')')+1:], []byte(" T"))
		})
	})
}

// eventually is for conditions of the operating system that announce themselves to nobody.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	limit := time.After(15 * time.Second)
	for !ok() {
		select {
		case <-tick.C:
		case <-limit:
			t.Fatalf("waited in vain for: %s", what)
		}
	}
}

func stacks() string {
	b := make([]byte, 1<<20)
	return string(b[:runtime.Stack(b, true)])
}

// strays returns the stacks of goroutines that belong to a manager.
func strays() []string {
	var out []string
	for g := range strings.SplitSeq(stacks(), "\n\n") {
		ofManager := slices.ContainsFunc([]string{
			"whatsapp-manager/supervisor.", "whatsapp-manager/supervisor/egress.", "whatsapp-manager/supervisor/rollout.", "whatsapp-manager/supervisor/workerconn.", "whatsapp-manager/proto/process.", "go-plugin", "google.golang.org/grpc",
		}, func(name string) bool { return strings.Contains(g, name) })
		if ofManager && !strings.Contains(g, "supervisor_test.stacks") {
			out = append(out, g)
		}
	}
	return out
}
