package supervisor

import (
	"context"
	"time"

	"whatsapp-manager/proto/process"
	workerv1 "whatsapp-manager/proto/worker/v1"
)

// Proc identifies a process beyond the reuse of its PID.
type Proc = process.Identity

// Record is what the store knows of an instance when the manager starts.
type Record struct {
	ID         ID
	Desired    Desired
	Generation uint64
	DeletedAt  time.Time // zero: exists
	RawEvents  bool      // events are to carry the raw content of their Message
	Worker     *Worker   // last recorded worker, nil if there never was one

	// Barred says that the worker of this generation cannot use the database: it
	// is of a build whose workers had no role of their own there, or its role is
	// gone.
	Barred bool
}

// Worker is the record of one worker process: for people, for other nodes, and
// for recovery after the run directory was lost. Never needed for correctness
// as long as the lock file exists.
type Worker struct {
	Instance   ID
	Generation uint64
	Node       string
	Proc       Proc
	Socket     string
	Build      string
	Protocol   uint32
	StartedAt  time.Time
	AttachedAt time.Time
}

// Exit tells how a worker ended. Reason comes from its last words, or is
// "killed or crashed" when it left none.
type Exit struct {
	At     time.Time
	Reason string
	Code   int
}

// Transition is one step of an instance's state machine, as written to its history.
type Transition struct {
	Instance   ID
	Generation uint64
	From, To   State
	Why        string
	At         time.Time
}

// Sample is one look at a worker's health.
type Sample struct {
	Instance    ID
	Generation  uint64
	At          time.Time
	RSSBytes    uint64
	CPUPercent  float64
	Responsive  bool // Ping answered in time
	LastFrameAt time.Time
	FeedHead    uint64
}

// Store is what supervision needs of the database. Every write that carries a
// generation changes nothing when a higher one is recorded; that is success,
// not an error. Implemented by package store.
type Store interface {
	// Instances returns all instances that exist or whose deletion is not finished.
	Instances(ctx context.Context) ([]Record, error)
	// RaiseGeneration commits generation+1 and returns it; called before every
	// start. databaseURL is for the worker of that generation, with what lets it
	// in, and is handed on unopened. When it returns, the workers of former
	// generations can write nothing any more. Conflict says that the instance
	// must not be started here any more.
	RaiseGeneration(ctx context.Context, id ID, node string) (generation uint64, databaseURL string, err error)
	SetDesired(ctx context.Context, id ID, d Desired) error
	// RawEvents returns whether the instance's events are to carry the raw content
	// of their Message.
	RawEvents(ctx context.Context, id ID) (bool, error)
	Records
}

// Records takes what becomes of workers. A write of a former generation changes
// nothing.
type Records interface {
	RecordWorker(ctx context.Context, w Worker) error
	RecordExit(ctx context.Context, id ID, generation uint64, exit Exit) error
	RecordLink(ctx context.Context, id ID, generation uint64, link *workerv1.Link) error
	// RecordTransition appends to the history, whatever generation is recorded
	// by now: it may be written long after it happened, and is never a state.
	RecordTransition(ctx context.Context, t Transition) error
	RecordSamples(ctx context.Context, samples []Sample) error
}
