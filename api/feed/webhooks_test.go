package feed_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"whatsapp-manager/supervisor/store"
)

func TestAWebhookWithoutHeadersShowsNone(t *testing.T) {
	t.Parallel()
	o, hook := newOffice(t), newReceiver(t)
	made := o.do(http.StatusCreated, "POST", "/api/instances/"+string(instance)+"/webhooks", o.admin, map[string]any{"url": hook.URL})
	if headers, ok := at(made, "webhook.headers").(map[string]any); !ok || len(headers) != 0 {
		t.Errorf("headers: %v", at(made, "webhook.headers"))
	}
}

func TestWebhooksAreManaged(t *testing.T) {
	t.Parallel()
	o, hook := newOffice(t), newReceiver(t)
	of := "/api/instances/" + string(instance) + "/webhooks"
	o.happen("past", 3) // before the webhook: not its business
	made := o.do(http.StatusCreated, "POST", of, o.admin, map[string]any{"url": hook.URL, "events": []string{"message"}, "headers": map[string]string{"X-A": "1"}})
	if s, _ := made["secret"].(string); !strings.HasPrefix(s, "whsec_") {
		t.Fatalf("secret %q", s)
	}
	one := "/api/webhooks/" + at(made, "webhook.id").(string)
	if shown := o.do(http.StatusOK, "GET", one, o.admin, nil); shown["secret"] != nil || at(shown, "webhook.url") != hook.URL {
		t.Errorf("shown: %v", shown)
	}
	for _, list := range []string{of, "/api/webhooks"} {
		if all := o.do(http.StatusOK, "GET", list, o.admin, nil)["webhooks"].([]any); len(all) != 1 {
			t.Errorf("%s lists %d", list, len(all))
		}
	}
	o.happen("chat", 2)
	posts := hook.waitAll(t, 2)
	if posts[0].Seq != 4 || posts[0].Header.Get("X-A") != "1" {
		t.Errorf("first post: %d %v", posts[0].Seq, posts[0].Header)
	}
	o.eventually("deliveries are listed", func() bool {
		return at(o.do(http.StatusOK, "GET", one+"/deliveries", o.admin, nil), "pagination.total") == 2.0
	})
	tested := o.do(http.StatusOK, "POST", one+"/test", o.admin, nil)
	if tested["delivered"] != true || tested["status"] != 200.0 {
		t.Errorf("test: %v", tested)
	}
	hook.answers(refuse(http.StatusTeapot))
	if tested = o.do(http.StatusOK, "POST", one+"/test", o.admin, nil); tested["delivered"] != false || tested["status"] != 418.0 || tested["error"] == nil {
		t.Errorf("test of a refusing receiver: %v", tested)
	}
	hook.answers(nil)
	listed := o.do(http.StatusOK, "GET", one+"/deliveries", o.admin, nil)["deliveries"].([]any)
	if len(listed) != 4 || at(listed[0].(map[string]any), "status") != 418.0 || at(listed[1].(map[string]any), "seq") != 0.0 || at(listed[2].(map[string]any), "seq") != 5.0 {
		t.Errorf("with two tests listed: %v", listed)
	}
	if dead := at(o.do(http.StatusOK, "GET", one+"/dead-letters", o.admin, nil), "pagination.total"); dead != 0.0 {
		t.Errorf("%v dead letters", dead)
	}
	o.do(http.StatusBadRequest, "POST", one+"/redrive", o.admin, map[string]any{"seqs": []int{}})
	if n := o.do(http.StatusAccepted, "POST", one+"/redrive", o.admin, map[string]any{})["count"]; n != 0.0 {
		t.Errorf("redriven: %v", n)
	}
	renewed := o.do(http.StatusOK, "PATCH", one, o.admin, map[string]any{"renewSecret": true, "events": []string{}})
	if renewed["secret"] == made["secret"] || renewed["secret"] == nil {
		t.Error("the secret was not renewed")
	}
	o.do(http.StatusNoContent, "DELETE", one, o.admin, nil)
	o.do(http.StatusNotFound, "GET", one, o.admin, nil)
}

