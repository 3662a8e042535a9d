package api_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"whatsapp-manager/api"
	"whatsapp-manager/supervisor"
)

func TestAuditLog(t *testing.T) {
	o := guessing(t)
	ada, ben := o.user("ada@example.com", "user"), o.user("ben@example.com", "user")
	adaID := o.want(http.StatusOK, "GET", "/api/auth/me", ada, nil).str("user.id")
	id, _ := o.instance(ada)
	for range 3 {
		o.guess("203.0.113.9", "ada@example.com", "a wrong password")
	}
	o.guess("203.0.113.9", "nobody@example.com", "a wrong password")
	list := func(token, query string) []map[string]any {
		t.Helper()
		var out []map[string]any
		for _, e := range o.want(http.StatusOK, "GET", "/api/audit"+query, token, nil).json["entries"].([]any) {
			out = append(out, e.(map[string]any))
		}
		return out
	}
	failed := list(o.token, "?action=login.failed")
	if len(failed) != 2 || failed[1]["target"] != adaID || dig(failed[1], "detail", "ip") != "203.0.113.9" || failed[0]["target"] != nil {
		t.Errorf("failed logins: %v", failed) // the second and third come with the next summary
	}
	if got := list(o.token, "?action=login"); len(got) != 2+3 {
		t.Errorf("logins, failed or not: %v", got)
	}
	if got := list(o.token, "?target="+id); len(got) != 1 || got[0]["action"] != "instance.create" || got[0]["userId"] != adaID {
		t.Errorf("of the instance: %v", got)
	}
	for _, e := range list(ada, "?limit=200") {
		if e["userId"] != adaID && e["target"] != adaID && e["target"] != id {
			t.Errorf("a user sees %v", e)
		}
	}
	if got := list(ada, "?action=login.failed"); len(got) != 1 {
		t.Errorf("a user sees these guesses at their account: %v", got)
	}
	if got := list(ben, "?user="+adaID); len(got) != 0 {
		t.Errorf("a user sees what another did: %v", got)
	}
	// An administrator's deed at one's instance is one's business.
	o.want(http.StatusOK, "PATCH", "/api/instances/"+id, o.token, map[string]any{"name": "renamed"})
	if got := list(ada, "?action=instance.update"); len(got) != 1 {
		t.Errorf("what an administrator did: %v", got)
	}
	all := len(list(o.token, "?limit=200"))
	seen := map[any]bool{}
	for before := ""; ; {
		page := o.want(http.StatusOK, "GET", "/api/audit?limit=3"+before, o.token, nil)
		for _, e := range page.json["entries"].([]any) {
			seen[e.(map[string]any)["id"]] = true
		}
		if page.json["next"] == nil {
			break
		}
		before = fmt.Sprintf("&before=%.0f", page.json["next"])
	}
	if len(seen) != all || all < 8 {
		t.Errorf("%d entries page by page, %d at once", len(seen), all)
	}
	if got := list(o.token, "?since="+time.Now().Add(time.Hour).UTC().Format(time.RFC3339)); len(got) != 0 {
		t.Errorf("of the future: %v", got)
	}
	o.want(http.StatusUnauthorized, "GET", "/api/audit", "", nil)
	for _, bad := range []string{"?limit=0", "?limit=201", "?since=yesterday", "?before=-1", "?action=" + strings.Repeat("x", 61)} {
		o.want(http.StatusBadRequest, "GET", "/api/audit"+bad, o.token, nil)
	}
	if strings.Contains(string(o.want(http.StatusOK, "GET", "/api/audit?limit=200", o.token, nil).raw), "wrong password") {
		t.Error("the audit log holds what was typed")
	}
}

// What counts on when the server ends is written down.
func TestAFloodOfFailedLoginsIsSummedUp(t *testing.T) {
	o := open(t)
	ran := make(chan error, 1)
	ctx, cancel := context.WithCancel(t.Context())
	go func() { ran <- o.server.Run(ctx) }()
	for range 5 {
		o.want(http.StatusUnauthorized, "POST", "/api/auth/login", "", map[string]any{"email": adminEmail, "password": "a wrong password"})
	}
	cancel()
	must(t, <-ran)
	entries := o.want(http.StatusOK, "GET", "/api/audit?action=login.failed", o.token, nil).json["entries"].([]any)
	counted := 0.0
	for _, e := range entries {
		counted += dig(e, "detail", "count").(float64)
	}
	if len(entries) != 2 || counted != 5 {
		t.Errorf("%d entries count %v failures", len(entries), counted)
	}
}

