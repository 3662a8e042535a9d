package api

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"whatsapp-manager/api/auth"
	"whatsapp-manager/api/sends"
	workerv1 "whatsapp-manager/proto/worker/v1"
	"whatsapp-manager/supervisor"
	"whatsapp-manager/supervisor/rollout"
	"whatsapp-manager/supervisor/store"
)

// Deps are the parts the server asks. Registerer and Gatherer may be nil: then
// nothing is counted and /metrics does not exist.
type Deps struct {
	Store      Store
	Supervisor Supervisor
	// Sender sends messages. Who sends elsewhere too, as the queue does, gives the same
	// one here, because it counts the sends of an instance; nil: the server has its own.
	Sender     *sends.Sender
	Log        zerolog.Logger
	Registerer prometheus.Registerer
	Gatherer   prometheus.Gatherer
	// Upgrades tells of the way to an installed build of the worker; nil where there is none.
	Upgrades Upgrades
	// Isolation is how far the database keeps workers apart.
	Isolation store.Isolation
	// Mounts add routes of other packages before the document is made.
	Mounts []func(*Mount)
}

// Supervisor is what the API needs of supervision; *supervisor.Supervisor is one.
type Supervisor interface {
	Add(ctx context.Context, id supervisor.ID) error
	Want(ctx context.Context, id supervisor.ID, d supervisor.Desired) error
	Restart(ctx context.Context, id supervisor.ID) error
	Remove(ctx context.Context, id supervisor.ID) error
	Worker(ctx context.Context, id supervisor.ID) (workerv1.WorkerClient, error)
	Status(id supervisor.ID) (supervisor.Status, bool)
	Statuses() []supervisor.Status
	Recovered() <-chan struct{}
	Subscribe(id supervisor.ID) *supervisor.Subscription
}

// Upgrades is what the API needs to know of builds; *supervisor.Supervisor is one.
type Upgrades interface {
	Rollout() rollout.Progress
	RetryRollout() error
}

// Store is what the API needs of the database; *store.Store is one. Errors are
// faults: NotFound, Conflict with the field, Unavailable when the database is away.
type Store interface {
	auth.Store
	instances
	sendRecords
	Ping(ctx context.Context) error
}

type instances interface {
	CreateInstance(ctx context.Context, in store.Instance, key store.APIKey) error
	Instance(ctx context.Context, id supervisor.ID) (store.Instance, error)
	// Instances lists those of an owner, or all when ownerID is empty, newest first.
	Instances(ctx context.Context, ownerID string, offset, limit int) ([]store.Instance, int, error)
	UpdateInstance(ctx context.Context, id supervisor.ID, name, description *string, sendsPerMinute *int) error
	MarkDeleted(ctx context.Context, id supervisor.ID, now time.Time) error
	DeleteInstance(ctx context.Context, id supervisor.ID) error
	// DeletedInstances lists those whose deletion began and did not end.
	DeletedInstances(ctx context.Context) ([]store.Instance, error)
	History(ctx context.Context, id supervisor.ID, offset, limit int) ([]supervisor.Transition, int, error)
}

type sendRecords interface {
	sends.Store
	Send(ctx context.Context, instance supervisor.ID, key string) (store.Send, error)
	Sends(ctx context.Context, instance supervisor.ID, state store.SendState, offset, limit int) ([]store.Send, int, error)
	PruneSends(ctx context.Context, before time.Time) (int, error)
}