func TestBadWebhooksAreRefused(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	of := "/api/instances/" + string(instance) + "/webhooks"
	made := o.do(http.StatusCreated, "POST", of, o.admin, map[string]any{"url": "http://127.0.0.1:1/"})
	one := "/api/webhooks/" + at(made, "webhook.id").(string)
	for _, bad := range []struct {
		field string
		value any
	}{
		{"url", "ftp://example.org"},
		{"url", "http://"},
		{"url", "http://:80/"},
		{"url", "http://example.org:99999/"},
		{"url", "nowhere"},
		{"url", ""},
		{"url", 7},
		{"url", "http://example.org/" + strings.Repeat("x", 2000)},
		{"events", []string{"two words"}},
		{"events", []string{""}},
		{"events", "message"},
		{"events", []string{strings.Repeat("x", 65)}},
		{"headers", map[string]string{"Webhook-Id": "mine"}},
		{"headers", map[string]string{"content-length": "1"}},
		{"headers", map[string]string{"Upgrade": "x"}},
		{"headers", map[string]string{"two words": "x"}},
		{"headers", map[string]string{"": "x"}},
		{"headers", map[string]string{"X-A": "a\r\nX-B: c"}},
	} {
		t.Run(bad.field, func(t *testing.T) {
			body := map[string]any{"url": "http://127.0.0.1:1/"}
			body[bad.field] = bad.value
			if p := o.do(http.StatusBadRequest, "POST", of, o.admin, body); p["field"] != bad.field && !strings.HasPrefix(fmt.Sprint(p["field"]), bad.field+"[") {
				t.Errorf("create with %s %v: field %v", bad.field, bad.value, p["field"])
			}
			p := o.do(http.StatusBadRequest, "PATCH", one, o.admin, map[string]any{bad.field: bad.value})
			if p["field"] != bad.field && !strings.HasPrefix(fmt.Sprint(p["field"]), bad.field+"[") {
				t.Errorf("update with %s %v: field %v", bad.field, bad.value, p["field"])
			}
		})
	}
	if p := o.do(http.StatusBadRequest, "POST", of, o.admin, map[string]any{}); p["field"] != "url" {
		t.Errorf("create without url: %v", p)
	}
	if shown := o.do(http.StatusOK, "GET", one, o.admin, nil); at(shown, "webhook.url") != "http://127.0.0.1:1/" {
		t.Errorf("a refused change was kept: %v", shown)
	}
}

func TestDeadLettersAreListedAndRedriven(t *testing.T) {
	t.Parallel()
	o, hook := newOffice(t), newReceiver(t)
	made := o.do(http.StatusCreated, "POST", "/api/instances/"+string(instance)+"/webhooks", o.admin, map[string]any{"url": hook.URL})
	id := at(made, "webhook.id").(string)
	one := "/api/webhooks/" + id
	// Six events whose retries are spent.
	o.stop()
	o.happen("chat", 6)
	var rows []store.Backlog
	dead, status := time.Now(), http.StatusGone
	for seq := uint64(1); seq <= 6; seq++ {
		rows = append(rows, store.Backlog{EndpointID: id, Seq: seq, Lane: "chat", Attempts: 9, NextAt: dead, DeadAt: &dead, LastStatus: &status, LastError: "the receiver answered 410 Gone"})
	}
	must(t, o.store.Park(t.Context(), id, 6, rows))
	page := o.do(http.StatusOK, "GET", one+"/dead-letters?page=2&limit=4", o.admin, nil)
	letters := page["deadLetters"].([]any)
	if at(page, "pagination.total") != 6.0 || len(letters) != 2 {
		t.Fatalf("page: %v", page)
	}
	letter := letters[0].(map[string]any)
	if letter["eventId"] != fmt.Sprintf("evt_%s_5", instance) || letter["seq"] != 5.0 || letter["chat"] != "chat" || letter["attempts"] != 9.0 || letter["lastStatus"] != 410.0 || letter["deadAt"] == nil {
		t.Errorf("letter: %v", letter)
	}
	for _, bad := range []any{map[string]any{"seqs": []int{}}, map[string]any{"seqs": []int{-1}}, map[string]any{"seqs": "all"}} {
		if p := o.do(http.StatusBadRequest, "POST", one+"/redrive", o.admin, bad); !strings.HasPrefix(fmt.Sprint(p["field"]), "seqs") {
			t.Errorf("redrive %v: field %v", bad, p["field"])
		}
	}
	for _, step := range []struct {
		body  any
		count float64
	}{
		{map[string]any{"seqs": []int{2}}, 1}, {map[string]any{"seqs": []int{2}}, 0}, {map[string]any{"seqs": []int{3, 4, 77}}, 2}, {map[string]any{}, 3}, {nil, 0},
	} {
		if n := o.do(http.StatusAccepted, "POST", one+"/redrive", o.admin, step.body)["count"]; n != step.count {
			t.Errorf("redrive %v: %v", step.body, n)
		}
	}
	o.run()
	posts := hook.waitAll(t, 6)
	inOrder(t, posts)
	o.eventually("the page is empty", func() bool {
		return at(o.do(http.StatusOK, "GET", one+"/dead-letters", o.admin, nil), "pagination.total") == 0.0
	})
	// A test event is each time another one.
	for range 2 {
		o.do(http.StatusOK, "POST", one+"/test", o.admin, nil)
	}
	accepted, _ := hook.got()
	if tests := accepted[len(accepted)-2:]; tests[0].ID == tests[1].ID || tests[0].Event != "test" || tests[0].Seq != 0 {
		t.Errorf("tests: %s and %s", tests[0].ID, tests[1].ID)
	}
}

