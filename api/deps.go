package api

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"whatsapp-manager/api/auth"
	"whatsapp-manager/api/linking"
	"whatsapp-manager/api/sends"
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
	Sender *sends.Sender
	// Linking links accounts; nil: the server has its own.
	Linking    *linking.Service
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

// Supervisor is what the API needs of supervision, by use; *supervisor.Supervisor
// is one. Errors of a worker's unary calls are fault errors.
type Supervisor interface {
	instanceSupervisor
	linking.Supervisor
	statuses
	remover
}

// Upgrades is what the API needs to know of builds; *supervisor.Supervisor is one.
type Upgrades interface {
	Rollout() rollout.Progress
	RetryRollout() error
}

// Store is what the API needs of the database, by use; *store.Store is one. Errors
// are faults: NotFound, Conflict with the field, Unavailable when the database is
// away.
type Store interface {
	auth.Store
	sends.Store
	queueFiles
	instanceRecords
	cleanupRecords
	histories
	sendPages
	pinger
}
