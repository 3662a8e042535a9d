package api

import (
	"cmp"
	"context"
	"net/http"
	"runtime"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"whatsapp-manager/api/auth"
	"whatsapp-manager/api/edge"
	"whatsapp-manager/api/route"
	"whatsapp-manager/proto/fault"
	workerv1 "whatsapp-manager/proto/worker/v1"
	"whatsapp-manager/supervisor"
	"whatsapp-manager/supervisor/rollout"
	"whatsapp-manager/supervisor/store"
)

const pingTime = 2 * time.Second

const (
	healthy   = "healthy"
	degraded  = "degraded"
	unhealthy = "unhealthy"
)

// Health sums the installation up.
type Health struct {
	Status    string    `json:"status" enum:"healthy,degraded,unhealthy" doc:"degraded: instances that should run do not, recovery is under way, or the installed build of the worker was given up; unhealthy: the database is away"`
	Simulated bool      `json:"simulated" doc:"true: the instances speak to a simulator and not to WhatsApp"`
	Timestamp time.Time `json:"timestamp"`
	Uptime    float64   `json:"uptimeSeconds"`
	Database  bool      `json:"database" doc:"The database answers"`
	Recovered bool      `json:"recovered" doc:"Every worker that was found at the start is adopted or ended"`
	Instances Counts    `json:"instances"`
	Upgrade   string    `json:"upgrade" enum:"none,canary,rolling,waiting,refused,off" doc:"How far the workers are on their way to the installed build; none: all run it; refused: a worker did not come back with it, and the build before it stays in use"`
}

// Counts of instances.
type Counts struct {
	Total    int            `json:"total"`
	Wanted   int            `json:"wanted" doc:"Instances that should run"`
	Ready    int            `json:"ready"`
	Failing  int            `json:"failing" doc:"Instances that should run and do not, or that WhatsApp refuses"`
	ByStatus map[string]int `json:"byStatus"`
}

// DetailedHealth adds what only operators should see.
type DetailedHealth struct {
	Health
	Node       string           `json:"node"`
	Build      string           `json:"build"`
	Goroutines int              `json:"goroutines"`
	HeapBytes  uint64           `json:"heapBytes"`
	DatabaseMS float64          `json:"databaseMs" doc:"How long one answer took, in milliseconds"`
	RSSBytes   uint64           `json:"workersRssBytes" doc:"Memory of all workers"`
	Problems   []HealthIssue    `json:"problems"`
	Workers    WorkerUpgrade    `json:"workerUpgrade"`
	Access     DatabaseAccess   `json:"databaseAccess"`
	ByState    map[string]int   `json:"byState"`
	Proxies    *UndeclaredProxy `json:"undeclaredProxy,omitempty" doc:"Requests with X-Forwarded-For from a peer that is no declared proxy: all clients behind it share one address and its limits"`
}

// UndeclaredProxy is a peer that says whom it forwards for, and is not believed.
type UndeclaredProxy struct {
	Peer     string    `json:"peer"`
	Requests int       `json:"requests"`
	LastAt   time.Time `json:"lastAt"`
}

// DatabaseAccess is what workers may do in the database.
type DatabaseAccess struct {
	Isolation string `json:"isolation" enum:"instance,shared,none" doc:"instance: each worker has a role that sees its account only; shared: one role for all workers, which sees the chats of all accounts, but no users, keys and settings; none: a worker that is taken over has the whole database"`
	Superuser bool   `json:"superuser" doc:"true: the manager's role is a superuser, which is not needed"`
	Why       string `json:"why,omitempty" doc:"Why isolation is not instance"`
}

// HealthIssue is one instance that keeps the whole from being healthy.
type HealthIssue struct {
	ID        string     `json:"id"`
	Status    string     `json:"status"`
	State     string     `json:"state"`
	Link      string     `json:"link"`
	LastError string     `json:"lastError,omitempty"`
	RetryAt   *time.Time `json:"retryAt,omitempty"`
}

type healthOutput struct {
	Status int
	Body   Health
}

