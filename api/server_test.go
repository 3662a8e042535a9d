package api_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net"
	"net/http"
	"net/netip"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/rs/zerolog"

	"whatsapp-manager/api"
	"whatsapp-manager/proto/catalog"
	workerv1 "whatsapp-manager/proto/worker/v1"
	"whatsapp-manager/supervisor"
	"whatsapp-manager/supervisor/store"
	"whatsapp-manager/supervisor/store/storetest"
)

func TestNoKeyTokenOrBodyIsInTheLogOrTheMetrics(t *testing.T) {
	o := open(t)
	id, key := o.instance(o.token)
	const text = "a secret of two people"
	mistyped := key[:len(key)-1] + "!"
	o.do("POST", "/api/proxy/"+key+"/sendMessage", "", map[string]any{"params": []any{"1@c.us", text}})
	o.do("POST", "/api/proxy/"+key+"/nosuch", "", map[string]any{"params": []any{text}})
	o.do("POST", "/api/proxy/"+key+"/sendMessage/too/far", "", nil)
	o.do("GET", "/api/proxy/"+key, "", nil)
	o.do("GET", "/api/proxy/"+mistyped+"/getState?x="+key, "", nil)
	o.do("GET", "/api/instances/"+key, o.token, nil, "X-Request-ID", key)
	o.do("GET", "/nowhere/"+key, "", nil)
	o.do("POST", "/api/instances/"+id+"/send", key, map[string]any{"chatId": "1@c.us", "content": text})
	o.worker.does(func(context.Context, *workerv1.CallRequest) (string, error) { panic("the worker dies of " + text) })
	refresh := o.want(http.StatusOK, "POST", "/api/auth/login", "", map[string]any{"email": adminEmail, "password": adminPassword}).str("tokens.refreshToken")
	log := o.log.String()
	figures := string(o.want(http.StatusOK, "GET", "/metrics", "", nil).raw)
	for name, secret := range map[string]string{"key": key, "mistyped key": mistyped, "text": text, "token": o.token, "password": adminPassword, "refresh token": refresh} {
		t.Run(name, func(t *testing.T) {
			if strings.Contains(log, secret) {
				t.Errorf("the log holds the %s", name)
			}
			if strings.Contains(figures, secret) {
				t.Errorf("the metrics hold the %s", name)
			}
		})
	}
	for _, want := range []string{`"path":"/api/proxy/***/sendMessage"`, `"call":"sendMessage"`, `"instance":"` + id + `"`, `"code":"unknown_method"`} {
		if !strings.Contains(log, want) {
			t.Errorf("the log does not say %s", want)
		}
	}
	if !strings.Contains(figures, `wam_http_requests_total{method="POST",route="/api/proxy/:key/:method",status="200"} 1`) || strings.Contains(figures, id) {
		t.Errorf("metrics:\n%s", figures)
	}
}

func TestHealth(t *testing.T) {
	recovered := make(chan struct{})
	o := open(t, func(c *api.Config, d *api.Deps) {
		c.Simulated, c.Build = true, "v9"
		d.Supervisor.(*fakeSupervisor).recovered = recovered
		d.Isolation = store.Isolation{Level: "shared", Why: "because"}
	})
	status := func() answer { return o.do("GET", "/api/health", "", nil) }
	if a := status(); a.str("status") != "degraded" || a.str("simulated") != "true" || a.str("recovered") != "false" {
		t.Errorf("recovering: %s", a.raw)
	}
	o.want(http.StatusServiceUnavailable, "GET", "/api/health/ready", "", nil)
	o.want(http.StatusOK, "GET", "/api/health/live", "", nil)
	close(recovered)
	o.want(http.StatusOK, "GET", "/api/health/ready", "", nil)
	id, key := o.instance(o.token)
	if a := status(); a.status != 200 || a.str("status") != "healthy" || a.str("instances.ready") != "1" || a.str("instances.byStatus.ready") != "1" {
		t.Errorf("healthy: %s", a.raw)
	}
	o.desk.set(supervisor.ID(id), func(st *supervisor.Status) { st.State, st.LastError = supervisor.Failed, "it crashes on start" })
	if a := status(); a.status != 200 || a.str("status") != "degraded" || a.str("instances.failing") != "1" {
		t.Errorf("failing: %s", a.raw)
	}
	if a := o.want(http.StatusOK, "GET", "/api/health/detailed", o.token, nil); !strings.Contains(string(a.raw), "it crashes on start") || a.str("build") != "v9" || a.str("databaseAccess.isolation") != "shared" || a.str("databaseAccess.why") != "because" {
		t.Errorf("detailed: %s", a.raw)
	}
	o.want(http.StatusForbidden, "GET", "/api/health/detailed", key, nil)
}

