package api_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"whatsapp-manager/api"
	"whatsapp-manager/proto/catalog"
	"whatsapp-manager/proto/fault"
	workerv1 "whatsapp-manager/proto/worker/v1"
	"whatsapp-manager/supervisor"
)

func TestCallGoesThroughUnopened(t *testing.T) {
	o := open(t)
	id, key := o.instance(o.token)
	// Order of members, numbers beyond float64 and spaces are the worker's business.
	const params = `[ "4915112345678@c.us", {"$type":"Location","z":1,"a":12345678901234567890}, {"x":1.50} ]`
	const result = `{"id":{"_serialized":"true_1@c.us_A"},"big":12345678901234567890,"ack":1}`
	o.worker.says(result, nil)
	for name, ask := range map[string]func() answer{
		"key in the path": func() answer {
			return o.do("POST", "/api/proxy/"+key+"/sendMessage", "", []byte(`{"params":`+params+`}`))
		},
		"key as X-API-Key": func() answer { return o.do("POST", "/api/proxy/sendMessage", "", []byte(params), "X-API-Key", key) },
		"key as Bearer":    func() answer { return o.do("POST", "/api/proxy/sendMessage", key, []byte(` {"params":`+params+`} `)) },
		"as curl -d sends": func() answer {
			return o.do("POST", "/api/proxy/sendMessage", key, []byte(`{"params":`+params+`}`), "Content-Type", "application/x-www-form-urlencoded")
		},
	} {
		t.Run(name, func(t *testing.T) {
			a := ask()
			if a.status != http.StatusOK || a.str("success") != "true" || a.str("instanceId") != id || a.str("method") != "sendMessage" {
				t.Errorf("%s: %d %s", name, a.status, a.raw)
			}
			if !strings.Contains(string(a.raw), `"result":`+result+`,`) {
				t.Errorf("%s: the result was opened: %s", name, a.raw)
			}
			if _, err := time.Parse("2006-01-02T15:04:05.000Z", a.str("timestamp")); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		})
	}
	for _, call := range o.worker.seen() {
		if string(call.GetParams()) != params || !regexp.MustCompile(`^3EB0[0-9A-F]{18}$`).MatchString(call.GetMessageId()) || !call.GetFirst() {
			t.Errorf("the worker got %s, id %q, first %t", call.GetParams(), call.GetMessageId(), call.GetFirst())
		}
	}
}

func TestGettersAnswerGET(t *testing.T) {
	o := open(t)
	_, key := o.instance(o.token)
	for path, method := range map[string]string{"getChats": "getChats", "chats": "getChats", "contacts": "getContacts", "info": "getInfo", "getState": "getState"} {
		t.Run(path, func(t *testing.T) {
			for _, a := range []answer{o.do("GET", "/api/proxy/"+key+"/"+path, "", nil), o.do("GET", "/api/proxy/"+path, key, nil)} {
				if a.status != http.StatusOK || a.str("method") != method {
					t.Errorf("%s: %d %s", path, a.status, a.raw)
				}
			}
		})
	}
	if a := o.do("GET", "/api/proxy/"+key+"/sendMessage", "", nil); a.status != http.StatusMethodNotAllowed || a.header.Get("Allow") != "POST" {
		t.Errorf("GET of a sender: %d %s", a.status, a.raw)
	}
	o.worker.says("", nil)
	if a := o.do("POST", "/api/proxy/"+key+"/getState", "", nil); !strings.Contains(string(a.raw), `"result":null`) {
		t.Errorf("nothing is null: %s", a.raw)
	}
}