type detailedOutput struct {
	Status int
	Body   DetailedHealth
}

type stateOutput struct {
	Status int
	Body   struct {
		Status string `json:"status"`
	}
}

// health are the routes that tell whether all is well.
type health struct {
	router     *route.Router
	auth       *auth.Auth
	database   pinger
	supervisor statuses
	upgrades   Upgrades // nil: none
	isolation  store.Isolation
	forwarded  *edge.Forwarded
	began      time.Time

	node, version string
	simulated     bool
}

type pinger interface {
	Ping(ctx context.Context) error
}

type statuses interface {
	Statuses() []supervisor.Status
	Recovered() <-chan struct{}
}

func (h *health) routes() {
	op := func(id, path, summary string) huma.Operation {
		return huma.Operation{OperationID: id, Method: http.MethodGet, Path: "/api/health" + path, Summary: summary, Tags: []string{"Health"}, DefaultStatus: http.StatusOK}
	}
	route.Add(h.router, route.Public, op("health", "", "Tell whether all is well; 503 when unhealthy"), func(ctx context.Context, _ *struct{}) (*healthOutput, error) {
		sum, _, _ := h.look(ctx)
		return &healthOutput{Status: healthStatus(sum), Body: sum}, nil
	})
	route.Add(h.router, route.Public, op("health-live", "/live", "Tell that the process answers"), func(context.Context, *struct{}) (*stateOutput, error) {
		return state(http.StatusOK, "live"), nil
	})
	route.Add(h.router, route.Public, op("health-ready", "/ready", "Tell whether the database answers and recovery is done; 503 before"), func(ctx context.Context, _ *struct{}) (*stateOutput, error) {
		if sum, _, _ := h.look(ctx); !sum.Database || !sum.Recovered {
			return state(http.StatusServiceUnavailable, "not ready"), nil
		}
		return state(http.StatusOK, "ready"), nil
	})
	route.Add(h.router, route.Admin, op("health-detailed", "/detailed", "Show in detail what is not well"), h.detailed)
	h.upgradeRoutes()
}

func state(status int, word string) *stateOutput {
	out := &stateOutput{Status: status}
	out.Body.Status = word
	return out
}

func healthStatus(h Health) int {
	if h.Status == unhealthy {
		return http.StatusServiceUnavailable
	}
	return http.StatusOK
}

func (h *health) look(ctx context.Context) (sum Health, ping time.Duration, upgrade rollout.Progress) {
	ctx, cancel := context.WithTimeout(ctx, pingTime)
	defer cancel()
	begin := time.Now()
	err := h.database.Ping(ctx)
	ping = time.Since(begin)
	sum = Health{
		Status: healthy, Simulated: h.simulated, Timestamp: now(), Uptime: time.Since(h.began).Seconds(), Database: err == nil,
		Instances: Counts{ByStatus: map[string]int{}},
	}
	select {
	case <-h.supervisor.Recovered():
		sum.Recovered = true
	default:
	}
	upgrade = h.upgrade()
	sum.Upgrade = string(upgrade.State)
	for _, st := range h.supervisor.Statuses() {
		c := &sum.Instances
		c.Total++
		word := supervisor.StatusWord(st)
		c.ByStatus[word]++
		if st.Desired == supervisor.Run {
			c.Wanted++
		}
		if word == "ready" {
			c.Ready++
		}
		if failing(st) {
			c.Failing++
		}
	}
	switch {
	case !sum.Database:
		sum.Status = unhealthy
	case !sum.Recovered || sum.Instances.Failing > 0 || sum.Upgrade == string(rollout.Refused):
		sum.Status = degraded
	}
	return sum, ping, upgrade
}

// failing says whether an instance is not as its owner wants it through a
// fault of ours or of the connection. Waiting for a person with a phone is no fault.
func failing(st supervisor.Status) bool {
	if st.Desired != supervisor.Run {
		return false
	}
	switch st.State {
	case supervisor.Backoff, supervisor.Failed, supervisor.Stopped:
		return true
	}
	link := st.Link.GetState()
	return link == workerv1.LinkState_LINK_STATE_OFFLINE || link == workerv1.LinkState_LINK_STATE_REFUSED
}

