package outbox

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/rs/zerolog"

	"whatsapp-manager/api/sends"
	"whatsapp-manager/proto/backoff"
	"whatsapp-manager/proto/fault"
	"whatsapp-manager/supervisor"
	"whatsapp-manager/supervisor/store"
)

const (
	drainers      = 64 // instances that send from their queues at the same time
	sweepEvery    = time.Minute
	lookEvery     = 200 * time.Millisecond // for jobs that are due
	lateBy        = 10 * time.Second       // how late a job may come back before it is no longer counted on
	stopGrace     = 10 * time.Second
	startRetryGap = time.Second
	doneKept      = time.Hour      // rows of jobs that are done, longer than any period in which one is unique
	failedKept    = 24 * time.Hour // rows of jobs that failed, for people
	maxQueued     = 10_000         // sends waiting in one instance's queue
	maxAhead      = 366 * 24 * time.Hour
)

// Store is what the queue needs of the database, by use; *store.Store is one.
type Store interface {
	queueRecords
	sendRecords
	pauseRecords
	Instance(ctx context.Context, id supervisor.ID) (store.Instance, error)
	Pool() *store.Conns
}

type queueRecords interface {
	Enqueue(ctx context.Context, send store.Send, and func(store.Tx) error) (known store.Send, fresh bool, err error)
	KeepSendFiles(ctx context.Context, tx store.Tx, send store.Send, ids []string) error
	Queued(ctx context.Context, instance supervisor.ID) (int, error)
	QueueHead(ctx context.Context, instance supervisor.ID, now time.Time) (store.Send, error)
	DueQueues(ctx context.Context, now time.Time) ([]supervisor.ID, error)
}

type sendRecords interface {
	Send(ctx context.Context, instance supervisor.ID, key string) (store.Send, error)
	MarkSend(ctx context.Context, send store.Send, tried bool, also ...store.Event) error
	HoldSend(ctx context.Context, send store.Send, until time.Time) error
	CancelSend(ctx context.Context, instance supervisor.ID, key string, now time.Time, also ...store.Event) error
	WasSent(ctx context.Context, instance supervisor.ID, messageID string) (bool, error)
}

type pauseRecords interface {
	Pause(ctx context.Context, instance supervisor.ID) (store.Pause, error)
	SetPause(ctx context.Context, instance supervisor.ID, p store.Pause, also ...store.Event) error
	EndPause(ctx context.Context, instance supervisor.ID, also ...store.Event) error
}

// Sender tries a send once, and tells what is known of one; *sends.Sender is one.
type Sender interface {
	Try(ctx context.Context, in store.Instance, call sends.Call) sends.Report
	View(ctx context.Context, send store.Send) (sends.SendView, error)
}

// Jobs are those of another part of the node, which run in the queue's River client.
// A node has one client only: of all clients on a database one leads, and it makes
// its own periodic jobs alone.
type Jobs interface {
	// AddTo adds queues, workers and periodic jobs. Nothing runs yet when it is called.
	AddTo(conf *river.Config) error
}

// Queue sends what waits. Its methods may be called from any goroutine.
type Queue struct {
	store Store
	wake  func(supervisor.ID)
	log   zerolog.Logger
	queue string
	river *river.Client[store.Tx]
	turn  time.Duration // of a drain
	long  chan struct{} // a token for each try that may take long

	sender Sender

	mu         sync.Mutex
	attendants map[supervisor.ID]*attendant // guarded by mu
	pauses     map[supervisor.ID]begun      // guarded by mu; those that began in this process
	holds      map[supervisor.ID]time.Time  // guarded by mu; for when the last job of a held send is
}

// begun is a pause with its end by the monotonic clock: the wall clock may be
// set in between.
type begun struct {
	until time.Time // as the store has it
	over  time.Time
}

// attendant is the job that looks after an instance's queue.
type attendant struct {
	busy   bool      // a job drains it
	again  bool      // another one came meanwhile, so look once more
	holder int64     // the job that comes back
	until  time.Time // and when
}

// New returns a queue for the instances of one node, which sends through sender.
// Wake is told of instances whose feed grew. The queue's Run works on the other jobs,
// too. New starts nothing.
func New(st Store, sender Sender, wake func(supervisor.ID), node string, log zerolog.Logger, others ...Jobs) (*Queue, error) {
	q := &Queue{store: st, sender: sender, wake: wake, log: log, queue: queueName(node), turn: turnTime, long: make(chan struct{}, drainers/2), attendants: map[supervisor.ID]*attendant{}, pauses: map[supervisor.ID]begun{}, holds: map[supervisor.ID]time.Time{}}
	conf := &river.Config{
		Queues:     map[string]river.QueueConfig{q.queue: {MaxWorkers: drainers}},
		Workers:    river.NewWorkers(),
		JobTimeout: -1, // each attempt of a drain has its own time, and the drain its turn
		// Whoever is in the database may notify, workers as well, and what River hears
		// so it obeys, such as to pause a queue. So it looks by itself.
		PollOnly: true, FetchPollInterval: lookEvery,
		CompletedJobRetentionPeriod: doneKept, DiscardedJobRetentionPeriod: failedKept,
		Logger: slog.New(zerolog.NewSlogHandler(log.Level(zerolog.WarnLevel))),
	}
	if err := river.AddWorkerSafely(conf.Workers, &drainer{q: q}); err != nil {
		return nil, fmt.Errorf("make send queue: %w", err)
	}
	for _, other := range others {
		if err := other.AddTo(conf); err != nil {
			return nil, err
		}
	}
	var err error
	if q.river, err = river.NewClient(riverpgxv5.New(st.Pool()), conf); err != nil {
		return nil, fmt.Errorf("make send queue: %w", err)
	}
	return q, nil
}

