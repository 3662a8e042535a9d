package feed_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"whatsapp-manager/api"
	"whatsapp-manager/api/feed"
)

// soonEnded is in what time a stream must have ended: at once, on a busy machine.
const soonEnded = 2 * time.Second

// reading is a stream of each kind, opened with one credential.
type reading struct {
	o      *office
	events *http.Response
	lines  *bufio.Scanner
	socket *websocket.Conn
}

// read opens both streams of an instance and returns when both have begun.
func (o *office) read(ctx context.Context, id, credential string) *reading {
	o.t.Helper()
	address := o.base + "/api/instances/" + id + "/events"
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	must(o.t, err)
	req.Header.Set("Authorization", "Bearer "+credential)
	req.Header.Set("Accept", "text/event-stream")
	r := &reading{o: o}
	r.events, err = http.DefaultClient.Do(req)
	must(o.t, err)
	o.t.Cleanup(func() { r.events.Body.Close() })
	if r.lines = bufio.NewScanner(r.events.Body); r.events.StatusCode != http.StatusOK || !r.lines.Scan() || r.lines.Text() != "retry: 1000" {
		o.t.Fatalf("stream: %d %q", r.events.StatusCode, r.lines.Text())
	}
	r.socket, _, err = websocket.Dial(ctx, address, &websocket.DialOptions{HTTPHeader: http.Header{"Authorization": {"Bearer " + credential}}})
	must(o.t, err)
	o.t.Cleanup(func() { _ = r.socket.CloseNow() })
	return r
}

// ends waits for both streams to end and holds what was said against the code.
func (r *reading) ends(ctx context.Context, t *testing.T, code string, status websocket.StatusCode, in time.Duration) {
	t.Helper()
	began := time.Now()
	var name, data string
	for r.lines.Scan() {
		if value, ok := strings.CutPrefix(r.lines.Text(), "event: "); ok {
			name = value
		}
		if value, ok := strings.CutPrefix(r.lines.Text(), "data: "); ok {
			data = value
		}
		if strings.HasPrefix(r.lines.Text(), "id: ") && name == "stream_end" {
			t.Error("the last event has an id, behind which a reader would resume")
		}
	}
	if err := r.lines.Err(); err != nil {
		t.Errorf("the stream of events broke: %v", err)
	}
	var why struct{ Code, Message string }
	if err := json.Unmarshal([]byte(data), &why); name != "stream_end" || err != nil || why.Code != code || why.Message == "" {
		t.Errorf("the last event is %q: %s", name, data)
	}
	_, _, err := r.socket.Read(ctx)
	var closed websocket.CloseError
	if !errors.As(err, &closed) || closed.Code != status || !strings.HasPrefix(closed.Reason, code+": ") {
		t.Errorf("the socket ended with: %v", err)
	}
	if took := time.Since(began); took > in {
		t.Errorf("they ended after %s", took)
	}
}

func TestStreamsEndWithWhatAllowsThem(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	o.tenant("ada@example.com")
	adaID := at(o.do(http.StatusOK, "POST", "/api/auth/login", "", map[string]any{"email": "ada@example.com", "password": password}), "user.id").(string)
	make := func() (id, key, keyID string) {
		made := o.do(http.StatusCreated, "POST", "/api/instances", o.login("ada@example.com"), map[string]any{"name": "hers"})
		id = at(made, "instance.id").(string)
		listed := o.do(http.StatusOK, "GET", "/api/instances/"+id+"/keys", o.admin, nil)["keys"].([]any)[0].(map[string]any)
		return id, made["apiKey"].(string), listed["id"].(string)
	}
	set := func(change map[string]any) { o.do(http.StatusOK, "PATCH", "/api/users/"+adaID, o.admin, change) }
	for _, tc := range []struct {
		name, code string
		status     websocket.StatusCode
		withKey    bool
		end        func(id, keyID, token string)
	}{
		{"the key is revoked", "key_revoked", 4401, true, func(id, keyID, _ string) {
			o.do(http.StatusNoContent, "DELETE", "/api/instances/"+id+"/keys/"+keyID, o.admin, nil)
		}},
		{"the key's owner is disabled", "account_disabled", 4401, true, func(string, string, string) { set(map[string]any{"disabled": true}) }},
		{"the instance of the key is deleted", "instance_deleted", 4404, true, func(id, _, _ string) { o.do(http.StatusNoContent, "DELETE", "/api/instances/"+id, o.admin, nil) }},
		{"the user is disabled", "account_disabled", 4401, false, func(string, string, string) { set(map[string]any{"disabled": true}) }},
		{"the session is logged out", "session_ended", 4401, false, func(_, _, token string) { o.do(http.StatusNoContent, "POST", "/api/auth/logout", token, nil) }},
		{"all are logged out", "session_ended", 4401, false, func(string, string, string) {
			o.do(http.StatusNoContent, "POST", "/api/auth/logout-all", o.login("ada@example.com"), nil)
		}},
		{"the role changes", "session_ended", 4401, false, func(string, string, string) { set(map[string]any{"role": "admin"}) }},
		{"and back", "session_ended", 4401, false, func(string, string, string) { set(map[string]any{"role": "user"}) }},
		{"an administrator sets a password", "session_ended", 4401, false, func(string, string, string) { set(map[string]any{"password": password}) }},
		{"the instance is deleted", "instance_deleted", 4404, false, func(id, _, _ string) { o.do(http.StatusNoContent, "DELETE", "/api/instances/"+id, o.admin, nil) }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			set(map[string]any{"disabled": false})
			id, key, keyID := make()
			token := o.login("ada@example.com")
			bystander := o.read(ctx, id, o.admin)
			credential := token
			if tc.withKey {
				credential = key
			}
			r := o.read(ctx, id, credential)
			tc.end(id, keyID, token)
			r.ends(ctx, t, tc.code, tc.status, soonEnded)
			if tc.code == "instance_deleted" {
				bystander.ends(ctx, t, tc.code, tc.status, soonEnded)
				return
			}
			short, stop := context.WithTimeout(ctx, 50*time.Millisecond)
			defer stop()
			if _, _, err := bystander.socket.Read(short); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("somebody else's stream ended, too: %v", err)
			}
			bystander.events.Body.Close()
		})
	}
}

