package api

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"whatsapp-manager/api/sends"
	workerv1 "whatsapp-manager/proto/worker/v1"
	"whatsapp-manager/supervisor"
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
	Upgrade() supervisor.Upgrade
	RetryUpgrade() error
}

// Store is what the API needs of the database; *store.Store is one. Errors are
// faults: NotFound, Conflict with the field, Unavailable when the database is away.
type Store interface {
	users
	sessions
	instances
	keys
	sendRecords
	Ping(ctx context.Context) error
	// SettingOrCreate returns the kept value of key; the first caller's make wins.
	SettingOrCreate(ctx context.Context, key string, make func() ([]byte, error)) ([]byte, error)
	Audit(ctx context.Context, at time.Time, userID, action, target string, detail map[string]any) error
	AuditLog(ctx context.Context, f store.AuditFilter, limit int) ([]store.AuditRow, error)
	PruneAudit(ctx context.Context, action string, before time.Time) (int, error)
}

type users interface {
	CreateUser(ctx context.Context, u store.User) error
	UserByEmail(ctx context.Context, email string) (store.User, error)
	User(ctx context.Context, id string) (store.User, error)
	Users(ctx context.Context, offset, limit int) ([]store.User, int, error)
	CountUsers(ctx context.Context) (int, error)
	SetPassword(ctx context.Context, id, hash string) error
	SetUserRole(ctx context.Context, id, role string) error
	SetUserDisabled(ctx context.Context, id string, at *time.Time) error
	SetMaxInstances(ctx context.Context, id string, most *int) error
}

type sessions interface {
	InsertRefreshToken(ctx context.Context, t store.RefreshToken) error
	// RotateRefreshToken exchanges the token of that hash for next, which takes
	// its user and family. A token used before revokes its family.
	RotateRefreshToken(ctx context.Context, hash []byte, next store.RefreshToken, now time.Time) (store.RefreshToken, error)
	RevokeFamily(ctx context.Context, family string, now time.Time) error
	RevokeUserTokens(ctx context.Context, userID string, now time.Time) error
	// LivingSession returns whose the session is and when they gave the password for it; NotFound when it ended.
	LivingSession(ctx context.Context, family string, now time.Time) (store.User, time.Time, error)
	StandingKeys(ctx context.Context, ids []string) ([]string, error)
	StandingSessions(ctx context.Context, uses []store.SessionUse, now time.Time) ([]store.SessionUse, error)
	RememberAddress(ctx context.Context, userID string, hash []byte, at time.Time, keep int) error
	ForgetAddresses(ctx context.Context, userID string) error
	KnowsAddress(ctx context.Context, email string, hash []byte) (bool, error)
	PruneRefreshTokens(ctx context.Context, before time.Time) (int, error)
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

type keys interface {
	InstanceByKeyHash(ctx context.Context, hash []byte) (store.Instance, store.APIKey, error)
	InsertKey(ctx context.Context, k store.APIKey) error
	Keys(ctx context.Context, instance supervisor.ID) ([]store.APIKey, error)
	RevokeKey(ctx context.Context, instance supervisor.ID, id string, now time.Time) error
	TouchKeys(ctx context.Context, used map[string]time.Time) error
}

type sendRecords interface {
	sends.Store
	Send(ctx context.Context, instance supervisor.ID, key string) (store.Send, error)
	Sends(ctx context.Context, instance supervisor.ID, state store.SendState, offset, limit int) ([]store.Send, int, error)
	PruneSends(ctx context.Context, before time.Time) (int, error)
}
