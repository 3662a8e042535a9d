package outbox_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"google.golang.org/grpc"

	"whatsapp-manager/api"
	"whatsapp-manager/api/apitest"
	"whatsapp-manager/api/sends"
	"whatsapp-manager/api/sends/outbox"
	"whatsapp-manager/proto/fault"
	workerv1 "whatsapp-manager/proto/worker/v1"
	"whatsapp-manager/supervisor"
	"whatsapp-manager/supervisor/store"
	"whatsapp-manager/supervisor/store/storetest"
)

func TestMain(m *testing.M) { storetest.Main(m) }

// rig is the API with a queue over a real database. The worker is a function.
type rig struct {
	t     *testing.T
	store *store.Store
	url   string
	token string
	id    string
	woken chan struct{}
	gate  sends.Gate    // nil: everything goes
	last  *outbox.Queue // the queue that was built last

	mu     sync.Mutex
	asked  []*workerv1.CallRequest                     // guarded by mu
	answer func(*workerv1.CallRequest) (string, error) // guarded by mu
	away   error                                       // guarded by mu

	uploads map[string]int // files that the worker got, by SHA-256; guarded by mu
}

func (r *rig) Worker(context.Context, supervisor.ID) (workerv1.WorkerClient, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.away != nil {
		return nil, r.away
	}
	return worker{r: r}, nil
}

func (r *rig) Add(context.Context, supervisor.ID) error                      { return nil }
func (r *rig) Want(context.Context, supervisor.ID, supervisor.Desired) error { return nil }
func (r *rig) Restart(context.Context, supervisor.ID) error                  { return nil }
func (r *rig) FollowRawEvents(context.Context, supervisor.ID) error          { return nil }
func (r *rig) Remove(context.Context, supervisor.ID) error                   { return nil }
func (r *rig) Status(id supervisor.ID) (supervisor.Status, bool) {
	return supervisor.Status{ID: id}, true
}
func (r *rig) Statuses() []supervisor.Status { return nil }
func (r *rig) Recovered() <-chan struct{}    { c := make(chan struct{}); close(c); return c }
func (r *rig) Subscribe(id supervisor.ID) *supervisor.Subscription {
	return new(supervisor.Hub).Subscribe(id)
}

// worker is a worker's client whose Call is the rig's answer.
type worker struct {
	workerv1.WorkerClient
	r *rig
}

func (w worker) Call(_ context.Context, in *workerv1.CallRequest, _ ...grpc.CallOption) (*workerv1.CallResponse, error) {
	w.r.mu.Lock()
	w.r.asked = append(w.r.asked, in)
	answer := w.r.answer
	w.r.mu.Unlock()
	result, err := answer(in)
	return &workerv1.CallResponse{Result: []byte(result)}, fault.FromGRPC("worker.Call", fault.ToGRPC(err)) // as the supervisor's client does
}

func (r *rig) says(result string, err error) {
	r.does(func(*workerv1.CallRequest) (string, error) { return result, err })
}

func (r *rig) does(f func(*workerv1.CallRequest) (string, error)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answer = f
}

func (r *rig) seen() []*workerv1.CallRequest {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.asked)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// newRig serves the API; run starts the queue and returns how to end it.
func newRig(t *testing.T, perMinute int) (r *rig, run func() (end func())) {
	t.Helper()
	r = &rig{t: t, store: storetest.New(t), woken: make(chan struct{}, 1)}
	r.says(`"ok"`, nil)
	wake := func(supervisor.ID) {
		select {
		case r.woken <- struct{}{}:
		default:
		}
	}
	log := zerolog.New(zerolog.NewTestWriter(t)).Level(zerolog.WarnLevel)
	var queue *outbox.Queue
	build := func() {
		var err error
		sender := sends.New(r.store, r, r.gate, log)
		queue, err = outbox.New(r.store, sender, wake, "Node 1", log)
		must(t, err)
		r.last = queue
		server, err := api.New(api.Config{AdminPassword: "correct horse battery", SendsPerMinute: perMinute},
			api.Deps{Store: r.store, Supervisor: r, Sender: sender, Log: zerolog.Nop(), Mounts: []func(*api.Mount){outbox.Routes(queue)}})
		must(t, err)
		_, err = server.EnsureAdmin(t.Context())
		must(t, err)
		front := httptest.NewServer(server.Handler())
		t.Cleanup(front.Close)
		r.url = front.URL
	}
	build()
	r.token = r.want(200, "POST", "/api/auth/login", map[string]string{"email": "admin@localhost", "password": "correct horse battery"}).str("tokens.accessToken")
	r.id = r.want(201, "POST", "/api/instances", map[string]string{"name": "one"}).str("instance.id")
	built := true
	return r, func() func() {
		if !built {
			build()
		}
		built = false
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- queue.Run(ctx) }()
		var once sync.Once
		end := func() {
			once.Do(func() {
				cancel()
				if err := <-done; err != nil {
					t.Errorf("queue: %v", err)
				}
			})
		}
		t.Cleanup(end)
		return end
	}
}

type answer map[string]any

func (a answer) str(path string) string {
	s, _ := apitest.At(a, path).(string)
	return s
}

func (r *rig) want(status int, method, path string, body any, headers ...string) answer {
	r.t.Helper()
	resp, raw := apitest.Do(r.t, method, r.url+path, r.token, body, headers...)
	if resp.StatusCode != status {
		r.t.Fatalf("%s %s: %d %s, want %d", method, path, resp.StatusCode, raw, status)
	}
	a := answer{}
	_ = json.Unmarshal(raw, &a)
	return a
}

func (r *rig) queue(key, text string, at *time.Time) answer {
	r.t.Helper()
	body := map[string]any{"params": []string{"4915112345678@c.us", text}}
	if at != nil {
		body["sendAt"] = at
	}
	return r.want(http.StatusAccepted, "POST", "/api/instances/"+r.id+"/sends", body, "Idempotency-Key", key)
}

// state waits until the send is in the state.
func (r *rig) state(key, want string) answer {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), 30*time.Second)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		a := r.want(200, "GET", "/api/instances/"+r.id+"/sends/"+key, nil)
		if a.str("send.state") == want {
			return a
		}
		select {
		case <-r.woken:
		case <-tick.C:
		case <-ctx.Done():
			r.t.Fatalf("send %s is %v, want %s", key, a, want)
		}
	}
}

func (r *rig) events() (types []string, payloads []string) {
	r.t.Helper()
	events, err := r.store.Events(r.t.Context(), supervisor.ID(r.id), 0, 1000)
	must(r.t, err)
	for i, e := range events {
		if e.Seq != uint64(i+1) {
			r.t.Errorf("event %d has seq %d", i, e.Seq)
		}
		types, payloads = append(types, e.Type), append(payloads, string(e.Payload))
	}
	return types, payloads
}

func texts(calls []*workerv1.CallRequest) (out []string) {
	for _, c := range calls {
		var params []string
		_ = json.Unmarshal(c.GetParams(), &params)
		out = append(out, params[1])
	}
	return out
}