func TestIdempotencyKeyMakesTheMessageID(t *testing.T) {
	o := open(t)
	_, key := o.instance(o.token)
	_, other := o.instance(o.token)
	send := func(key, value string) string {
		o.want(http.StatusOK, "POST", "/api/proxy/sendMessage", key, []byte(`["1@c.us","x"]`), "Idempotency-Key", value)
		calls := o.worker.seen()
		return calls[len(calls)-1].GetMessageId()
	}
	first := send(key, "order-1")
	if !regexp.MustCompile(`^3EB0[0-9A-F]{18}$`).MatchString(first) {
		t.Errorf("id %q", first)
	}
	if send(key, "order-2") == first || send(other, "order-1") == first {
		t.Error("the id does not follow the key and the instance")
	}
	o.want(http.StatusOK, "POST", "/api/proxy/getState", key, nil, "Idempotency-Key", "order-1")
	if calls := o.worker.seen(); calls[len(calls)-1].GetMessageId() != "" {
		t.Error("a getter got a message id")
	}
}

// TestFaultsBecomeStatuses is the table of the API: every kind that a worker can report.
func TestFaultsBecomeStatuses(t *testing.T) {
	o := open(t)
	_, key := o.instance(o.token)
	for kind, want := range map[fault.Kind]int{
		fault.Invalid: 400, fault.Unauthorized: 401, fault.Forbidden: 403, fault.NotFound: 404, fault.Conflict: 409, fault.Unpaired: 409, fault.Stopped: 409,
		fault.TooLarge: 413, fault.Refused: 422, fault.RateLimited: 429, fault.Internal: 500, fault.Unimplemented: 501, fault.Offline: 502,
		fault.Starting: 503, fault.Unavailable: 503, fault.Deadline: 504,
	} {
		o.worker.says("", &fault.Error{Kind: kind, Op: "relay.Call", Field: "params[0]", Msg: "told by the worker"})
		a := o.do("POST", "/api/proxy/getState", key, nil)
		if a.status != want || a.str("success") != "false" || a.str("code") != string(kind) || a.str("method") != "getState" || a.str("details.field") != "params[0]" {
			t.Errorf("%s: %d %s", kind, a.status, a.raw)
		}
		if told := a.str("error") == "told by the worker"; told == (kind == fault.Internal) {
			t.Errorf("%s: %s", kind, a.raw)
		}
		if want == 503 && a.header.Get("Retry-After") == "" {
			t.Errorf("%s: no Retry-After", kind)
		}
	}
	o.worker.says("", &fault.Error{Kind: fault.RateLimited, Code: "whatsapp_rate", Msg: "slow", RetryAfter: 1200 * time.Millisecond})
	if a := o.do("POST", "/api/proxy/getState", key, nil); a.header.Get("Retry-After") != "2" || a.str("code") != "whatsapp_rate" || a.str("details.retryAfter") != "2" {
		t.Errorf("%v %s", a.header, a.raw)
	}
	o.worker.says("", errors.New("boom"))
	if a := o.do("POST", "/api/proxy/getState", key, nil); a.status != 500 || strings.Contains(string(a.raw), "boom") {
		t.Errorf("%d %s", a.status, a.raw)
	}
}

func TestWithoutAWorker(t *testing.T) {
	o := open(t)
	id, key := o.instance(o.token)
	set := func(state supervisor.State) {
		o.desk.set(supervisor.ID(id), func(st *supervisor.Status) { st.State = state })
	}
	set(supervisor.Starting)
	if a := o.do("POST", "/api/proxy/getState", key, nil); a.status != 503 || a.str("code") != "starting" || a.header.Get("Retry-After") != "2" {
		t.Errorf("starting: %d %v %s", a.status, a.header, a.raw)
	}
	set(supervisor.Stopped)
	if a := o.do("POST", "/api/proxy/getState", key, nil); a.status != 409 || a.str("code") != "stopped" {
		t.Errorf("stopped: %d %s", a.status, a.raw)
	}
}

func TestCallsHaveADeadline(t *testing.T) {
	o := open(t, func(c *api.Config, _ *api.Deps) { c.CallTimeout = 50 * time.Millisecond })
	_, key := o.instance(o.token)
	o.worker.does(func(ctx context.Context, _ *workerv1.CallRequest) (string, error) {
		<-ctx.Done()
		return "", ctx.Err()
	})
	if a := o.do("POST", "/api/proxy/getState", key, nil); a.status != 504 || a.str("code") != "deadline" {
		t.Errorf("%d %s", a.status, a.raw)
	}
}