func TestDatabaseAwayIsUnavailable(t *testing.T) {
	pg := storetest.Server(t)
	st, err := store.Open(t.Context(), pg.NewURL(), store.WithMaxConns(4))
	must(t, err)
	t.Cleanup(st.Close)
	o := openOn(t, st)
	_, key := o.instance(o.token)
	_, asked := o.instance(o.token)
	o.want(http.StatusOK, "GET", "/api/proxy/"+asked+"/getState", "", nil)
	pg.Stop("immediate")
	for name, a := range map[string]answer{
		"management": o.do("GET", "/api/instances", o.token, nil), "proxy": o.do("POST", "/api/proxy/getState", key, nil),
		"login": o.do("POST", "/api/auth/login", "", map[string]any{"email": adminEmail, "password": adminPassword}),
	} {
		t.Run(name, func(t *testing.T) {
			if a.status != 503 || a.header.Get("Retry-After") == "" || a.str("code") != "unavailable" {
				t.Errorf("%s: %d %s", name, a.status, a.raw)
			}
		})
	}
	o.want(http.StatusServiceUnavailable, "GET", "/api/health", "", nil)
	o.want(http.StatusServiceUnavailable, "GET", "/api/health/ready", "", nil)
	o.want(http.StatusOK, "GET", "/api/health/live", "", nil)
	// A key that was just used needs no database: calls go on.
	o.want(http.StatusOK, "GET", "/api/proxy/"+asked+"/getState", "", nil)
	pg.Start()
	o.want(http.StatusOK, "GET", "/api/instances", o.token, nil)
}

func TestDocumentAndItsPage(t *testing.T) {
	o := open(t)
	doc := o.want(http.StatusOK, "GET", "/openapi.json", "", nil)
	if doc.str("openapi") != "3.1.0" {
		t.Errorf("openapi %q", doc.str("openapi"))
	}
	paths := doc.json["paths"].(map[string]any)
	for _, path := range []string{"/api/auth/login", "/api/instances/{id}/qr", "/api/proxy/{apiKey}/{method}", "/api/proxy/{method}", "/api/proxy/methods", "/api/health", "/metrics"} {
		if paths[path] == nil {
			t.Errorf("%s is not documented", path)
		}
	}
	methods, err := catalog.All()
	must(t, err)
	for _, m := range methods {
		if m.Family != catalog.WWebJS {
			continue
		}
		op, _ := paths["/api/proxy/{apiKey}/"+m.Name].(map[string]any)
		post, _ := op["post"].(map[string]any)
		if post == nil || post["summary"] != m.Doc {
			t.Errorf("%s is not documented: %v", m.Name, post)
			continue
		}
		places, _ := dig(post, "requestBody", "content", "application/json", "schema", "properties", "params", "prefixItems").([]any)
		if len(places) != len(m.Params) {
			t.Errorf("%s has %d parameters and %d are documented", m.Name, len(m.Params), len(places))
		}
	}
	page := o.want(http.StatusOK, "GET", "/docs", "", nil)
	html := string(page.raw)
	// The page shows what stands in the document, whose paths are checked above.
	if !strings.Contains(html, `data-document="openapi.json"`) {
		t.Errorf("the page does not show the document: %s", html)
	}
	if found := regexp.MustCompile(`(?i)(src|href)="(https?:)?//[^"]*"`).FindString(html); found != "" {
		t.Errorf("the page loads from elsewhere: %s", found)
	}
	for _, m := range regexp.MustCompile(`(?:src|href)="(docs/[^"]+)"`).FindAllStringSubmatch(html, -1) {
		o.want(http.StatusOK, "GET", "/"+m[1], "", nil)
	}
	if policy := page.header.Get("Content-Security-Policy"); !strings.Contains(policy, "default-src 'none'") || strings.Contains(policy, "http") || strings.Contains(policy, "unsafe") {
		t.Errorf("policy %q", policy)
	}
	again := o.want(http.StatusOK, "GET", "/docs", "", nil)
	if again.header.Get("Content-Security-Policy") == page.header.Get("Content-Security-Policy") {
		t.Error("two answers have the same nonce")
	}
	for _, encoding := range []string{"gzip", "identity"} {
		t.Run("script as "+encoding, func(t *testing.T) {
			a := o.want(http.StatusOK, "GET", "/docs/scalar.js", "", nil, "Accept-Encoding", encoding)
			body := io.Reader(bytes.NewReader(a.raw))
			if encoding == "gzip" {
				if a.header.Get("Content-Encoding") != "gzip" {
					t.Fatal("it is not packed")
				}
				unpacked, err := gzip.NewReader(body)
				must(t, err)
				body = unpacked
			}
			script, err := io.ReadAll(body)
			must(t, err)
			sum := sha256.Sum256(script)
			if got := hex.EncodeToString(sum[:]); got != "81b8d2bdab4a42ab81465386441b9a0f928b68631364360f00e8cce620cc1efb" {
				t.Errorf("the script has the sum %s, which scalar/README.md does not name", got)
			}
		})
	}
}