func TestWebhooksOfOthersDoNotExist(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	made := o.do(http.StatusCreated, "POST", "/api/instances/"+string(instance)+"/webhooks", o.admin, map[string]any{"url": "http://127.0.0.1:1/"})
	one := "/api/webhooks/" + at(made, "webhook.id").(string)
	stranger := o.tenant("stranger@example.com")
	for _, ask := range [][2]string{
		{"GET", one},
		{"PATCH", one},
		{"DELETE", one},
		{"POST", one + "/test"},
		{"GET", one + "/deliveries"},
		{"GET", one + "/dead-letters"},
		{"POST", one + "/redrive"},
		{"GET", "/api/instances/" + string(instance) + "/webhooks"},
		{"POST", "/api/instances/" + string(instance) + "/webhooks"},
		{"GET", "/api/instances/" + string(instance) + "/events"},
	} {
		body := map[string]any{}
		if ask[0] == "POST" && strings.HasSuffix(ask[1], "/webhooks") {
			body["url"] = "http://127.0.0.1:1/"
		}
		o.do(http.StatusNotFound, ask[0], ask[1], stranger, body)
	}
	if all := o.do(http.StatusOK, "GET", "/api/webhooks", stranger, nil)["webhooks"].([]any); len(all) != 0 {
		t.Errorf("a stranger sees %d webhooks", len(all))
	}
}

// event is one of a stream.
type event struct {
	ID, Name string
	Data     map[string]any
}

// stream opens an event stream and returns a function that reads the next event.
func (o *office) stream(ctx context.Context, query, lastID string) (next func() (event, error), done func()) {
	o.t.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, o.base+"/api/instances/"+string(instance)+"/events"+query, nil)
	must(o.t, err)
	req.Header.Set("Authorization", "Bearer "+o.admin)
	req.Header.Set("Accept", "text/event-stream")
	if lastID != "" {
		req.Header.Set("Last-Event-ID", lastID)
	}
	resp, err := http.DefaultClient.Do(req)
	must(o.t, err)
	if resp.StatusCode != http.StatusOK || resp.Header.Get("Content-Type") != "text/event-stream" {
		o.t.Fatalf("stream: %d %s", resp.StatusCode, resp.Header.Get("Content-Type"))
	}
	lines := bufio.NewScanner(resp.Body)
	return func() (event, error) {
		var e event
		for lines.Scan() {
			name, value, _ := strings.Cut(lines.Text(), ": ")
			switch {
			case name == "id":
				e.ID = value
			case name == "event":
				e.Name = value
			case name == "data":
				if err := json.Unmarshal([]byte(value), &e.Data); err != nil {
					return e, err
				}
			case lines.Text() == "" && e.ID != "":
				return e, nil
			}
		}
		return e, io.EOF
	}, func() { resp.Body.Close() }
}

// whatsapp-web.js' on makes a webhook of a URL.
func TestOnMakesAWebhook(t *testing.T) {
	o := newOffice(t)
	made := o.do(http.StatusCreated, "POST", "/api/instances", o.admin, map[string]any{"name": "one"})
	key := made["apiKey"].(string)
	on := func(status int, params ...any) map[string]any {
		return o.do(status, "POST", "/api/proxy/on", key, map[string]any{"params": params})
	}
	hook := on(http.StatusOK, "message", "https://example.org/hook")["result"].(map[string]any)
	if !strings.HasPrefix(hook["secret"].(string), "whsec_") {
		t.Errorf("%v", hook)
	}
	id := made["instance"].(map[string]any)["id"].(string)
	listed := o.do(http.StatusOK, "GET", "/api/instances/"+id+"/webhooks", key, nil)["webhooks"].([]any)
	if len(listed) != 1 || fmt.Sprint(listed[0].(map[string]any)["events"]) != "[message]" {
		t.Errorf("%v", listed)
	}
	for field, params := range map[string][]any{"params[1]": {"message", "ftp://example.org"}, "params[0]": {"no such event", "https://example.org/hook"}} {
		t.Run(field, func(t *testing.T) {
			refused := on(http.StatusBadRequest, params...)
			if got := refused["details"].(map[string]any)["field"]; got != field {
				t.Errorf("%v names %v", params, got)
			}
		})
	}
}