func TestRateOfSends(t *testing.T) {
	o := open(t)
	id, key := o.instance(o.token)
	_, other := o.instance(o.token)
	o.want(http.StatusOK, http.MethodPatch, "/api/instances/"+id, o.token, map[string]any{"sendsPerMinute": 3})
	send := func(key string) answer { return o.do("POST", "/api/proxy/sendMessage", key, []byte(`["1@c.us","x"]`)) }

	// What cannot have been sent does not count.
	o.worker.says("", fault.Bad("relay", "params[0]", "no JID"))
	for range 5 {
		if a := send(key); a.status != 400 {
			t.Fatalf("refused: %d", a.status)
		}
	}
	o.worker.says(`{}`, nil)
	var mu sync.Mutex
	statuses := map[int]int{}
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			a := send(key)
			mu.Lock()
			defer mu.Unlock()
			statuses[a.status]++
		})
	}
	all.Wait()
	if statuses[200] != 3 || statuses[429] != 5 {
		t.Errorf("statuses %v", statuses)
	}
	a := send(key)
	if a.status != 429 || a.str("code") != "send_rate" || a.header.Get("Retry-After") != "60" {
		t.Errorf("%d %v %s", a.status, a.header, a.raw)
	}
	for what, a := range map[string]answer{"a getter": o.do("POST", "/api/proxy/getState", key, nil), "another instance": send(other)} {
		t.Run(what, func(t *testing.T) {
			if a.status != 200 {
				t.Errorf("%s is limited too: %d", what, a.status)
			}
		})
	}
	if a := o.do("POST", "/api/instances/"+id+"/send", key, map[string]any{"chatId": "1@c.us", "content": "x"}); a.status != 429 || a.header.Get("Retry-After") == "" {
		t.Errorf("/send: %d %s", a.status, a.raw)
	}
	o.want(http.StatusOK, http.MethodPatch, "/api/instances/"+id, o.token, map[string]any{"sendsPerMinute": 0})
	if a := send(key); a.status != 200 {
		t.Errorf("without a limit: %d", a.status)
	}
}

func TestManagementFormsOfMethods(t *testing.T) {
	o := open(t)
	id, key := o.instance(o.token)
	path := "/api/instances/" + id
	o.worker.says(`{"id":"m1"}`, nil)
	if a := o.want(http.StatusCreated, "POST", path+"/send", key, map[string]any{"chatId": "1@c.us", "content": "hello", "options": map[string]any{"a": 1}}, "Idempotency-Key", "k"); a.str("message.id") != "m1" {
		t.Errorf("send: %s", a.raw)
	}
	if last := o.last(); last.GetMethod() != "sendMessage" || string(last.GetParams()) != `["1@c.us","hello",{"a":1}]` || last.GetMessageId() == "" {
		t.Errorf("send became %v", last)
	}
	o.worker.says("", fault.Bad("relay", "params[0]", "params[0] is no JID"))
	if a := o.do("POST", path+"/send", key, map[string]any{"chatId": "x", "content": "hello"}); a.status != 400 || a.str("field") != "chatId" || a.str("detail") != "chatId is no JID" {
		t.Errorf("send: %d %s", a.status, a.raw)
	}
	o.worker.says(`[{"id":1},{"id":2},{"id":3}]`, nil)
	a := o.want(http.StatusOK, "GET", path+"/chats?limit=2&page=2", key, nil)
	if chats, _ := a.json["chats"].([]any); len(chats) != 1 || a.str("pagination.total") != "3" {
		t.Errorf("chats: %s", a.raw)
	}
	if a := o.want(http.StatusOK, "GET", path+"/chats?page=900", key, nil); !strings.Contains(string(a.raw), `"chats":[]`) {
		t.Errorf("page behind the end: %s", a.raw)
	}
	o.want(http.StatusOK, "GET", path+"/messages?chatId=1@c.us&limit=7&fromMe=true", key, nil)
	if got := string(o.last().GetParams()); got != `["1@c.us",{"fromMe":true,"limit":7}]` {
		t.Errorf("messages became %s", got)
	}
	if a := o.do("GET", path+"/messages", key, nil); a.status != 400 || a.str("field") != "chatId" {
		t.Errorf("without a chat: %d %s", a.status, a.raw)
	}
}

