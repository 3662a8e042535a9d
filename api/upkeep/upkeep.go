package upkeep

import (
	"cmp"
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/riverqueue/river"
	"github.com/rs/zerolog"

	"whatsapp-manager/api/auth"
	"whatsapp-manager/proto/wallclock"
)

const (
	queue = "upkeep" // of all nodes

	// trimEvery is often enough for a clock that has only just become steady.
	trimEvery  = 20 * time.Minute
	pruneEvery = 2 * time.Minute

	// pagesKept is how long the address of a link page says that the page has ended.
	pagesKept = 24 * time.Hour

	lookEvery = 5 * time.Second // for a job
	workers   = 2               // of a node: one for each kind of job

	// longest ends a job that hangs. It is also needed for jobs whose manager was
	// killed: River never gives up a job without a timeout, and its row would stay.
	longest = time.Hour
)

// Store is what the upkeep needs of the database; *store.Store is one.
type Store interface {
	auth.Expiring
	TrimMessages(ctx context.Context, before time.Time) (int, error)
	TrimFeeds(ctx context.Context, before time.Time) (int, error)
	PruneSends(ctx context.Context, before time.Time) (int, error)
	PruneLinkPages(ctx context.Context, before time.Time) (int, error)
	TrimAttempts(ctx context.Context) (int, error)
}

// Clock tells whether the time may be believed; *wallclock.Watch is one.
type Clock interface {
	Steady() bool
}

// Options say what is kept and how often is looked. All may be zero.
type Options struct {
	KeepMessages, KeepEvents time.Duration // zero keeps everything

	Clock                 Clock         // nil: the machine's
	TrimEvery, PruneEvery time.Duration // zero: 20 and 2 minutes; at least a second
}

// Upkeep is the jobs of one node. Its methods may be called from any goroutine.
type Upkeep struct {
	store Store
	opts  Options
	log   zerolog.Logger

	mu     sync.Mutex
	ended  bool                          // guarded by mu; Run is over
	atWork map[string]context.CancelFunc // guarded by mu; by the kind of job
}

// New returns the upkeep of one node. It starts nothing.
func New(st Store, opts Options, log zerolog.Logger) *Upkeep {
	opts.TrimEvery = cmp.Or(opts.TrimEvery, trimEvery)
	opts.PruneEvery = cmp.Or(opts.PruneEvery, pruneEvery)
	if opts.Clock == nil {
		opts.Clock = wallclock.New()
	}
	return &Upkeep{store: st, opts: opts, log: log, atWork: map[string]context.CancelFunc{}}
}

// AddTo adds the jobs to the configuration of the node's River client, whose maps of
// queues and workers have to be made. Every node works on both kinds, whatever it
// keeps itself, because another node may have made the job.
func (u *Upkeep) AddTo(conf *river.Config) error {
	conf.Queues[queue] = river.QueueConfig{MaxWorkers: workers, FetchPollInterval: min(lookEvery, u.opts.PruneEvery/4)}
	if err := river.AddWorkerSafely(conf.Workers, &worker[trim]{u: u, do: u.trim}); err != nil {
		return fmt.Errorf("add upkeep: %w", err)
	}
	if err := river.AddWorkerSafely(conf.Workers, &worker[prune]{u: u, do: u.prune}); err != nil {
		return fmt.Errorf("add upkeep: %w", err)
	}
	conf.PeriodicJobs = append(conf.PeriodicJobs, periodic(prune{}, u.opts.PruneEvery))
	if u.opts.KeepMessages > 0 || u.opts.KeepEvents > 0 {
		conf.PeriodicJobs = append(conf.PeriodicJobs, periodic(trim{}, u.opts.TrimEvery))
	}
	return nil
}

// Run lets jobs work until ctx ends, and then cuts short those at work: they do not
// hold up the end of the manager, and go on where they were at another node or at the
// next start. River brings the jobs, so its client has to run as well.
func (u *Upkeep) Run(ctx context.Context) error {
	<-ctx.Done()
	u.mu.Lock()
	defer u.mu.Unlock()
	u.ended = true
	for _, cancel := range u.atWork {
		cancel()
	}
	return nil
}

// periodic is a job that is made once in each period, however often the leader
// changes: its row stays for longer than a period, and no second one gets in. It is
// not tried again, since the next period brings another one.
func periodic(args river.JobArgs, period time.Duration) *river.PeriodicJob {
	return river.NewPeriodicJob(every(period), func() (river.JobArgs, *river.InsertOpts) {
		return args, &river.InsertOpts{Queue: queue, MaxAttempts: 1, UniqueOpts: river.UniqueOpts{ByPeriod: period}}
	}, &river.PeriodicJobOpts{RunOnStart: true})
}

// every counts from now. River's own interval counts from the time of the job before,
// so after the clock was set back all later jobs would be due by the old time.
type every time.Duration

// Next is asked by River.
func (e every) Next(time.Time) time.Time { return time.Now().Add(time.Duration(e)) }
