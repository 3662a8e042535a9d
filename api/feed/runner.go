package feed

import (
	"context"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"whatsapp-manager/supervisor"
	"whatsapp-manager/supervisor/store"
)

const (
	window        = 512             // events of one endpoint in memory at a time
	readPage      = 256             //
	concurrent    = 16              // posts of one endpoint at a time, each of another lane
	lookEvery     = 5 * time.Second // a belt for a wake-up that never came
	downAfter     = 3               // failures in a row, with no success between, that mean "the receiver is down"
	longestProbe  = time.Minute     // a receiver that came back is found within this
	backlogPage   = 50              //
	storeRetryGap = time.Second     //
	lastPosts     = time.Second     // how long posts under way are waited for at the end
	lastWrites    = 6 * time.Second // how long writes are, those of the last posts among them
)

// deliveries is what delivery needs of the store, by use.
type deliveries interface {
	feedReader
	backlogRecords
	progressRecords
	endpointReader
}

type feedReader interface {
	Events(ctx context.Context, instance supervisor.ID, after uint64, limit int) ([]store.Event, error)
	EventsOf(ctx context.Context, instance supervisor.ID, seqs []uint64) ([]store.Event, error)
}

// backlogRecords are the rows of events that wait for a retry.
type backlogRecords interface {
	Park(ctx context.Context, id string, cursor uint64, rows []store.Backlog) error
	BacklogHeads(ctx context.Context, id string, limit int) ([]store.Backlog, error)
	BacklogLane(ctx context.Context, id, lane string, limit int) ([]store.Backlog, error)
	ResolveBacklog(ctx context.Context, id string, seq uint64) error
	RetryBacklog(ctx context.Context, id string, seq uint64, attempts int, nextAt time.Time, status *int, errText string) error
	MoveToDeadLetter(ctx context.Context, id string, seq uint64, at time.Time, status *int, errText string) error
}

type progressRecords interface {
	AdvanceEndpoints(ctx context.Context, all []store.Progress) error
	RecordAttempts(ctx context.Context, attempts []store.Attempt) error
}

type endpointReader interface {
	Endpoint(ctx context.Context, id string) (store.Endpoint, error)
	AllEndpoints(ctx context.Context) ([]store.Endpoint, error)
}

// lane is one chat's share of an endpoint's deliveries.
type lane struct {
	queue  []store.Event // fresh, in order; while parked at most the one being posted
	busy   bool          // a post (or a backlog run) of this lane is under way
	ready  bool          // stands in runner.ready
	parked bool          // has rows in the backlog, or rows on their way there
	nextAt time.Time     // when a parked lane may try again
	due    time.Time     // when its head has to be, by its own schedule
}

// runner delivers to one endpoint. Everything below `results` is read and
// written by the goroutine in run only.
type runner struct {
	endpoint store.Endpoint
	store    deliveries
	books    *books
	client   *httpClient
	schedule Schedule
	log      zerolog.Logger
	counters *counters
	wake     <-chan struct{}
	redrive  <-chan struct{} // dead letters came back to life: look at the backlog

	results chan result
	posts   sync.WaitGroup
	posting context.Context // of the posts: it outlives run's by lastPosts
	writing context.Context // of what the store writes, by lastWrites: a write that is cut off may have happened

	read     uint64          // highest seq taken from the feed
	pending  []uint64        // seqs taken and not yet settled, ascending
	settled  map[uint64]bool // of those, delivered or parked but not yet at the front
	lanes    map[string]*lane
	ready    []string // lanes with fresh events and nobody at them, first come first served
	toPark   []store.Backlog
	inFlight int
	caughtUp bool
	stale    bool // the backlog has to be read before anything else
	loaded   bool // it was, once

	pauses

	progress
}

// progress is what the books are told.
type progress struct {
	delivered int64 // in all, since the endpoint was made
	news      bool  // the books do not have it all yet
}

// pauses is how long a receiver that fails, or that asked for silence, is spared.
type pauses struct {
	failures  int // in a row
	probeAt   time.Time
	freshAt   time.Time // when an event of a chat that did not fail may be a probe
	heldUntil time.Time // the receiver asked for silence
}

// result is what a post, or a run over a parked lane, brought.
type result struct {
	lane    string
	event   store.Event // of a fresh post
	last    postResult
	backlog bool // a run over a parked lane: last is that of its last post
	posts   []store.Attempt
	done    int       // deliveries of a backlog run
	due     time.Time // when the parked lane's head is due again
	cut     bool      // by our own end: the last post is neither a success nor a failure
	err     error     // the store failed; nothing is known to have changed
}

// always is ready.
var always = func() <-chan struct{} { c := make(chan struct{}); close(c); return c }()

func (r *runner) run(ctx context.Context) {
	r.results = make(chan result, concurrent)
	r.lanes = map[string]*lane{}
	r.settled = map[uint64]bool{}
	r.read = r.endpoint.Cursor
	r.delivered = r.endpoint.Delivered
	r.stale = true
	var cutPosts, cutWrites context.CancelFunc
	r.posting, cutPosts = outlive(ctx, lastPosts)
	defer cutPosts()
	r.writing, cutWrites = outlive(ctx, lastWrites)
	defer cutWrites()
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	for {
		if r.stale {
			r.stale = !r.loadBacklog(ctx)
		}
		r.flushParked(r.writing)
		var more <-chan struct{}
		if r.fill(ctx) {
			more = always
		}
		r.dispatch(ctx)
		r.tell()
		retry, stop := r.retryTimer()
		select {
		case <-ctx.Done():
			stop()
			r.finish()
			return
		case <-r.wake:
			r.caughtUp = false
		case <-look.C:
			r.caughtUp = false
		case <-r.redrive:
			r.stale = true
		case <-retry:
		case <-more:
		case res := <-r.results:
			r.settle(r.writing, res)
		}
		stop()
	}
}

func (r *runner) storeTrouble(ctx context.Context, what string, err error) {
	if ctx.Err() == nil {
		r.log.Warn().Err(err).Msg("webhook delivery: " + what)
	}
}

// outlive returns a context that ends so long after ctx does.
func outlive(ctx context.Context, by time.Duration) (context.Context, context.CancelFunc) {
	longer, end := context.WithCancel(context.WithoutCancel(ctx))
	forget := context.AfterFunc(ctx, func() { time.AfterFunc(by, end) })
	return longer, func() { forget(); end() }
}