func (o *office) last() *workerv1.CallRequest {
	calls := o.worker.seen()
	return calls[len(calls)-1]
}

func TestCatalogIsListed(t *testing.T) {
	o := open(t)
	var all struct {
		Methods []struct{ Name, Family, Class string }
		Total   int
	}
	read := func(query string) {
		t.Helper()
		all.Methods = nil
		must(t, json.Unmarshal(o.want(http.StatusOK, "GET", "/api/proxy/methods"+query, "", nil).raw, &all))
		if all.Total == 0 || all.Total != len(all.Methods) {
			t.Fatalf("%s lists %d", query, all.Total)
		}
	}
	read("")
	read("?family=whatsmeow")
	if slices.ContainsFunc(all.Methods, func(m struct{ Name, Family, Class string }) bool { return m.Family != "whatsmeow" }) {
		t.Error("another family is listed")
	}
	read("?family=wwebjs&class=Chat&q=seen")
	if all.Total != 1 || all.Methods[0].Name != "Chat.sendSeen" {
		t.Errorf("found %v", all.Methods)
	}
	o.want(http.StatusBadRequest, "GET", "/api/proxy/methods?family=x", "", nil)
}

// What reaches below the product's books is off, and listed so with the reason,
// until the operator opens it; what he opens is opened for that method only.
func TestTheOperatorOpensMethods(t *testing.T) {
	for _, tc := range []struct {
		opened         []string
		verdict        string
		status, others int
	}{
		{nil, "closed", http.StatusForbidden, http.StatusForbidden},
		{[]string{"MarkNotDirty"}, "closed", http.StatusForbidden, http.StatusOK},
		{[]string{"whatsmeow.SetPassive"}, "native", http.StatusOK, http.StatusForbidden},
		{[]string{"undecided"}, "closed", http.StatusForbidden, http.StatusForbidden},
	} {
		t.Run(strings.Join(tc.opened, ","), func(t *testing.T) {
			o := open(t, func(c *api.Config, _ *api.Deps) { c.Opened = catalog.NewOpened(tc.opened) })
			_, key := o.instance(o.token)
			if a := o.do("POST", "/api/proxy/"+key+"/whatsmeow.SetPassive", "", []byte(`[true]`)); a.status != tc.status {
				t.Errorf("call: %d %s", a.status, a.raw)
			}
			if a := o.do("POST", "/api/proxy/"+key+"/whatsmeow.MarkNotDirty", "", []byte(`["groups","2026-01-02T15:04:05Z"]`)); a.status != tc.others {
				t.Errorf("another: %d %s", a.status, a.raw)
			}
			if a := o.do("POST", "/api/proxy/"+key+"/whatsmeow.StoreLIDPNMapping", "", []byte(`["1@lid","1@s.whatsapp.net"]`)); a.status != http.StatusNotImplemented {
				t.Errorf("refused for good: %d %s", a.status, a.raw)
			}
			var all struct {
				Methods []struct{ Name, Verdict, Decision, Reason string }
			}
			must(t, json.Unmarshal(o.want(http.StatusOK, "GET", "/api/proxy/methods?family=whatsmeow", "", nil).raw, &all))
			for _, m := range all.Methods {
				if m.Decision == "" || (m.Reason == "") != (m.Decision == "open") {
					t.Errorf("%s is %q because %q", m.Name, m.Decision, m.Reason)
				}
				if m.Name == "whatsmeow.SetPassive" && (m.Verdict != tc.verdict || m.Decision != "below") {
					t.Errorf("%s is listed as %s, %s", m.Name, m.Verdict, m.Decision)
				}
			}
		})
	}
}