func TestStreamsEndWithTheAccessToken(t *testing.T) {
	t.Parallel()
	o := newOfficeWith(t, feed.Options{}, func(c *api.Config) { c.AccessTTL = 2 * time.Second })
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	id := at(o.do(http.StatusCreated, "POST", "/api/instances", o.login("root@example.com"), map[string]any{"name": "x"}), "instance.id").(string)
	o.read(ctx, id, o.login("root@example.com")).ends(ctx, t, "token_expired", 4401, 5*time.Second)
}

// What another manager, or somebody with SQL, ends is seen within seconds.
func TestStreamsEndWithWhatTheDatabaseSays(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	ran := make(chan error, 1)
	serving, stop := context.WithCancel(t.Context())
	defer stop()
	go func() { ran <- o.server.Run(serving) }()
	for _, tc := range []struct {
		name, statement string
		withKey         bool
	}{
		{"the key is revoked", `update api_keys set revoked_at = now() where instance_id = $1`, true},
		{"the key is removed", `delete from api_keys where instance_id = $1`, true},
		{"the session is revoked", `update refresh_tokens set revoked_at = now() where user_id = (select owner_id from instances where id = $1)`, false},
		{"the instance is somebody else's", `update instances set owner_id = (select id from users where role = 'superadmin') where id = $1`, false},
		{"the key's owner is disabled", `update users set disabled_at = now() where id = (select owner_id from instances where id = $1)`, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			email := strings.ReplaceAll(tc.name, " ", ".") + "@example.com"
			email = strings.ReplaceAll(email, "'", "")
			token := o.tenant(email)
			made := o.do(http.StatusCreated, "POST", "/api/instances", token, map[string]any{"name": "x"})
			credential, id := token, at(made, "instance.id").(string)
			if tc.withKey {
				credential = made["apiKey"].(string)
			}
			r := o.read(ctx, id, credential)
			o.sql(tc.statement, id)
			r.ends(ctx, t, "permission_ended", 4401, 8*time.Second)
		})
	}
	stop()
	must(t, <-ran)
}

// Thousands of streams cost one query for all, every few seconds.
func TestManyStreamsAreWatchedTogether(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.sql(`insert into instances (id, owner_id, name, created_at, updated_at) select 'i' || lpad(n::text, 11, '0'), 'owner', '', now(), now() from generate_series(1, 3000) n`)
	o.sql(`insert into api_keys (id, instance_id, hash, prefix, created_at) select 'k' || n, 'i' || lpad(n::text, 11, '0'), n::text::bytea, '', now() from generate_series(1, 3000) n`)
	ids := []string{}
	for n := range 3000 {
		ids = append(ids, fmt.Sprint("k", n+1))
	}
	began := time.Now()
	standing, err := o.store.StandingKeys(t.Context(), ids)
	must(t, err)
	t.Logf("3000 keys: %s", time.Since(began))
	if len(standing) != 3000 || time.Since(began) > time.Second {
		t.Errorf("%d stand, after %s", len(standing), time.Since(began))
	}
}