func TestHostsThatAreNotMeant(t *testing.T) {
	o := open(t, func(c *api.Config, _ *api.Deps) {
		c.PublicURL, c.AllowedHosts = "https://wa.example.org/", []string{"api.internal"}
	})
	for _, tc := range []struct {
		host   string
		status int
	}{
		{"127.0.0.1:5000", 200},
		{"localhost", 200},
		{"[::1]:5000", 200},
		{"wa.example.org", 200},
		{"api.internal:5000", 200},
		{"evil.example", 421},
		{"evil.example:5000", 421},
		{"localhost.evil.example", 421},
		{"192.0.2.7", 421},
	} {
		for _, path := range []string{"/api/health", "/metrics", "/docs", "/openapi.json"} {
			t.Run(tc.host+path, func(t *testing.T) {
				req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, o.url+path, nil)
				must(t, err)
				req.Host = tc.host
				res, err := http.DefaultClient.Do(req)
				must(t, err)
				defer res.Body.Close()
				if res.StatusCode != tc.status {
					t.Errorf("status %d, want %d", res.StatusCode, tc.status)
				}
			})
		}
	}
}

func TestAProxyThatIsNotDeclared(t *testing.T) {
	o := open(t)
	for range 20 {
		o.do("GET", "/api/health/live", "", nil, "X-Forwarded-For", "203.0.113.9")
	}
	if n := strings.Count(o.log.String(), "proxy that is not declared"); n != 1 {
		t.Errorf("%d warnings", n)
	}
	a := o.want(http.StatusOK, "GET", "/api/health/detailed", o.token, nil)
	if a.str("undeclaredProxy.peer") != "127.0.0.1" || a.str("undeclaredProxy.requests") != "20" {
		t.Errorf("detailed: %s", a.raw)
	}
	declared := guessing(t)
	declared.do("GET", "/api/health/live", "", nil, "X-Forwarded-For", "203.0.113.9")
	if a := declared.want(http.StatusOK, "GET", "/api/health/detailed", declared.token, nil); a.json["undeclaredProxy"] != nil {
		t.Errorf("a declared one: %s", a.raw)
	}
}

func TestNoPhoneNumberIsInALoggedPath(t *testing.T) {
	o := open(t)
	id, key := o.instance(o.token)
	const number = "4915112345699"
	for _, path := range []string{
		"/api/instances/" + id + "/messages/false_" + number + "@c.us_3EB0/media", "/api/users/" + number, "/api/instances/" + number[:12], "/nowhere/" + number,
		"/api/instances/" + id + "/keys/" + number, "/api/proxy/" + number + "/getChats", "/api/proxy/" + number, "/api/instances/" + id + "/ada@example.com", "/docs/" + number,
	} {
		o.do("GET", path, o.token, nil)
		o.do("POST", path, key, nil)
		o.do("DELETE", path, o.token, nil)
	}
	if log := o.log.String(); strings.Contains(log, number[:12]) || strings.Contains(log, "ada@") {
		t.Errorf("the log holds a number or an address:\n%s", log)
	}
	if !strings.Contains(o.log.String(), `"path":"/api/instances/`+id+`/messages/:messageId/media"`) {
		t.Error("the log does not say which route it was")
	}
}

func TestInstancesOfAUserAreLimited(t *testing.T) {
	o := open(t, func(c *api.Config, _ *api.Deps) { c.UserInstances = 2 })
	ada := o.user("ada@example.com", "user")
	id := o.want(http.StatusOK, "GET", "/api/auth/me", ada, nil).str("user.id")
	create := func(token string) answer { return o.do("POST", "/api/instances", token, map[string]any{"name": "x"}) }
	var all sync.WaitGroup
	var mu sync.Mutex
	made := 0
	for range 6 {
		all.Go(func() {
			if create(ada).status == http.StatusCreated {
				mu.Lock()
				made++
				mu.Unlock()
			}
		})
	}
	all.Wait()
	if made != 2 {
		t.Errorf("%d instances were made", made)
	}
	if a := create(ada); a.status != http.StatusForbidden || a.str("code") != "instance_limit" {
		t.Errorf("a third one: %d %s", a.status, a.raw)
	}
	most := func(n int) answer {
		return o.want(http.StatusOK, "PATCH", "/api/users/"+id, o.token, map[string]any{"maxInstances": n})
	}
	if a := most(3); a.str("user.maxInstances") != "3" || create(ada).status != http.StatusCreated || create(ada).status != http.StatusForbidden {
		t.Errorf("with three allowed: %s", a.raw)
	}
	if most(0); create(ada).status != http.StatusCreated {
		t.Error("without a limit")
	}
	if a := most(-1); a.json["user"].(map[string]any)["maxInstances"] != nil || create(ada).status != http.StatusForbidden {
		t.Errorf("with the default again: %s", a.raw)
	}
	for range 4 {
		if a := create(o.token); a.status != http.StatusCreated {
			t.Errorf("an administrator: %d %s", a.status, a.raw)
		}
	}
}

