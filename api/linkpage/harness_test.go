package linkpage_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"whatsapp-manager/api"
	"whatsapp-manager/api/apitest"
	"whatsapp-manager/api/linkpage"
	"whatsapp-manager/api/qr"
	"whatsapp-manager/proto/fault"
	"whatsapp-manager/proto/linking"
	"whatsapp-manager/supervisor"
	"whatsapp-manager/supervisor/store"
	"whatsapp-manager/supervisor/store/storetest"
)

func TestMain(m *testing.M) { storetest.Main(m) }

const (
	password = "correct horse battery"
	account  = supervisor.ID("aaaaaaaaaaaa")
)

// flow is a linking that goes as the test says; what the page does to it is kept.
type flow struct {
	mu      sync.Mutex
	doc     linking.LinkDocument // guarded by mu
	changed chan struct{}        // guarded by mu; closed when doc changes
	did     chan string          // what the page has done
	refuse  error                // guarded by mu; what the next act is answered
	onBegin func(number string) linking.LinkDocument
}

func newFlow() *flow {
	return &flow{changed: make(chan struct{}), did: make(chan string, 100), doc: linking.LinkDocument{Version: 1, Step: linking.StepIdle}}
}

// show makes it the document.
func (f *flow) show(doc linking.LinkDocument) {
	f.mu.Lock()
	defer f.mu.Unlock()
	doc.Version = f.doc.Version + 1
	f.doc = doc
	close(f.changed)
	f.changed = make(chan struct{})
}

// refuses answers the next act with err.
func (f *flow) refuses(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.refuse = err
}

// View implements linkpage.Flow.
func (f *flow) View(ctx context.Context, _ supervisor.ID, after uint64, wait time.Duration) (linking.LinkDocument, error) {
	late := time.NewTimer(wait)
	defer late.Stop()
	for {
		f.mu.Lock()
		doc, changed := f.doc, f.changed
		f.mu.Unlock()
		if after == 0 || doc.Version != after {
			return doc, nil
		}
		select {
		case <-changed:
		case <-late.C:
			return doc, nil
		case <-ctx.Done():
			return doc, ctx.Err()
		}
	}
}

func (f *flow) act(what string) error {
	f.mu.Lock()
	err := f.refuse
	f.refuse = nil
	f.mu.Unlock()
	f.did <- what
	return err
}

// Begin implements linkpage.Flow.
func (f *flow) Begin(_ context.Context, _ supervisor.ID, number string) (linking.LinkDocument, error) {
	err := f.act("begin " + number)
	if err == nil && f.onBegin != nil {
		f.show(f.onBegin(number))
	}
	return linking.LinkDocument{}, err
}

// Passkey implements linkpage.Flow.
func (f *flow) Passkey(_ context.Context, _ supervisor.ID, response json.RawMessage) (linking.LinkDocument, error) {
	return linking.LinkDocument{}, f.act("passkey " + string(response))
}

// Confirm implements linkpage.Flow.
func (f *flow) Confirm(_ context.Context, _ supervisor.ID, matches bool) (linking.LinkDocument, error) {
	if matches {
		return linking.LinkDocument{}, f.act("matches")
	}
	return linking.LinkDocument{}, f.act("differs")
}

// next waits for what the page does next.
func (f *flow) next(t *testing.T, begins string) string {
	t.Helper()
	late := time.NewTimer(30 * time.Second)
	defer late.Stop()
	select {
	case did := <-f.did:
		if !strings.HasPrefix(did, begins) {
			t.Fatalf("the page did %q, want %q", did, begins)
		}
		return strings.TrimPrefix(did, begins)
	case <-late.C:
		t.Fatalf("the page did nothing, want %q", begins)
		return ""
	}
}

// office is a server with one instance, whose linking is scripted.
type office struct {
	t     *testing.T
	url   string
	store *store.Store
	flow  *flow
	pages *linkpage.Pages
	admin string // access token
	log   *strings.Builder
}

// idle is a supervisor that nobody here should ask.
type idle struct{ api.Supervisor }

// Statuses is asked by metrics.
func (idle) Statuses() []supervisor.Status { return nil }

func open(t *testing.T, change ...func(*api.Config)) *office {
	t.Helper()
	o := &office{t: t, store: storetest.New(t), flow: newFlow(), log: &strings.Builder{}}
	o.pages = linkpage.New(o.store, o.flow, "")
	cfg := api.Config{Node: "test", AdminEmail: "root@example.com", AdminPassword: password}
	for _, c := range change {
		c(&cfg)
	}
	server, err := api.New(cfg, api.Deps{
		Store: o.store, Supervisor: idle{}, Log: zerolog.New(zerolog.SyncWriter(o.log)).Level(zerolog.TraceLevel),
		Mounts: []func(*api.Mount){linkpage.Routes(o.pages)},
	})
	must(t, err)
	_, err = server.EnsureAdmin(t.Context())
	must(t, err)
	front := httptest.NewServer(server.Handler())
	t.Cleanup(front.Close)
	o.url = front.URL
	o.admin, _ = o.want(200, "POST", "/api/auth/login", "", map[string]any{"email": "root@example.com", "password": password}, "tokens.accessToken").(string)
	users, _, err := o.store.Users(t.Context(), 0, 1)
	must(t, err)
	must(t, o.store.CreateInstance(t.Context(),
		store.Instance{ID: account, OwnerID: users[0].ID, Name: "hers", Desired: supervisor.Run, CreatedAt: time.Now()},
		store.APIKey{ID: "key", Hash: []byte("h"), CreatedAt: time.Now()}))
	return o
}

// want asks, wants the status, and returns what stands at a path of the answer.
func (o *office) want(status int, method, path, credential string, body any, at string) any {
	o.t.Helper()
	res, raw := apitest.Do(o.t, method, o.url+path, credential, body)
	if res.StatusCode != status {
		o.t.Fatalf("%s %s: %d %s, want %d", method, path, res.StatusCode, raw, status)
	}
	if at == "" {
		return nil
	}
	var fields map[string]any
	must(o.t, json.Unmarshal(raw, &fields))
	return apitest.At(fields, at)
}

const pagesPath = "/api/instances/" + string(account) + "/link/pages"

// page makes a link page and returns its address, its token and its id.
func (o *office) page(body map[string]any) (address, token, id string) {
	o.t.Helper()
	var given any // without a body
	if body != nil {
		given = body
	}
	made, _ := o.want(201, "POST", pagesPath, o.admin, given, "page").(map[string]any)
	address, _ = made["url"].(string)
	id, _ = made["id"].(string)
	_, token, ok := strings.Cut(address, "#")
	if !ok {
		o.t.Fatalf("no token in %q", address)
	}
	return address, token, id
}

func qrDocument(t *testing.T) linking.LinkDocument {
	t.Helper()
	text := "2@" + base64.StdEncoding.EncodeToString([]byte(strings.Repeat("a code to scan ", 10)))
	code, err := qr.New(text)
	must(t, err)
	url, err := code.DataURL(6)
	must(t, err)
	return linking.LinkDocument{Step: linking.StepQR, QR: text, QRCode: url, ExpiresAt: in(20 * time.Second), Attempt: 1, AttemptsLeft: new(uint32(5))}
}

func in(d time.Duration) *time.Time {
	at := time.Now().Add(d)
	return &at
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

var errRefused = &fault.Error{Kind: fault.Invalid, Code: "passkey_refused", Field: "response.signature", Msg: "response.signature: is not of this passkey"}