func dig(v any, path ...string) any {
	for _, name := range path {
		members, _ := v.(map[string]any)
		v = members[name]
	}
	return v
}

func TestHeaders(t *testing.T) {
	o := open(t, func(c *api.Config, _ *api.Deps) {
		c.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	})
	a := o.do("GET", "/api/health/live", "", nil, "X-Forwarded-Proto", "https", "X-Forwarded-For", "203.0.113.9", "Origin", "https://evil.example", "X-Request-ID", "mine-1")
	for name, want := range map[string]string{
		"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "X-Frame-Options": "DENY", "Cache-Control": "no-store",
		"Strict-Transport-Security": "max-age=31536000", "X-Request-Id": "mine-1", "Access-Control-Allow-Origin": "",
	} {
		t.Run(name, func(t *testing.T) {
			if got := a.header.Get(name); got != want {
				t.Errorf("%s: %q, want %q", name, got, want)
			}
		})
	}
	if !strings.Contains(o.log.String(), `"ip":"203.0.113.9"`) {
		t.Error("the client's address is not taken from the trusted proxy")
	}
	plain := open(t)
	plain.do("GET", "/api/health/live", "", nil, "X-Forwarded-For", "203.0.113.9")
	if strings.Contains(plain.log.String(), "203.0.113.9") {
		t.Error("anybody may say where they come from")
	}
}

func TestRunEndsStreamsAndFinishesRequests(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	calling := make(chan struct{})
	release := make(chan struct{})
	o := open(t, func(c *api.Config, d *api.Deps) {
		c.Listener = listener
		d.Mounts = append(d.Mounts, func(m *api.Mount) {
			m.Echo().GET("/stream", func(c echo.Context) error {
				c.Response().WriteHeader(http.StatusOK)
				_, err := c.Response().Write([]byte("begin\n"))
				c.Response().Flush()
				<-m.Closing()
				_, _ = c.Response().Write([]byte("end\n"))
				return err
			})
		})
	})
	id, key := o.instance(o.token)
	o.worker.does(func(context.Context, *workerv1.CallRequest) (string, error) {
		close(calling)
		<-release
		return `"late"`, nil
	})
	ctx, cancel := context.WithCancel(t.Context())
	ran := make(chan error, 1)
	go func() { ran <- o.server.Run(ctx) }()
	o.url = "http://" + listener.Addr().String()

	res, err := http.Get(o.url + "/stream")
	must(t, err)
	defer res.Body.Close()
	lines := bufio.NewScanner(res.Body)
	if !lines.Scan() || lines.Text() != "begin" {
		t.Fatal("the stream does not begin")
	}
	called := make(chan answer, 1)
	go func() { called <- o.do("POST", "/api/proxy/getState", key, nil) }()
	<-calling
	cancel()
	if !lines.Scan() || lines.Text() != "end" {
		t.Error("the stream was not told to end")
	}
	close(release)
	if a := <-called; a.status != 200 || a.str("result") != "late" {
		t.Errorf("the call in flight: %d %s", a.status, a.raw)
	}
	select {
	case err := <-ran:
		if err != nil {
			t.Errorf("Run: %v", err)
		}
	case <-time.After(5 * time.Second):
		t.Fatal("Run does not end")
	}
	list, err := o.store.Keys(t.Context(), supervisor.ID(id))
	if err != nil || len(list) != 1 || list[0].LastUsedAt == nil {
		t.Errorf("the use of the key was not written down: %+v %v", list, err)
	}
}

func TestDeletionsLeftHalfDoneAreFinished(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	o := open(t, func(c *api.Config, _ *api.Deps) { c.Listener = listener })
	id, _ := o.instance(o.token)
	must(t, o.store.MarkDeleted(t.Context(), supervisor.ID(id), time.Now().Add(-time.Hour)))
	ctx, cancel := context.WithCancel(t.Context())
	ran := make(chan error, 1)
	go func() { ran <- o.server.Run(ctx) }()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for limit := time.After(5 * time.Second); ; {
		left, err := o.store.DeletedInstances(t.Context())
		must(t, err)
		if len(left) == 0 {
			break
		}
		select {
		case <-tick.C:
		case <-limit:
			t.Fatal("the instance is still there")
		}
	}
	cancel()
	must(t, <-ran)
	if len(o.desk.removed) != 1 {
		t.Errorf("the worker was removed %d times", len(o.desk.removed))
	}
}

func TestWrongSettingsAreNamed(t *testing.T) {
	for name, cfg := range map[string]api.Config{
		"admin email": {AdminEmail: "nobody"}, "admin password": {AdminPassword: "short"}, "JWT secret": {JWTSecret: []byte("short")}, "body limit": {Limits: api.Limits{BodyLimit: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := api.New(cfg, api.Deps{Log: zerolog.Nop()})
			if err == nil || !strings.Contains(err.Error(), name) {
				t.Errorf("%s: %v", name, err)
			}
		})
	}
}