func TestKeysOfADisabledUserOpenNothing(t *testing.T) {
	o := open(t)
	o.user("ada@example.com", "user")
	a := o.signIn("ada@example.com")
	_, key := o.instance(a.str("tokens.accessToken"))
	call := func() answer { return o.do("POST", "/api/proxy/getState", key, nil) }
	if got := call(); got.status != http.StatusOK {
		t.Fatalf("before: %d %s", got.status, got.raw)
	}
	o.want(http.StatusOK, "PATCH", "/api/users/"+a.str("user.id"), o.token, map[string]any{"disabled": true})
	if got := call(); got.status != http.StatusUnauthorized || got.str("code") != "account_disabled" {
		t.Errorf("disabled: %d %s", got.status, got.raw)
	}
	o.want(http.StatusOK, "PATCH", "/api/users/"+a.str("user.id"), o.token, map[string]any{"disabled": false})
	if got := call(); got.status != http.StatusOK {
		t.Errorf("enabled again: %d %s", got.status, got.raw)
	}
}

func TestWaitingForACodeEndsWithThePermission(t *testing.T) {
	o := open(t)
	id, key := o.instance(o.token)
	o.desk.set(supervisor.ID(id), func(st *supervisor.Status) { st.State, st.Link = supervisor.Starting, nil })
	keyID := o.want(http.StatusOK, "GET", "/api/instances/"+id+"/keys", o.token, nil).json["keys"].([]any)[0].(map[string]any)["id"].(string)
	waited := make(chan answer, 1)
	go func() { waited <- o.do("GET", "/api/instances/"+id+"/qr?wait=30", key, nil) }()
	for <-o.desk.waiting != supervisor.ID(id) {
	}
	o.want(http.StatusNoContent, "DELETE", "/api/instances/"+id+"/keys/"+keyID, o.token, nil)
	select {
	case a := <-waited:
		if a.status != http.StatusUnauthorized || a.str("code") != "key_revoked" {
			t.Errorf("%d %s", a.status, a.raw)
		}
	case <-time.After(10 * time.Second):
		t.Error("it waits on")
	}
}

func TestWeakPasswordsAreRefusedWhereverTheyAreChosen(t *testing.T) {
	o := open(t, func(c *api.Config, _ *api.Deps) { c.OpenRegister = true })
	ada := o.user("ada@example.com", "user")
	id := o.want(http.StatusOK, "GET", "/api/auth/me", ada, nil).str("user.id")
	const common, short = "password12345", "k7#Qz!m2Wp9"
	for _, tc := range []struct {
		name, method, path, token, field, weak string
		body                                   map[string]any
	}{
		{"registration", "POST", "/api/auth/register", "", "password", common, map[string]any{"email": "ben@example.com", "password": common}},
		{"registration, short", "POST", "/api/auth/register", "", "password", short, map[string]any{"email": "ben@example.com", "password": short}},
		{"registration, own address", "POST", "/api/auth/register", "", "password", "ben@example.com", map[string]any{"email": "ben@example.com", "password": "ben@example.com"}},
		{"a new user", "POST", "/api/users", o.token, "password", common, map[string]any{"email": "ben@example.com", "password": common}},
		{"a new user, own address", "POST", "/api/users", o.token, "password", "ben@example.com", map[string]any{"email": "ben@example.com", "password": "ben@example.com"}},
		{"a change", "POST", "/api/auth/change-password", ada, "newPassword", common, map[string]any{"currentPassword": adminPassword, "newPassword": common}},
		{"a change, short", "POST", "/api/auth/change-password", ada, "newPassword", short, map[string]any{"currentPassword": adminPassword, "newPassword": short}},
		{"a change, own address", "POST", "/api/auth/change-password", ada, "newPassword", "Ada@Example.com", map[string]any{"currentPassword": adminPassword, "newPassword": "Ada@Example.com"}},
		{"set by an administrator", "PATCH", "/api/users/" + id, o.token, "password", common, map[string]any{"password": common}},
		{"set by an administrator, own address", "PATCH", "/api/users/" + id, o.token, "password", "ada@example.com!", map[string]any{"password": "ada@example.com!"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if a := o.do(tc.method, tc.path, tc.token, tc.body); a.status != http.StatusBadRequest || a.str("code") != "password_weak" || a.str("field") != tc.field || strings.Contains(string(a.raw), tc.weak) {
				t.Errorf("%d %s", a.status, a.raw)
			}
		})
	}
}
