package api_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"whatsapp-manager/api"
	"whatsapp-manager/api/apitest"
	"whatsapp-manager/proto/fault"
	workerv1 "whatsapp-manager/proto/worker/v1"
	"whatsapp-manager/supervisor"
	"whatsapp-manager/supervisor/store"
	"whatsapp-manager/supervisor/store/storetest"
)

func TestMain(m *testing.M) { storetest.Main(m) }

const (
	adminEmail    = "root@example.com"
	adminPassword = "correct horse battery"
)

// scripted is a worker that answers as the test says, over real gRPC.
type scripted struct {
	workerv1.UnimplementedWorkerServer

	mu     sync.Mutex
	calls  []*workerv1.CallRequest
	answer func(context.Context, *workerv1.CallRequest) (string, error)
	pair   func(*workerv1.PairRequest) (*workerv1.PairResponse, error)
	logout func() error
}

func (w *scripted) Call(ctx context.Context, in *workerv1.CallRequest) (*workerv1.CallResponse, error) {
	w.mu.Lock()
	w.calls = append(w.calls, in)
	answer := w.answer
	w.mu.Unlock()
	if answer == nil {
		return &workerv1.CallResponse{Result: []byte(`"ok"`)}, nil
	}
	result, err := answer(ctx, in)
	return &workerv1.CallResponse{Result: []byte(result)}, fault.ToGRPC(err)
}

func (w *scripted) Pair(_ context.Context, in *workerv1.PairRequest) (*workerv1.PairResponse, error) {
	if w.pair == nil {
		return &workerv1.PairResponse{}, nil
	}
	out, err := w.pair(in)
	return out, fault.ToGRPC(err)
}

func (w *scripted) Logout(context.Context, *workerv1.LogoutRequest) (*workerv1.LogoutResponse, error) {
	if w.logout == nil {
		return &workerv1.LogoutResponse{}, nil
	}
	return &workerv1.LogoutResponse{}, fault.ToGRPC(w.logout())
}

func (w *scripted) Stats(context.Context, *workerv1.StatsRequest) (*workerv1.StatsResponse, error) {
	return &workerv1.StatsResponse{MessagesIn: 7, HeapBytes: 1 << 20}, nil
}

// says makes the worker answer every call with result and err.
func (w *scripted) says(result string, err error) {
	w.does(func(context.Context, *workerv1.CallRequest) (string, error) { return result, err })
}

func (w *scripted) does(answer func(context.Context, *workerv1.CallRequest) (string, error)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.answer = answer
}

func (w *scripted) seen() []*workerv1.CallRequest {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]*workerv1.CallRequest(nil), w.calls...)
}

// fakeSupervisor keeps statuses as the supervisor does, and its workers
// are all the scripted one, reached over its socket.
type fakeSupervisor struct {
	store  *store.Store
	client workerv1.WorkerClient

	mu        sync.Mutex
	statuses  map[supervisor.ID]supervisor.Status
	removed   []supervisor.ID
	recovered chan struct{}

	hub     supervisor.Hub
	waiting chan supervisor.ID // told of everybody who begins to wait for a change
}

func (d *fakeSupervisor) Add(_ context.Context, id supervisor.ID) error {
	d.set(id, func(st *supervisor.Status) { st.State, st.Desired = supervisor.Stopped, supervisor.Stop })
	return nil
}

func (d *fakeSupervisor) Want(ctx context.Context, id supervisor.ID, want supervisor.Desired) error {
	if err := d.store.Supervision().SetDesired(ctx, id, want); err != nil {
		return err
	}
	d.set(id, func(st *supervisor.Status) {
		st.Desired = want
		if st.State = supervisor.Running; want == supervisor.Stop {
			st.State = supervisor.Stopped
		}
	})
	return nil
}

func (d *fakeSupervisor) Restart(_ context.Context, id supervisor.ID) error {
	if st, _ := d.Status(id); st.Desired != supervisor.Run {
		return fault.New(fault.Conflict, "desk", "the instance is stopped; start it instead")
	}
	return nil
}

func (d *fakeSupervisor) FollowRawEvents(context.Context, supervisor.ID) error { return nil }

func (d *fakeSupervisor) Remove(_ context.Context, id supervisor.ID) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.statuses, id)
	d.removed = append(d.removed, id)
	return nil
}

func (d *fakeSupervisor) Worker(_ context.Context, id supervisor.ID) (workerv1.WorkerClient, error) {
	switch st, ok := d.Status(id); {
	case !ok:
		return nil, fault.New(fault.NotFound, "desk", "no such instance")
	case st.State == supervisor.Starting:
		return nil, &fault.Error{Kind: fault.Starting, Msg: "the worker is starting", RetryAfter: 1500 * time.Millisecond}
	case st.State != supervisor.Running:
		return nil, fault.New(fault.Stopped, "desk", "the instance is stopped")
	}
	return d.client, nil
}

func (d *fakeSupervisor) Status(id supervisor.ID) (supervisor.Status, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	st, ok := d.statuses[id]
	return st, ok
}

func (d *fakeSupervisor) Statuses() []supervisor.Status {
	d.mu.Lock()
	defer d.mu.Unlock()
	var all []supervisor.Status
	for _, st := range d.statuses {
		all = append(all, st)
	}
	return all
}

func (d *fakeSupervisor) Recovered() <-chan struct{} { return d.recovered }

func (d *fakeSupervisor) Subscribe(id supervisor.ID) *supervisor.Subscription {
	defer func() { // somebody waits now
		select {
		case d.waiting <- id:
		default:
		}
	}()
	return d.hub.Subscribe(id)
}

