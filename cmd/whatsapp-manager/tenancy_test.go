package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"whatsapp-manager/supervisor/moving/apart"
	"whatsapp-manager/supervisor/store/storetest"
)

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == apart.Command { // this program, as the manager starts itself
		main()
		return
	}
	storetest.Main(m)
}

// namesNoInstance are the routes that are about no instance in particular, or
// whose instance is named by nothing but its API key.
var namesNoInstance = []string{
	"GET /api/auth/me", "POST /api/auth/change-password", "POST /api/auth/login",
	"POST /api/auth/logout", "POST /api/auth/logout-all",
	"POST /api/auth/refresh", "POST /api/auth/register",
	"GET /api/audit", // shows what concerns oneself
	"GET /api/users", "POST /api/users", "GET /api/users/:id", "PATCH /api/users/:id",
	"GET /api/instances", "POST /api/instances", "POST /api/instances/import", "GET /api/webhooks", // lists show one's own
	"GET /api/proxy/:key/:method", "POST /api/proxy/:key/:method", "GET /api/proxy/:method", "POST /api/proxy/:method",
	"GET /api/proxy/methods", "GET /api/proxy/events",
	"GET /api/health", "GET /api/health/detailed", "GET /api/health/live", "GET /api/health/ready",
	"POST /api/health/upgrade/retry", "GET /metrics",
	"GET /api/link", "POST /api/link/begin", "POST /api/link/passkey", "POST /api/link/confirm", // by the token of a link page
	"GET /link", "GET /link/*", "HEAD /link/*",
	"GET /docs", "GET /docs/page.js", "GET /docs/scalar.js", "GET /openapi.json",
}

// ofAnInstance are all other routes, each with the body or the query of a request that its owner could make.
var ofAnInstance = map[string]string{
	"GET /api/instances/:id": "", "PATCH /api/instances/:id": `{"name":"taken","rawEvents":true}`, "DELETE /api/instances/:id": "",
	"POST /api/instances/:id/start": "", "POST /api/instances/:id/stop": "", "POST /api/instances/:id/restart": "",
	"POST /api/instances/:id/logout": "",
	"GET /api/instances/:id/qr":      "?wait=0", "POST /api/instances/:id/pairing-code": `{"phoneNumber":"4915112345678"}`,
	"GET /api/instances/:id/link": "", "POST /api/instances/:id/link": `{}`, "DELETE /api/instances/:id/link": "",
	"POST /api/instances/:id/link/passkey": `{"id":"x"}`, "POST /api/instances/:id/link/confirm": `{"matches":true}`,
	"POST /api/instances/:id/send": `{"chatId":"1@c.us","content":"x"}`, "GET /api/instances/:id/chats": "",
	"GET /api/instances/:id/messages":                  "?chatId=1@c.us",
	"GET /api/instances/:id/messages/:messageId/media": "", "HEAD /api/instances/:id/messages/:messageId/media": "",
	"GET /api/instances/:id/history": "", "GET /api/instances/:id/stats": "", "GET /api/instances/:id/logs": "",
	"GET /api/instances/:id/events": "", "GET /api/instances/:id/health": "",
	"GET /api/instances/:id/health/policy": "", "PUT /api/instances/:id/health/policy": `{"mode":"watch"}`,
	"GET /api/instances/:id/keys": "", "POST /api/instances/:id/keys": `{"name":"second"}`,
	"DELETE /api/instances/:id/keys/:keyId": "",
	"GET /api/instances/:id/sends":          "", "POST /api/instances/:id/sends": `{"params":["1@c.us","x"]}`,
	"GET /api/instances/:id/sends/:key": "", "DELETE /api/instances/:id/sends/:key": "",
	"GET /api/instances/:id/link/pages": "", "POST /api/instances/:id/link/pages": `{}`,
	"DELETE /api/instances/:id/link/pages/:pageId": "",
	"GET /api/instances/:id/webhooks":              "", "POST /api/instances/:id/webhooks": `{"url":"http://127.0.0.1:9/"}`,
	"GET /api/webhooks/:webhook": "", "PATCH /api/webhooks/:webhook": `{"enabled":false,"raw":true}`,
	"DELETE /api/webhooks/:webhook":    "",
	"POST /api/webhooks/:webhook/test": "", "POST /api/webhooks/:webhook/redrive": `{}`,
	"GET /api/webhooks/:webhook/deliveries": "", "GET /api/webhooks/:webhook/dead-letters": "",
}

