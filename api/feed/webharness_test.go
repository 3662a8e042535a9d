package feed_test

import (
	"context"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"whatsapp-manager/api"
	"whatsapp-manager/api/apitest"
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

var at = apitest.At

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
	resp, raw := apitest.Do(o.t, method, o.base+path, token, body)
	if resp.StatusCode != status {
		o.t.Fatalf("%s %s: %d, want %d: %s", method, path, resp.StatusCode, status, raw)
	}
	var out map[string]any
	if len(raw) > 0 {
		must(o.t, json.Unmarshal(raw, &out))
	}
	return out
}
