package takeover_test

import (
	"bytes"
	"context"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"whatsapp-manager/supervisor"
	"whatsapp-manager/supervisor/store"
	"whatsapp-manager/supervisor/store/roles"
	"whatsapp-manager/supervisor/store/storetest"
	"whatsapp-manager/supervisor/workeruser"
)

// host is a manager's supervision on a machine of its own, as far as it goes.
type host struct {
	t     *testing.T
	root  string
	dsn   string // of the manager's
	cfg   supervisor.Config
	store *store.Store
	log   *bytes.Buffer
	sup   *supervisor.Supervisor
	end   func() // lets go of the workers
}

func newHost(t *testing.T) *host {
	t.Helper()
	root, err := os.MkdirTemp("", "wam") // short, because a socket's path has to fit into 107 bytes
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(root) })
	if err := os.Chmod(root, 0o711); err != nil {
		t.Fatal(err)
	}
	user, err := workeruser.Choose("")
	if err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	stand := listen(t, "tcp", "127.0.0.1:0")
	h := &host{t: t, root: root, dsn: storetest.NewURL(t), log: new(bytes.Buffer)}
	storetest.NewWorkers(t, h.dsn) // takes their roles away at the end
	opened, err := roles.Arrange(t.Context(), h.dsn, "")
	if err != nil {
		t.Fatal(err)
	}
	h.cfg = supervisor.Config{
		Node: filepath.Base(root), Build: "test",
		RunDir: filepath.Join(root, "run"), LogDir: filepath.Join(root, "log"),
		WorkerConfig: supervisor.WorkerConfig{
			WorkerUser: user, WorkerPath: self, LogLevel: "debug",
			WhatsAppEndpoint: "http://" + stand + "/?noise=" + strings.Repeat("ab", 32),
		},
	}
	if h.store, err = store.Open(t.Context(), h.dsn, store.WithRoles(opened), store.WithMaxConns(4)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.store.Close)
	if err := h.store.CreateUser(t.Context(), store.User{
		ID: "owner", Email: "owner@example.org", Role: "user",
		CreatedAt: time.Now(),
	}); err != nil {
		t.Fatal(err)
	}
	return h
}

// listen accepts and closes connections until the test ends.
func listen(t *testing.T, network, address string) string {
	t.Helper()
	listener, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	var accepting sync.WaitGroup
	accepting.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			conn.Close()
		}
	})
	t.Cleanup(func() { listener.Close(); accepting.Wait() })
	return listener.Addr().String()
}

// instance makes one that is wanted to run, and its run directory with a file.
func (h *host) instance(id supervisor.ID) (dir string) {
	h.t.Helper()
	now := time.Now()
	if err := h.store.CreateInstance(h.t.Context(), store.Instance{
		ID: id, OwnerID: "owner", Name: string(id),
		Desired: supervisor.Run, CreatedAt: now,
	},
		store.APIKey{ID: "key" + string(id), Hash: []byte(id), CreatedAt: now}); err != nil {
		h.t.Fatal(err)
	}
	dir = filepath.Join(h.cfg.RunDir, string(id))
	if err := os.MkdirAll(dir, 0o700); err != nil {
		h.t.Fatal(err)
	}
	return dir
}

// manage runs a manager's supervision until h.end is called, or to the test's
// end, when it ends the workers as well.
func (h *host) manage() {
	h.t.Helper()
	log := zerolog.New(zerolog.SyncWriter(h.log)).With().Timestamp().Logger()
	sup, err := supervisor.New(h.cfg, h.store.Supervision(), log, prometheus.NewRegistry())
	if err != nil {
		h.t.Fatal(err)
	}
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
				h.t.Errorf("the manager ended with %v", err)
			}
		case <-time.After(20 * time.Second):
			h.t.Fatal("Run does not return")
		}
		h.end = func() {}
	}
	h.t.Cleanup(func() {
		if h.sup == sup {
			stopping, cancel := context.WithTimeout(context.Background(), 30*time.Second)
			defer cancel()
			if err := sup.StopAll(stopping); err != nil {
				h.t.Error(err)
			}
			h.end()
			if h.t.Failed() {
				h.t.Logf("log of the managers:\n%s", h.log)
				h.workerLogs()
			}
		}
	})
}

func (h *host) workerLogs() {
	logs, _ := filepath.Glob(filepath.Join(h.cfg.LogDir, "*.log"))
	for _, file := range logs {
		raw, _ := os.ReadFile(file)
		h.t.Logf("%s:\n%s", filepath.Base(file), raw[max(0, len(raw)-8000):])
	}
}

func (h *host) running(id supervisor.ID) supervisor.Status {
	h.t.Helper()
	sub := h.sup.Subscribe(id)
	defer sub.Close()
	limit := time.After(60 * time.Second)
	for {
		st, _ := h.sup.Status(id)
		if st.State == supervisor.Running {
			return st
		}
		select {
		case <-sub.C():
		case <-limit:
			h.t.Fatalf("%s does not run: %+v", id, st)
		}
	}
}