// installation is a manager in this process, wired as the daemon is, with a
// real database and no worker's program.
type installation struct {
	t      *testing.T
	daemon *daemon
	base   string
	data   string
}

const testPassword = "correct horse battery"

// install runs a manager; settings win over those of the test.
func install(t *testing.T, settings ...string) *installation {
	t.Helper()
	dir, err := os.MkdirTemp("", "wam") // short, for sockets
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	// Otherwise a manager of root's keeps its run directory where workers get to.
	if err := os.Chmod(dir, 0o711); err != nil {
		t.Fatal(err)
	}
	c, err := load(t, nil, append([]string{
		"WAM_LISTEN=127.0.0.1:0", "WAM_DATA_DIR=" + dir,
		"WAM_DATABASE_URL=" + storetest.NewURL(t),
		"WAM_ADMIN_PASSWORD=" + testPassword, "WAM_WEBHOOK_NETWORKS=127.0.0.0/8",
		"WAM_WORKER_BINARY=" + filepath.Join(dir, "none"),
	}, settings...)...)
	if err != nil {
		t.Fatal(err)
	}
	d, err := assemble(t.Context(), c, zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	signals, ready, ended := make(chan os.Signal, 1), make(chan struct{}), make(chan error, 1)
	go func() {
		ended <- d.run(context.WithoutCancel(t.Context()), signals, func(string) { close(ready) })
	}()
	select {
	case <-ready:
	case err := <-ended:
		t.Fatalf("the daemon ended: %v", err)
	}
	t.Cleanup(func() {
		signals <- syscall.SIGINT
		if err := <-ended; err != nil {
			t.Errorf("the daemon ended with: %v", err)
		}
	})
	return &installation{t: t, daemon: d, base: "http://" + d.listener.Addr().String(), data: dir}
}

// reply is an answer without what differs between two equal ones.
type reply struct {
	status int
	body   string
}

// ask makes a request with a credential. header is Authorization or X-API-Key.
func (i *installation) ask(method, path, body, header, credential string) reply {
	i.t.Helper()
	ctx, cancel := context.WithTimeout(i.t.Context(), 30*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, i.base+path, strings.NewReader(body))
	if err != nil {
		i.t.Fatal(err)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	if header == "Authorization" {
		credential = "Bearer " + credential
	}
	if header != "" {
		req.Header.Set(header, credential)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		i.t.Fatalf("%s %s: %v", method, path, err)
	}
	defer resp.Body.Close()
	if strings.HasPrefix(resp.Header.Get("Content-Type"), "text/event-stream") {
		return reply{status: resp.StatusCode} // it has no end
	}
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		i.t.Fatalf("%s %s: %v", method, path, err)
	}
	var fields map[string]any
	if json.Unmarshal(raw, &fields) == nil {
		delete(fields, "requestId")
		if same, err := json.Marshal(fields); err == nil {
			raw = same
		}
	}
	return reply{resp.StatusCode, string(raw)}
}

// made asks for what must be there then, and returns the text at a path like instance.id.
func (i *installation) made(method, path, body, token string, at ...string) string {
	i.t.Helper()
	r := i.ask(method, path, body, "Authorization", token)
	var value any
	if r.status >= 300 || json.NewDecoder(bytes.NewReader([]byte(r.body))).Decode(&value) != nil {
		i.t.Fatalf("%s %s: %d %s", method, path, r.status, r.body)
	}
	for _, name := range at {
		object, _ := value.(map[string]any)
		value = object[name]
	}
	text, ok := value.(string)
	if !ok {
		i.t.Fatalf("%s %s: no %v in %s", method, path, at, r.body)
	}
	return text
}

func (i *installation) login(email string) string {
	return i.made("POST", "/api/auth/login", `{"email":"`+email+`","password":"`+testPassword+`"}`, "", "tokens",
		"accessToken")
}

// Whatever somebody asks about another one's instance, the answer is the one
// about an instance that there is not. A new route has to be entered above.
func TestOthersInstancesDoNotExist(t *testing.T) {
	i := install(t)
	admin := i.login("admin@localhost")
	tokens := map[string]string{}
	for _, name := range []string{"alice", "bob"} {
		i.ask("POST", "/api/users", `{"email":"`+name+`@example.org","password":"`+testPassword+`","role":"user"}`,
			"Authorization", admin)
		tokens[name] = i.login(name + "@example.org")
	}
	alice := i.made("POST", "/api/instances", `{"name":"hers"}`, tokens["alice"], "instance", "id")
	of := "/api/instances/" + alice
	hers := strings.NewReplacer(
		":id", alice, ":messageId", "false_1@c.us_3EB0", ":webhook",
		i.made("POST", of+"/webhooks", `{"url":"http://127.0.0.1:9/"}`, tokens["alice"], "webhook", "id"),
		":pageId", i.made("POST", of+"/link/pages", `{}`, tokens["alice"], "page", "id"),
		":keyId", i.made("POST", of+"/keys", `{"name":"first"}`, tokens["alice"], "key", "id"),
		":key", i.made("POST", of+"/sends",
			`{"params":["1@c.us","x"],"sendAt":"`+time.Now().Add(24*time.Hour).UTC().Format(time.RFC3339)+`"}`,
			tokens["alice"], "send", "key"))
	nobodys := strings.NewReplacer(":id", "zzzzzzzzzzzz", ":messageId", "false_1@c.us_3EB0", ":webhook",
		"zzzzzzzzzzzzzzzzzzzzzzzzzz", ":pageId", "zzzzzzzzzzzzzzzzzzzzzzzzzz", ":keyId", "zzzzzzzzzzzzzzzzzzzzzzzzzz", ":key", "zzzzzzzzzzzzzzzzzzzzzzzzzz")
	_, herPage, _ := strings.Cut(i.made("POST", of+"/link/pages", `{}`, tokens["alice"], "page", "url"), "#")
	bobsKey := i.made("POST", "/api/instances", `{"name":"his"}`, tokens["bob"], "apiKey")

	asked := map[string]bool{}
	for _, r := range i.daemon.server.Routes() {
		route := r.Method + " " + r.Path
		input, instances := ofAnInstance[route]
		if asked[route] = true; !instances {
			if !slices.Contains(namesNoInstance, route) {
				t.Errorf("%s is new: enter it above, so that it is asked for another tenant's instance", route)
			}
			continue
		}
		path, body := r.Path, input
		if strings.HasPrefix(input, "?") {
			path, body = path+input, ""
		}
		if got := i.ask(r.Method, hers.Replace(path), body, "", ""); got.status != http.StatusUnauthorized {
			t.Errorf("%s without a credential: %d %s", route, got.status, got.body)
		}
		for _, header := range []string{"Authorization", "X-API-Key"} {
			if got := i.ask(r.Method, hers.Replace(path), body, header, herPage); got.status != http.StatusUnauthorized {
				t.Errorf("%s by the link page of the instance itself: %d %s", route, got.status, got.body)
			}
		}
		for _, who := range []struct{ name, header, credential string }{
			{"another user", "Authorization", tokens["bob"]},
			{"another instance's key", "X-API-Key", bobsKey},
			{"another instance's key as bearer", "Authorization", bobsKey},
		} {
			got := i.ask(r.Method, hers.Replace(path), body, who.header, who.credential)
			if got.status != http.StatusNotFound {
				t.Errorf("%s by %s: %d %s", route, who.name, got.status, got.body)
			}
			if absent := i.ask(r.Method, nobodys.Replace(path), body, who.header, who.credential); absent != got {
				t.Errorf("%s by %s tells that the instance exists:\n%v\n%v", route, who.name, got, absent)
			}
		}
	}
	for _, route := range slices.Concat(namesNoInstance, slices.Collect(maps.Keys(ofAnInstance))) {
		if !asked[route] {
			t.Errorf("there is no route %s any more", route)
		}
	}

	// The same requests reach their handlers when the owner makes them, after
	// all that others tried: so nothing but the tenant kept those away.
	routes := slices.Sorted(maps.Keys(ofAnInstance))
	slices.SortStableFunc(routes, func(a, b string) int { return rank(a) - rank(b) })
	for _, route := range routes {
		method, path, _ := strings.Cut(route, " ")
		body := ofAnInstance[route]
		if strings.HasPrefix(body, "?") {
			path, body = path+body, ""
		}
		got := i.ask(method, hers.Replace(path), body, "Authorization", tokens["alice"])
		absent := i.ask(method, nobodys.Replace(path), body, "Authorization", tokens["alice"])
		if got == absent || got.status == http.StatusUnauthorized || got.status == http.StatusForbidden ||
			got.status == http.StatusBadRequest || got.status == http.StatusUnprocessableEntity {
			t.Errorf("%s by the owner: %d %s; the test proves nothing about it", route, got.status, got.body)
		}
	}
}

// rank lets what deletes come last, and the instance after all that is below it.
func rank(route string) int {
	switch {
	case route == "DELETE /api/instances/:id":
		return 2
	case strings.HasPrefix(route, "DELETE"):
		return 1
	}
	return 0
}