func TestWebhooksOfAKeyEndWithItOnRequest(t *testing.T) {
	t.Parallel()
	o, hook := newOffice(t), newReceiver(t)
	made := o.do(http.StatusCreated, "POST", "/api/instances", o.admin, map[string]any{"name": "x"})
	id, key := at(made, "instance.id").(string), made["apiKey"].(string)
	of := "/api/instances/" + id
	keyID := o.do(http.StatusOK, "GET", of+"/keys", o.admin, nil)["keys"].([]any)[0].(map[string]any)["id"].(string)
	second := o.do(http.StatusCreated, "POST", of+"/keys", o.admin, map[string]any{"name": "second"})
	byKey := o.do(http.StatusCreated, "POST", of+"/webhooks", key, map[string]any{"url": hook.URL})
	byOn := o.do(http.StatusOK, "POST", "/api/proxy/"+key+"/on", "", map[string]any{"params": []any{"message", hook.URL}})
	byOther := o.do(http.StatusCreated, "POST", of+"/webhooks", second["apiKey"].(string), map[string]any{"url": hook.URL})
	byUser := o.do(http.StatusCreated, "POST", of+"/webhooks", o.admin, map[string]any{"url": hook.URL})
	if at(byKey, "webhook.createdBy.kind") != "key" || at(byKey, "webhook.createdBy.id") != keyID || at(byOn, "result.webhook.createdBy.id") != keyID || at(byUser, "webhook.createdBy.kind") != "user" {
		t.Errorf("made by %v, %v, %v", at(byKey, "webhook.createdBy"), at(byOn, "result.webhook.createdBy"), at(byUser, "webhook.createdBy"))
	}
	left := func() int { return len(o.do(http.StatusOK, "GET", of+"/webhooks", o.admin, nil)["webhooks"].([]any)) }
	o.do(http.StatusBadRequest, "DELETE", of+"/keys/"+keyID+"?webhooks=all", o.admin, nil)
	if o.do(http.StatusNoContent, "DELETE", of+"/keys/"+keyID, o.admin, nil); left() != 4 {
		t.Errorf("%d webhooks are left when nobody asked to end them", left())
	}
	if o.do(http.StatusNoContent, "DELETE", of+"/keys/"+keyID+"?webhooks=delete", o.admin, nil); left() != 2 {
		t.Errorf("%d webhooks are left, want those of the other key and of the user", left())
	}
	o.do(http.StatusOK, "GET", "/api/webhooks/"+at(byOther, "webhook.id").(string), o.admin, nil)
}

// Whoever is disabled gets nothing more; what happened meanwhile comes when they are enabled again.
func TestWebhooksOfADisabledUserWait(t *testing.T) {
	t.Parallel()
	o, hook := newOffice(t), newReceiver(t)
	r := o.endpoint(hook.URL)
	owner := o.tenant("ada@example.com")
	ownerID := at(o.do(http.StatusOK, "GET", "/api/auth/me", owner, nil), "user.id").(string)
	o.sql(`update instances set owner_id = $1 where id = $2`, ownerID, instance)
	o.happen("chat", 2)
	hook.waitAll(t, 2)
	o.do(http.StatusOK, "PATCH", "/api/users/"+ownerID, o.admin, map[string]any{"disabled": true})
	if shown := o.do(http.StatusOK, "GET", "/api/webhooks/"+r.ID, o.admin, nil); at(shown, "webhook.held") != true || at(shown, "webhook.enabled") != true {
		t.Errorf("shown as %v", shown)
	}
	o.happen("chat", 3)
	o.deliverer.Recount(t.Context()) // it has looked again when this returns
	if _, all := hook.got(); len(all) != 2 {
		t.Errorf("%d posts while the owner is disabled", len(all)-2)
	}
	o.do(http.StatusOK, "PATCH", "/api/users/"+ownerID, o.admin, map[string]any{"disabled": false})
	hook.waitAll(t, 5)
}

func TestNewSecretsOfWebhooksAskForThePassword(t *testing.T) {
	t.Parallel()
	o, hook := newOffice(t), newReceiver(t)
	of := "/api/instances/" + string(instance) + "/webhooks"
	one := "/api/webhooks/" + at(o.do(http.StatusCreated, "POST", of, o.admin, map[string]any{"url": hook.URL}), "webhook.id").(string)
	o.sql(`update refresh_tokens set proved_at = proved_at - interval '11 minutes'`)
	late := o.do(http.StatusCreated, "POST", of, o.login("root@example.com"), map[string]any{"url": hook.URL}) // a new login
	if late["secret"] == nil {
		t.Errorf("no secret: %v", late)
	}
	old := func() string { // a token of an old login
		token := o.login("root@example.com")
		o.sql(`update refresh_tokens set proved_at = proved_at - interval '11 minutes'`)
		return token
	}()
	for _, tc := range []struct {
		name, method, path string
		body               map[string]any
		status             int
	}{
		{"a webhook", "POST", of, map[string]any{"url": hook.URL}, http.StatusCreated},
		{"a new secret", "PATCH", one, map[string]any{"renewSecret": true}, http.StatusOK},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if p := o.do(http.StatusForbidden, tc.method, tc.path, old, tc.body); p["code"] != "password_required" || p["field"] != "currentPassword" {
				t.Errorf("without the password: %v", p)
			}
			tc.body["currentPassword"] = password
			if made := o.do(tc.status, tc.method, tc.path, old, tc.body); made["secret"] == nil {
				t.Errorf("with it: %v", made)
			}
		})
	}
	o.do(http.StatusOK, "PATCH", one, old, map[string]any{"enabled": false}) // no secret
}
