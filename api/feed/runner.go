package feed

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"whatsapp-manager/supervisor"
	"whatsapp-manager/supervisor/store"
)

const (
	window        = 512                    // events of one endpoint in memory at a time
	readPage      = 256                    //
	concurrent    = 16                     // posts of one endpoint at a time, each of another lane
	persistEvery  = 300 * time.Millisecond // how long a delivered event may be forgotten by a crash, to be delivered again
	lookEvery     = 5 * time.Second        // a belt for a wake-up that never came
	downAfter     = 3                      // failures in a row, with no success between, that mean "the receiver is down"
	longestProbe  = time.Minute            // a receiver that came back is found within this
	backlogPage   = 50                     //
	storeRetryGap = time.Second            //
)

// deliveries is what delivery needs of the store.
type deliveries interface {
	Events(ctx context.Context, instance supervisor.ID, after uint64, limit int) ([]store.Event, error)
	EventsOf(ctx context.Context, instance supervisor.ID, seqs []uint64) ([]store.Event, error)
	AdvanceEndpoint(ctx context.Context, id string, cursor uint64, delivered int64, at time.Time) error
	Park(ctx context.Context, id string, cursor uint64, rows []store.Backlog) error
	BacklogHeads(ctx context.Context, id string, limit int) ([]store.Backlog, error)
	BacklogLane(ctx context.Context, id, lane string, limit int) ([]store.Backlog, error)
	ResolveBacklog(ctx context.Context, id string, seq uint64) error
	RetryBacklog(ctx context.Context, id string, seq uint64, attempts int, nextAt time.Time, status *int, errText string) error
	BuryBacklog(ctx context.Context, id string, seq uint64, at time.Time, status *int, errText string) error
	RecordAttempts(ctx context.Context, attempts []store.Attempt) error
	Endpoint(ctx context.Context, id string) (store.Endpoint, error)
	AllEndpoints(ctx context.Context) ([]store.Endpoint, error)
}

// lane is one chat's share of an endpoint's deliveries.
type lane struct {
	queue  []store.Event // fresh, in order; while parked at most the one being posted
	busy   bool          // a post (or a backlog run) of this lane is under way
	ready  bool          // stands in runner.ready
	parked bool          // has rows in the backlog, or rows on their way there
	nextAt time.Time     // of a parked lane's head
}

// runner delivers to one endpoint. Everything below `results` is read and
// written by the goroutine in run only.
type runner struct {
	endpoint store.Endpoint
	store    deliveries
	poster   *poster
	schedule Schedule
	log      zerolog.Logger
	counters *counters
	wake     <-chan struct{}
	redrive  <-chan struct{} // dead letters came back to life: look at the backlog

	results chan result
	posts   sync.WaitGroup

	read     uint64          // highest seq taken from the feed
	pending  []uint64        // seqs taken and not yet settled, ascending
	settled  map[uint64]bool // of those, delivered or parked but not yet at the front
	lanes    map[string]*lane
	ready    []string // lanes with fresh events and nobody at them, first come first served
	toPark   []store.Backlog
	inFlight int
	caughtUp bool

	failures int // in a row
	probeAt  time.Time

	delivered int64
	attempts  []store.Attempt
	dirty     bool
}

// result is what a post, or a run over a parked lane, brought.
type result struct {
	lane    string
	event   store.Event // of a fresh post
	outcome outcome
	backlog bool // a run over a parked lane: outcome is that of its last post
	posts   []store.Attempt
	done    int       // deliveries of a backlog run
	nextAt  time.Time // when the parked lane is due again
	err     error     // the store failed; nothing is known to have changed
}

func (r *runner) run(ctx context.Context) {
	r.results = make(chan result, concurrent)
	r.lanes = map[string]*lane{}
	r.settled = map[uint64]bool{}
	r.read = r.endpoint.Cursor
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	persist := time.NewTicker(persistEvery)
	defer persist.Stop()

	for !r.loadBacklog(ctx) {
		if !pause(ctx, storeRetryGap) {
			return
		}
	}
	for {
		r.flushParked(ctx)
		r.fill(ctx)
		r.dispatch(ctx)
		retry, stop := r.retryTimer()
		select {
		case <-ctx.Done():
			stop()
			r.finish(ctx)
			return
		case <-r.wake:
			r.caughtUp = false
		case <-look.C:
			r.caughtUp = false
		case <-r.redrive:
			r.loadBacklog(ctx)
		case <-persist.C:
			r.persist(ctx)
		case <-retry:
		case res := <-r.results:
			r.settle(ctx, res)
		}
		stop()
	}
}

