package api_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"whatsapp-manager/api"
	"whatsapp-manager/proto/fault"
	workerv1 "whatsapp-manager/proto/worker/v1"
	"whatsapp-manager/supervisor"
)

func TestLifeOfAnInstance(t *testing.T) {
	o := open(t)
	created := o.want(http.StatusCreated, http.MethodPost, "/api/instances", o.token, map[string]any{"name": " Support ", "description": "first line"})
	id, key := created.str("instance.id"), created.str("apiKey")
	if len(id) != 12 || !strings.HasPrefix(key, "wam_") || created.str("instance.name") != "Support" || created.str("instance.status") != "created" || created.str("instance.sendsPerMinute") != "20" {
		t.Fatalf("created: %s", created.raw)
	}
	path := "/api/instances/" + id
	do := func(verb, what string, want int) answer {
		t.Helper()
		return o.want(want, verb, path+what, o.token, nil)
	}
	do("POST", "/stop", http.StatusOK)
	do("POST", "/restart", http.StatusConflict)
	if a := do("POST", "/start", http.StatusAccepted); a.str("instance.desired") != "run" {
		t.Errorf("started: %s", a.raw)
	}
	do("POST", "/start", http.StatusOK)
	do("POST", "/restart", http.StatusAccepted)
	o.online(id)
	a := do("GET", "", http.StatusOK)
	for field, want := range map[string]string{"status": "ready", "state": "running", "link": "online", "phoneNumber": "4915112345678", "pid": "4711", "pushName": "Shop"} {
		t.Run(field, func(t *testing.T) {
			if got := a.str("instance." + field); got != want {
				t.Errorf("%s is %q, want %q", field, got, want)
			}
		})
	}
	patched := o.want(http.StatusOK, http.MethodPatch, path, o.token, map[string]any{"name": "Sales", "sendsPerMinute": 5})
	if patched.str("instance.name") != "Sales" || patched.str("instance.description") != "first line" || patched.str("instance.sendsPerMinute") != "5" {
		t.Errorf("updated: %s", patched.raw)
	}
	if list := o.want(http.StatusOK, http.MethodGet, "/api/instances?limit=1", o.token, nil); list.str("pagination.total") != "1" || list.str("pagination.pages") != "1" {
		t.Errorf("list: %s", list.raw)
	}
	o.want(http.StatusOK, http.MethodGet, path, key, nil)
	loggedOut := false
	o.worker.logout = func() error { loggedOut = true; return nil }
	do("DELETE", "", http.StatusNoContent)
	do("GET", "", http.StatusNotFound)
	do("DELETE", "", http.StatusNotFound)
	o.want(http.StatusUnauthorized, http.MethodGet, path, key, nil)
	if !loggedOut || len(o.desk.removed) != 1 {
		t.Errorf("logged out %v, removed %v", loggedOut, o.desk.removed)
	}
	if left, err := o.store.DeletedInstances(t.Context()); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestLogout(t *testing.T) {
	o := open(t)
	id, key := o.instance(o.token)
	o.want(http.StatusAccepted, http.MethodPost, "/api/instances/"+id+"/logout", key, nil)
	o.worker.logout = func() error { return fault.New(fault.Unpaired, "worker", "there is no account") }
	o.want(http.StatusOK, http.MethodPost, "/api/instances/"+id+"/logout", key, nil)
	o.worker.logout = func() error { return fault.New(fault.Offline, "worker", "WhatsApp cannot be reached") }
	o.want(http.StatusBadGateway, http.MethodPost, "/api/instances/"+id+"/logout", key, nil)
	o.want(http.StatusOK, http.MethodGet, "/api/instances/"+id+"/stats", key, nil)
	o.want(http.StatusAccepted, http.MethodPost, "/api/instances/"+id+"/stop", key, nil)
	o.want(http.StatusConflict, http.MethodPost, "/api/instances/"+id+"/logout", key, nil)
}

func TestTenantsDoNotSeeEachOther(t *testing.T) {
	o := open(t)
	ada, bob := o.user("ada@example.com", "user"), o.user("bob@example.com", "user")
	id, key := o.instance(ada)
	other, otherKey := o.instance(bob)
	keyID := o.keys(ada, id)[0]
	for _, route := range []struct{ verb, path string }{
		{"GET", ""},
		{"PATCH", ""},
		{"DELETE", ""},
		{"POST", "/start"},
		{"POST", "/stop"},
		{"POST", "/restart"},
		{"POST", "/logout"},
		{"GET", "/qr"},
		{"POST", "/pairing-code"},
		{"POST", "/send"},
		{"GET", "/chats"},
		{"GET", "/messages?chatId=x"},
		{"GET", "/history"},
		{"GET", "/stats"},
		{"GET", "/logs"},
		{"GET", "/keys"},
		{"POST", "/keys"},
		{"DELETE", "/keys/" + keyID},
	} {
		t.Run(route.verb+" "+route.path, func(t *testing.T) {
			var body any
			switch route.verb + route.path {
			case "PATCH":
				body = map[string]any{"name": "mine"}
			case "POST/pairing-code":
				body = map[string]any{"phoneNumber": "4915112345678"}
			case "POST/send":
				body = map[string]any{"chatId": "1@c.us", "content": "x"}
			}
			for name, credential := range map[string]string{"another user": bob, "another instance's key": otherKey} {
				a := o.do(route.verb, "/api/instances/"+id+route.path, credential, body)
				if a.status != http.StatusNotFound {
					t.Errorf("%s: %s %s answered %d: %s", name, route.verb, route.path, a.status, a.raw)
				}
			}
		})
	}
	o.want(http.StatusOK, http.MethodGet, "/api/instances/"+id, key, nil)
	o.want(http.StatusOK, http.MethodGet, "/api/instances/"+id, o.token, nil)
	if list := o.want(http.StatusOK, http.MethodGet, "/api/instances", bob, nil); list.str("pagination.total") != "1" || !strings.Contains(string(list.raw), other) {
		t.Errorf("bob sees %s", list.raw)
	}
	if list := o.want(http.StatusOK, http.MethodGet, "/api/instances", o.token, nil); list.str("pagination.total") != "2" {
		t.Errorf("the admin sees %s", list.raw)
	}
	o.want(http.StatusNotFound, http.MethodDelete, "/api/instances/"+other+"/keys/"+keyID, bob, nil)
	o.want(http.StatusOK, http.MethodGet, "/api/instances/"+id, key, nil)
}

func (o *office) keys(token, id string) (ids []string) {
	o.t.Helper()
	a := o.want(http.StatusOK, http.MethodGet, "/api/instances/"+id+"/keys", token, nil)
	list, _ := a.json["keys"].([]any)
	for _, k := range list {
		ids = append(ids, k.(map[string]any)["id"].(string))
	}
	return ids
}

func TestRevokedKeysStopAtOnce(t *testing.T) {
	o := open(t)
	id, _ := o.instance(o.token)
	made := o.want(http.StatusCreated, http.MethodPost, "/api/instances/"+id+"/keys", o.token, map[string]any{"name": "second"})
	key := made.str("apiKey")
	o.want(http.StatusOK, http.MethodGet, "/api/proxy/"+key+"/getState", "", nil) // now it is remembered
	o.want(http.StatusNoContent, http.MethodDelete, "/api/instances/"+id+"/keys/"+made.str("key.id"), o.token, nil)
	a := o.want(http.StatusUnauthorized, http.MethodGet, "/api/proxy/"+key+"/getState", "", nil)
	if a.str("code") != "unknown_key" {
		t.Errorf("%s", a.raw)
	}
	o.want(http.StatusCreated, http.MethodPost, "/api/instances/"+id+"/keys", o.token, nil)
	if n := len(o.keys(o.token, id)); n != 3 {
		t.Errorf("%d keys listed, want 3", n)
	}
}

func TestLimitOfInstances(t *testing.T) {
	const most = 3
	o := open(t, func(c *api.Config, _ *api.Deps) { c.MaxInstances = most })
	id, _ := o.instance(o.token)
	// All at the same time: none may slip through between counting and making.
	var made, refused atomic.Int64
	var clients sync.WaitGroup
	for range 12 {
		clients.Go(func() {
			switch a := o.do(http.MethodPost, "/api/instances", o.token, map[string]any{"name": "another"}); {
			case a.status == http.StatusCreated:
				made.Add(1)
			case a.status == http.StatusForbidden && a.str("code") == "instance_limit":
				refused.Add(1)
			default:
				t.Errorf("%d %s", a.status, a.raw)
			}
		})
	}
	clients.Wait()
	if made.Load() != most-1 || refused.Load() != 12-(most-1) {
		t.Errorf("%d made and %d refused beside the first, with a limit of %d", made.Load(), refused.Load(), most)
	}
	// A deleted one makes room.
	o.want(http.StatusNoContent, http.MethodDelete, "/api/instances/"+id, o.token, nil)
	o.instance(o.token)
}

const qrText = "2@abc,def=,ghi=,jkl=,1"

func TestQRInEveryForm(t *testing.T) {
	o := open(t)
	id, key := o.instance(o.token)
	path := "/api/instances/" + id + "/qr"
	if a := o.want(http.StatusNotFound, http.MethodGet, path, key, nil); a.str("code") != "already_paired" {
		t.Errorf("paired: %s", a.raw)
	}
	show := func(link *workerv1.Link) {
		o.desk.set(supervisor.ID(id), func(st *supervisor.Status) { st.Link = link })
	}
	expires := time.Now().Add(time.Minute).UTC()
	show(&workerv1.Link{State: workerv1.LinkState_LINK_STATE_PAIRING, Qr: qrText, QrExpiresAt: timestamppb.New(expires)})
	a := o.want(http.StatusOK, http.MethodGet, path, key, nil)
	if a.str("qr") != qrText || a.str("status") != "qr_pending" || !strings.HasPrefix(a.str("qrCode"), "data:image/png;base64,") || a.str("expiresAt") == "" {
		t.Errorf("json: %s", a.raw)
	}
	for format, want := range map[string]struct{ kind, begins string }{
		"png": {"image/png", "\x89PNG"}, "svg": {"image/svg+xml", "<svg"}, "text": {"text/plain; charset=utf-8", "███"},
	} {
		t.Run(format, func(t *testing.T) {
			a := o.want(http.StatusOK, http.MethodGet, path+"?format="+format, key, nil)
			if a.header.Get("Content-Type") != want.kind || !strings.HasPrefix(string(a.raw), want.begins) {
				t.Errorf("%s: %s %.20q", format, a.header.Get("Content-Type"), a.raw)
			}
		})
	}
	o.want(http.StatusBadRequest, http.MethodGet, path+"?format=gif", key, nil)

	show(&workerv1.Link{State: workerv1.LinkState_LINK_STATE_PAIRING, Qr: qrText, QrExpiresAt: timestamppb.New(time.Now().Add(-time.Second))})
	if a := o.want(http.StatusNotFound, http.MethodGet, path+"?wait=0", key, nil); a.str("code") != "qr_not_ready" || a.header.Get("Retry-After") != "1" {
		t.Errorf("expired: %s", a.raw)
	}
	asked := 0
	o.worker.pair = func(*workerv1.PairRequest) (*workerv1.PairResponse, error) {
		asked++
		show(&workerv1.Link{State: workerv1.LinkState_LINK_STATE_PAIRING, Qr: qrText})
		return &workerv1.PairResponse{}, nil
	}
	show(&workerv1.Link{State: workerv1.LinkState_LINK_STATE_UNPAIRED, Reason: "qr_expired"})
	o.want(http.StatusOK, http.MethodGet, path, key, nil)
	if asked != 1 {
		t.Errorf("new codes were asked for %d times", asked)
	}
	o.want(http.StatusAccepted, http.MethodPost, "/api/instances/"+id+"/stop", key, nil)
	if a := o.want(http.StatusNotFound, http.MethodGet, path, key, nil); a.str("code") != "stopped" {
		t.Errorf("stopped: %s", a.raw)
	}
}

func TestPairingCode(t *testing.T) {
	o := open(t)
	id, key := o.instance(o.token)
	o.worker.pair = func(in *workerv1.PairRequest) (*workerv1.PairResponse, error) {
		if in.GetPhoneNumber() == "4915100000000" {
			return nil, fault.New(fault.Conflict, "worker", "there is an account already")
		}
		if in.GetPhoneNumber() != "4915112345678" || !in.GetShowNotification() {
			t.Errorf("asked for %v", in)
		}
		return &workerv1.PairResponse{Code: "ABCD-EFGH", ExpiresAt: timestamppb.Now()}, nil
	}
	ask := func(number any) answer {
		return o.do(http.MethodPost, "/api/instances/"+id+"/pairing-code", key, map[string]any{"phoneNumber": number})
	}
	if a := ask("+49 (151) 123-456-78"); a.status != http.StatusOK || a.str("code") != "ABCD-EFGH" {
		t.Errorf("%d %s", a.status, a.raw)
	}
	if a := ask("4915100000000"); a.status != http.StatusConflict {
		t.Errorf("paired: %d", a.status)
	}
	for _, bad := range []any{"", "12", "0151123456", "49151123456789012", "49x5112345678", 4915112345678, nil} {
		if a := ask(bad); a.status != http.StatusBadRequest || a.str("field") != "phoneNumber" {
			t.Errorf("%v: %d %s", bad, a.status, a.raw)
		}
	}
}

// A script asks for the code right after the start.
func TestACodeThatIsBeingMadeIsWaitedFor(t *testing.T) {
	o := open(t)
	id, key := o.instance(o.token)
	state := func(to supervisor.State, link *workerv1.Link) {
		o.desk.set(supervisor.ID(id), func(st *supervisor.Status) { st.State, st.Link = to, link })
	}
	path := "/api/instances/" + id
	o.worker.pair = func(*workerv1.PairRequest) (*workerv1.PairResponse, error) {
		return &workerv1.PairResponse{Code: "ABCD-EFGH", ExpiresAt: timestamppb.Now()}, nil
	}
	for _, tc := range []struct {
		method, path string
		body         any
		want         string
	}{
		{http.MethodGet, path + "/qr?wait=30", nil, qrText},
		{http.MethodPost, path + "/pairing-code", map[string]any{"phoneNumber": "4915112345678"}, "ABCD-EFGH"},
	} {
		t.Run(tc.method+" "+tc.path, func(t *testing.T) {
			state(supervisor.Starting, nil)
			select { // of the case before
			case <-o.desk.waiting:
			default:
			}
			came := make(chan answer, 1)
			go func() { came <- o.do(tc.method, tc.path, key, tc.body) }()
			<-o.desk.waiting
			state(supervisor.Running, &workerv1.Link{State: workerv1.LinkState_LINK_STATE_CONNECTING})
			state(supervisor.Running, &workerv1.Link{State: workerv1.LinkState_LINK_STATE_PAIRING, Qr: qrText})
			if a := <-came; a.status != http.StatusOK || !strings.Contains(string(a.raw), tc.want) {
				t.Errorf("%s: %d %s", tc.path, a.status, a.raw)
			}
		})
	}
}

func TestHistoryAndLogs(t *testing.T) {
	dir := t.TempDir()
	o := open(t, func(c *api.Config, _ *api.Deps) { c.LogDir = dir })
	id, key := o.instance(o.token)
	at := time.Now().UTC().Truncate(time.Millisecond)
	for i, to := range []supervisor.State{supervisor.Starting, supervisor.Running} {
		must(t, o.store.Supervision().RecordTransition(t.Context(), supervisor.Transition{
			Instance: supervisor.ID(id), Generation: 1, From: supervisor.Stopped, To: to, Why: "test", At: at.Add(time.Duration(i) * time.Second),
		}))
	}
	a := o.want(http.StatusOK, http.MethodGet, "/api/instances/"+id+"/history?limit=1", key, nil)
	rows, _ := a.json["history"].([]any)
	if len(rows) != 1 || rows[0].(map[string]any)["to"] != "running" || a.str("pagination.total") != "2" || a.str("pagination.pages") != "2" {
		t.Errorf("history: %s", a.raw)
	}
	o.want(http.StatusOK, http.MethodGet, "/api/instances/"+id+"/logs", key, nil)
	must(t, os.WriteFile(filepath.Join(dir, id+".log"), []byte("one\ntwo\nthree\n"), 0o600))
	a = o.want(http.StatusOK, http.MethodGet, "/api/instances/"+id+"/logs?lines=2", key, nil)
	lines, _ := a.json["lines"].([]any)
	if len(lines) != 2 || lines[0] != "two" || lines[1] != "three" {
		t.Errorf("logs: %s", a.raw)
	}
}
