package feed_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"whatsapp-manager/api"
	"whatsapp-manager/api/feed"
	"whatsapp-manager/supervisor"
	"whatsapp-manager/supervisor/store/storetest"
)

// office is the API with its webhook and stream routes, a supervisor that runs
// no worker, and a deliverer.
type office struct {
	*rig
	server      *api.Server
	base, admin string
}

const password = "correct horse battery"

func newOffice(t *testing.T) *office { t.Helper(); return newOfficeWith(t, feed.Options{}) }

func newOfficeWith(t *testing.T, opts feed.Options, change ...func(*api.Config)) *office {
	t.Helper()
	r := prepare(t, storetest.NewURL(t), opts)
	dir, err := os.MkdirTemp("", "wam")
	must(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	sup, err := supervisor.New(supervisor.Config{
		Node: "test", RunDir: filepath.Join(dir, "run"), LogDir: filepath.Join(dir, "logs"),
		WorkerConfig: supervisor.WorkerConfig{WorkerPath: filepath.Join(dir, "none")},
	}, r.store.Supervision(), zerolog.Nop(), prometheus.NewRegistry())
	must(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	supervising := make(chan error, 1)
	go func() { supervising <- sup.Run(ctx) }()
	r.run()
	reg := prometheus.NewRegistry()
	streamer := feed.NewStreamer(r.store, &r.hub, zerolog.Nop())
	cfg := api.Config{Node: "test", Listen: "127.0.0.1:0", AdminEmail: "root@example.com", AdminPassword: password, SendsPerMinute: 20}
	for _, c := range change {
		c(&cfg)
	}
	server, err := api.New(cfg, api.Deps{
		Store: r.store, Supervisor: sup, Log: zerolog.Nop(), Registerer: reg, Gatherer: reg,
		Mounts: []func(*api.Mount){feed.StreamRoutes(streamer), feed.EndpointRoutes(r.store, r.deliverer)},
	})
	must(t, err)
	_, err = server.EnsureAdmin(t.Context())
	must(t, err)
	r.populate()
	o := &office{rig: r, server: server, base: listen(t, server.Handler())}
	t.Cleanup(func() {
		r.stop()
		cancel()
		if err := <-supervising; err != nil {
			t.Errorf("supervisor: %v", err)
		}
	})
	<-sup.Recovered()
	o.admin = o.login("root@example.com")
	return o
}

func (o *office) login(email string) string {
	o.t.Helper()
	return o.do(http.StatusOK, "POST", "/api/auth/login", "", map[string]any{"email": email, "password": password})["tokens"].(map[string]any)["accessToken"].(string)
}

func (o *office) tenant(email string) string {
	o.t.Helper()
	o.do(http.StatusCreated, "POST", "/api/users", o.admin, map[string]any{"email": email, "password": password, "role": "user"})
	return o.login(email)
}

// do calls the API and wants a status; it returns the decoded body.
func (o *office) do(status int, method, path, token string, body any) map[string]any {
	o.t.Helper()
	var reader io.Reader
	if body != nil {
		encoded, err := json.Marshal(body)
		must(o.t, err)
		reader = bytes.NewReader(encoded)
	}
	req, err := http.NewRequestWithContext(o.t.Context(), method, o.base+path, reader)
	must(o.t, err)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := http.DefaultClient.Do(req)
	must(o.t, err)
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	must(o.t, err)
	if resp.StatusCode != status {
		o.t.Fatalf("%s %s: %d, want %d: %s", method, path, resp.StatusCode, status, raw)
	}
	var out map[string]any
	if len(raw) > 0 {
		must(o.t, json.Unmarshal(raw, &out))
	}
	return out
}

func at(m map[string]any, path string) any {
	var v any = m
	for name := range strings.SplitSeq(path, ".") {
		inner, _ := v.(map[string]any)
		v = inner[name]
	}
	return v
}