func (d *fakeSupervisor) set(id supervisor.ID, change func(*supervisor.Status)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	st := d.statuses[id]
	st.ID = id
	change(&st)
	d.statuses[id] = st
	d.hub.Publish(id)
}

// office is one server with its real database, its worker and its log.
type office struct {
	t      *testing.T
	url    string
	server *api.Server
	store  *store.Store
	desk   *fakeSupervisor
	worker *scripted
	log    *lines
	token  string // of the first administrator
}

type lines struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

func open(t *testing.T, change ...func(*api.Config, *api.Deps)) *office {
	t.Helper()
	return openOn(t, storetest.New(t), change...)
}

func openOn(t *testing.T, st *store.Store, change ...func(*api.Config, *api.Deps)) *office {
	t.Helper()
	o := &office{t: t, store: st, worker: &scripted{}, log: &lines{}}
	o.desk = &fakeSupervisor{store: o.store, client: serve(t, o.worker), statuses: map[supervisor.ID]supervisor.Status{}, recovered: make(chan struct{}), waiting: make(chan supervisor.ID, 1)}
	close(o.desk.recovered)
	cfg := api.Config{Node: "test", AdminEmail: adminEmail, AdminPassword: adminPassword, SendsPerMinute: 20}
	reg := prometheus.NewRegistry()
	deps := api.Deps{Store: o.store, Supervisor: o.desk, Log: zerolog.New(o.log).Level(zerolog.TraceLevel), Registerer: reg, Gatherer: reg}
	for _, c := range change {
		c(&cfg, &deps)
	}
	server, err := api.New(cfg, deps)
	must(t, err)
	o.server = server
	_, err = server.EnsureAdmin(t.Context())
	must(t, err)
	front := httptest.NewServer(server.Handler())
	t.Cleanup(front.Close)
	o.url = front.URL
	o.token = o.login(adminEmail, adminPassword)
	return o
}

// serve answers w on a unix socket until the test ends and returns a client of it.
func serve(t *testing.T, w workerv1.WorkerServer) workerv1.WorkerClient {
	t.Helper()
	dir, err := os.MkdirTemp("", "wam-api")
	must(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	listener, err := net.Listen("unix", filepath.Join(dir, "w"))
	must(t, err)
	server := grpc.NewServer()
	workerv1.RegisterWorkerServer(server, w)
	done := make(chan error, 1)
	go func() { done <- server.Serve(listener) }()
	conn, err := grpc.NewClient("unix:"+filepath.Join(dir, "w"), grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithUnaryInterceptor(faults))
	must(t, err)
	t.Cleanup(func() {
		conn.Close()
		server.Stop()
		if err := <-done; err != nil {
			t.Errorf("worker: %v", err)
		}
	})
	return workerv1.NewWorkerClient(conn)
}

// faults keeps a promise of the supervisor: errors of a worker's unary calls are
// fault errors.
func faults(ctx context.Context, method string, in, out any, conn *grpc.ClientConn, call grpc.UnaryInvoker, opts ...grpc.CallOption) error {
	return fault.FromGRPC(method, call(ctx, method, in, out, conn, opts...))
}

// answer is what came back, its body decoded when it is JSON.
type answer struct {
	status int
	header http.Header
	raw    []byte
	json   map[string]any
}

// str returns the text at a path like instance.id.
func (a answer) str(path string) string {
	v := apitest.At(a.json, path)
	if v == nil {
		return ""
	}
	return fmt.Sprint(v)
}

// do asks the office's server; see apitest.Do.
func (o *office) do(method, path, credential string, body any, headers ...string) answer {
	o.t.Helper()
	res, raw := apitest.Do(o.t, method, o.url+path, credential, body, headers...)
	a := answer{status: res.StatusCode, header: res.Header, raw: raw}
	_ = json.Unmarshal(raw, &a.json)
	return a
}

// want is do for an answer that must have that status.
func (o *office) want(status int, method, path, credential string, body any, headers ...string) answer {
	o.t.Helper()
	a := o.do(method, path, credential, body, headers...)
	if a.status != status {
		o.t.Fatalf("%s %s: status %d, want %d: %.500s", method, path, a.status, status, a.raw)
	}
	return a
}

func (o *office) login(email, password string) string {
	o.t.Helper()
	return o.want(http.StatusOK, http.MethodPost, "/api/auth/login", "", map[string]any{"email": email, "password": password}).str("tokens.accessToken")
}

// user creates a user of that role and signs them in.
func (o *office) user(email, role string) (token string) {
	o.t.Helper()
	o.want(http.StatusCreated, http.MethodPost, "/api/users", o.token, map[string]any{"email": email, "password": adminPassword, "role": role})
	return o.login(email, adminPassword)
}

// instance creates one that runs and is paired.
func (o *office) instance(token string) (id, key string) {
	o.t.Helper()
	a := o.want(http.StatusCreated, http.MethodPost, "/api/instances", token, map[string]any{"name": "shop"})
	id, key = a.str("instance.id"), a.str("apiKey")
	o.online(id)
	return id, key
}

func (o *office) online(id string) {
	o.desk.set(supervisor.ID(id), func(st *supervisor.Status) {
		st.State, st.Desired, st.Generation = supervisor.Running, supervisor.Run, 1
		st.Proc.PID = 4711
		st.Link = &workerv1.Link{State: workerv1.LinkState_LINK_STATE_ONLINE, Jid: "4915112345678@s.whatsapp.net", PushName: "Shop", WaState: "CONNECTED"}
	})
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