func (h *health) detailed(ctx context.Context, _ *struct{}) (*detailedOutput, error) {
	sum, ping, upgrade := h.look(ctx)
	var mem runtime.MemStats
	runtime.ReadMemStats(&mem)
	d := DetailedHealth{
		Health: sum, Node: h.node, Build: h.version, Goroutines: runtime.NumGoroutine(), HeapBytes: mem.HeapAlloc,
		DatabaseMS: float64(ping.Microseconds()) / 1000, Problems: []HealthIssue{}, ByState: map[string]int{}, Workers: viewUpgrade(upgrade),
		Access: DatabaseAccess{Isolation: cmp.Or(h.isolation.Level, "none"), Superuser: h.isolation.Superuser, Why: h.isolation.Why},
	}
	if seen := h.forwarded.Seen(); seen.Count > 0 {
		d.Proxies = &UndeclaredProxy{Peer: seen.Peer, Requests: seen.Count, LastAt: seen.Last}
	}
	for _, st := range h.supervisor.Statuses() {
		d.ByState[string(st.State)]++
		d.RSSBytes += st.RSSBytes
		if failing(st) {
			d.Problems = append(d.Problems, HealthIssue{ID: string(st.ID), Status: supervisor.StatusWord(st), State: string(st.State), Link: linkWord(st.Link), LastError: st.LastError, RetryAt: unlessZero(st.RetryAt)})
		}
	}
	return &detailedOutput{Status: healthStatus(sum), Body: d}, nil
}

// WorkerUpgrade tells how far the workers are on their way to the installed build.
type WorkerUpgrade struct {
	State      string     `json:"state" enum:"none,canary,rolling,waiting,refused,off" doc:"refused: a worker did not come back with the installed build and was started again with the trusted one; those replaced before it keep the installed build until their next start"`
	Program    string     `json:"program,omitempty" doc:"The installed build of the worker, by its content"`
	Trusted    string     `json:"trusted,omitempty" doc:"The build that workers are started with, outside of an upgrade"`
	Replaced   int        `json:"replaced" doc:"Workers that came back with the installed build since the manager began"`
	Outdated   int        `json:"outdated" doc:"Workers that run another build than the installed one, also when the installed one was refused"`
	InstanceID string     `json:"instanceId,omitempty" doc:"The instance whose worker is being replaced, or did not come back"`
	Why        string     `json:"why,omitempty"`
	Since      *time.Time `json:"since,omitempty"`
}

func (h *health) upgrade() rollout.Progress {
	if h.upgrades == nil {
		return rollout.Progress{State: rollout.Off}
	}
	return h.upgrades.Rollout()
}

func viewUpgrade(u rollout.Progress) WorkerUpgrade {
	return WorkerUpgrade{
		State: string(u.State), Program: u.Program, Trusted: u.Trusted, Replaced: u.Replaced, Outdated: u.Outdated,
		InstanceID: u.Instance, Why: u.Why, Since: unlessZero(u.At),
	}
}

type upgradeOutput struct{ Body WorkerUpgrade }

func (h *health) upgradeRoutes() {
	route.Add(h.router, route.Admin, huma.Operation{
		OperationID: "retry-upgrade", Method: http.MethodPost, Path: "/api/health/upgrade/retry", Tags: []string{"Health"}, DefaultStatus: http.StatusAccepted,
		Summary: "Try again the installed build of the worker that was given up; 409 when none was",
	}, func(ctx context.Context, _ *struct{}) (*upgradeOutput, error) {
		if h.upgrades == nil {
			return nil, fault.New(fault.Conflict, "api.retryUpgrade", "this installation keeps no builds of the worker")
		}
		if err := h.upgrades.RetryRollout(); err != nil {
			return nil, err
		}
		h.auth.Audit(ctx, "upgrade.retry", "", nil)
		return &upgradeOutput{Body: viewUpgrade(h.upgrade())}, nil
	})
}