func (r *runner) dispatch(ctx context.Context) {
	if len(r.toPark) > 0 {
		return
	}
	if r.down() {
		r.probe(ctx)
		return
	}
	now := time.Now()
	for name, l := range r.lanes {
		if r.inFlight >= concurrent {
			return
		}
		if l.parked && !l.busy && !l.nextAt.After(now) {
			r.startBacklog(ctx, name, l, false)
		}
	}
	for len(r.ready) > 0 && r.inFlight < concurrent {
		name := r.ready[0]
		r.ready = r.ready[1:]
		l := r.lanes[name]
		l.ready = false
		if l.busy || l.parked || len(l.queue) == 0 {
			continue
		}
		r.startFresh(ctx, name, l)
	}
}

func (r *runner) down() bool { return r.failures >= downAfter }

// probe sends one event to a receiver that is taken to be down.
func (r *runner) probe(ctx context.Context) {
	if r.inFlight > 0 || time.Now().Before(r.probeAt) {
		return
	}
	var name string
	var first *lane
	for n, l := range r.lanes {
		if l.parked && !l.busy && (first == nil || l.nextAt.Before(first.nextAt)) {
			name, first = n, l
		}
	}
	if first != nil {
		r.startBacklog(ctx, name, first, true)
		return
	}
	r.failures = 0 // nothing is parked any more; fresh events find out
}

func (r *runner) startFresh(ctx context.Context, name string, l *lane) {
	ev := l.queue[0]
	l.busy = true
	r.inFlight++
	r.posts.Go(func() {
		out := r.poster.post(ctx, r.endpoint, ev)
		r.results <- result{lane: name, event: ev, outcome: out, posts: []store.Attempt{r.attempt(ev.Seq, out)}}
	})
}

func (r *runner) attempt(seq uint64, out outcome) store.Attempt {
	return store.Attempt{
		EndpointID: r.endpoint.ID, Seq: seq, At: time.Now(), Status: out.statusPtr(), Error: out.err,
		DurationMS: int(out.took.Milliseconds()),
	}
}

// settle takes in a result.
func (r *runner) settle(ctx context.Context, res result) {
	l := r.lanes[res.lane]
	l.busy = false
	r.inFlight--
	if ctx.Err() != nil && (res.backlog || !res.outcome.ok()) {
		return // cut off by our own end: neither a success nor a failure
	}
	r.attempts = append(r.attempts, res.posts...)
	r.counters.observe(res)
	if res.backlog {
		r.settleBacklog(ctx, res, l)
		return
	}
	l.queue = slices.Delete(l.queue, 0, 1)
	if res.outcome.ok() {
		r.succeeded(1)
		r.settleSeq(res.event.Seq)
		r.enqueue(res.lane, l)
		r.drop(res.lane, l)
		return
	}
	r.failed()
	wait := max(r.schedule.wait(1), res.outcome.retryAfter)
	nextAt := time.Now().Add(wait)
	r.toPark = append(r.toPark, store.Backlog{
		EndpointID: r.endpoint.ID, Seq: res.event.Seq, Lane: res.lane, Attempts: 1, NextAt: nextAt,
		LastStatus: res.outcome.statusPtr(), LastError: res.outcome.err,
	})
	r.parkLane(res.lane, l, nextAt)
}

func (r *runner) succeeded(n int64) {
	r.failures = 0
	r.delivered += n
	r.dirty = true
}

func (r *runner) failed() {
	r.failures++
	r.probeAt = time.Now().Add(min(r.schedule.wait(r.failures-downAfter+1), longestProbe))
}

// retryTimer fires when the next parked lane is due; a nil channel when none is.
func (r *runner) retryTimer() (<-chan time.Time, func()) {
	var at time.Time
	if r.down() {
		if r.inFlight == 0 {
			at = r.probeAt
		}
	} else if r.inFlight < concurrent {
		for _, l := range r.lanes {
			if l.parked && !l.busy && (at.IsZero() || l.nextAt.Before(at)) {
				at = l.nextAt
			}
		}
	}
	if len(r.toPark) > 0 {
		at = time.Now().Add(storeRetryGap)
	}
	if at.IsZero() {
		return nil, func() {}
	}
	timer := time.NewTimer(max(time.Until(at), time.Millisecond))
	return timer.C, func() { timer.Stop() }
}