// queueName is the same for a node always, and made of what River takes.
func queueName(node string) string {
	sum := sha256.Sum256([]byte(node))
	return "sends-" + hex.EncodeToString(sum[:8])
}

// Run sends until ctx ends; a send that a worker has then gets a while to end.
func (q *Queue) Run(ctx context.Context) error {
	if !q.start(ctx) {
		return nil
	}
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for {
		if err := q.sweep(ctx); err != nil && ctx.Err() == nil {
			q.log.Warn().Err(err).Msg("queues of sends cannot be read")
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopGrace)
			defer cancel()
			if err := q.river.Stop(last); err != nil {
				q.log.Warn().Err(err).Msg("a queued send was cut off; the next manager finishes it")
				return q.cut(ctx)
			}
			return nil
		}
	}
}

// start begins River's work as soon as the database lets it. It returns false when ctx
// ended before that; otherwise River must be stopped, whatever became of ctx.
func (q *Queue) start(ctx context.Context) bool {
	for {
		err := q.river.Start(context.WithoutCancel(ctx))
		if err == nil {
			return true
		}
		q.log.Warn().Err(err).Msg("send queue does not start yet")
		if backoff.Sleep(ctx, startRetryGap) != nil {
			return false
		}
	}
}

func (q *Queue) cut(ctx context.Context) error {
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopGrace)
	defer cancel()
	if err := q.river.StopAndCancel(last); err != nil {
		return fmt.Errorf("end send queue: %w", err)
	}
	return nil
}

// sweep brings a job to every queue that has something due and nobody to look
// after it: after a crash, whose jobs River takes for running still.
func (q *Queue) sweep(ctx context.Context) error {
	due, err := q.store.DueQueues(ctx, time.Now())
	if err != nil {
		return err
	}
	for _, id := range due {
		if q.attended(id) {
			continue
		}
		if _, err := q.river.Insert(ctx, drain{Instance: id}, q.options(time.Time{})); err != nil {
			return err
		}
	}
	return nil
}

// options are those of a job that is due at the time, or at once when it is zero:
// River looks for scheduled ones every few seconds only, and by its own clock.
func (q *Queue) options(at time.Time) *river.InsertOpts {
	return &river.InsertOpts{Queue: q.queue, ScheduledAt: at}
}

// add writes the send into its queue together with its job. It is due at once
// when its time is that of its creation.
func (q *Queue) add(ctx context.Context, send store.Send, files []string) (store.Send, error) {
	const op = "outbox.add"
	n, err := q.store.Queued(ctx, send.Instance)
	if err != nil {
		return send, err
	}
	if n >= maxQueued {
		return send, &fault.Error{Kind: fault.RateLimited, Op: op, Code: "queue_full", Msg: fmt.Sprintf("%d messages wait already", n), RetryAfter: time.Minute}
	}
	var at time.Time
	if send.SendAt.After(send.CreatedAt) {
		at = *send.SendAt
	}
	known, _, err := q.store.Enqueue(ctx, send, func(tx store.Tx) error {
		if len(files) > 0 {
			if err := q.store.KeepSendFiles(ctx, tx, send, files); err != nil {
				return err
			}
		}
		_, err := q.river.InsertTx(ctx, tx, drain{Instance: send.Instance}, q.options(at))
		return err
	})
	return known, err
}

// enter makes the job the one that drains the queue; false when another does,
// or will at the time it has to wait for.
func (q *Queue) enter(id supervisor.ID, job int64) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	l := q.attendants[id]
	if l == nil {
		l = &attendant{}
		q.attendants[id] = l
	}
	if l.busy {
		l.again = true
		return false
	}
	if l.holder != 0 && l.holder != job && time.Now().Before(l.until.Add(lateBy)) {
		return false
	}
	l.busy, l.again, l.holder = true, false, 0
	return true
}

// leave ends the job's drain, to come back after wait if there is one; false
// when somebody came meanwhile and the queue must be looked at once more.
func (q *Queue) leave(id supervisor.ID, job int64, wait time.Duration) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	l := q.attendants[id]
	switch {
	case wait > 0:
		l.holder, l.until = job, time.Now().Add(wait)
	case l.again:
		l.again = false
		return false
	default:
		delete(q.attendants, id)
		return true
	}
	l.busy = false
	return true
}

// attended tells whether a job drains the queue or comes back to it.
func (q *Queue) attended(id supervisor.ID) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	l := q.attendants[id]
	return l != nil && (l.busy || time.Now().Before(l.until.Add(lateBy)))
}
