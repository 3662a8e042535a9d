package supervisor

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"whatsapp-manager/proto/fault"
	workerv1 "whatsapp-manager/proto/worker/v1"
	"whatsapp-manager/supervisor/egress"
	"whatsapp-manager/supervisor/rollout"
	"whatsapp-manager/supervisor/workerconn"
	"whatsapp-manager/supervisor/workerproc"
)

// Supervisor keeps the workers of one node. See the package's story.
type Supervisor struct {
	cfg     Config
	store   Store
	log     zerolog.Logger
	metrics *metrics
	rec     *recorder
	hub     Hub

	rollout *rollout.Rollout
	egress  *egress.Server

	starting chan struct{} // places of those between launch and attach
	adopting chan struct{} // places of those that attach to a worker found alive

	loaded    chan struct{} // closed when every instance of the store is in instances
	recovered chan struct{}

	mu        sync.Mutex
	instances map[ID]*instance // guarded by mu
	run       context.Context  // guarded by mu; nil outside Run
	halting   bool             // guarded by mu; StopAll was called
	loops     sync.WaitGroup   // of instances; added to under mu while run is set
	removals  uint64           // guarded by mu; instances forgotten so far
	rawLooks  uint64           // guarded by mu; looks of FollowRawEvents so far
}

// New checks the configuration, makes its directories and registers metrics.
// It starts nothing.
func New(cfg Config, store Store, log zerolog.Logger, reg prometheus.Registerer) (*Supervisor, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, fmt.Errorf("check supervisor configuration: %w", err)
	}
	if err := cfg.makeDirs(); err != nil {
		return nil, err
	}
	if u := cfg.WorkerUser; u != nil {
		if err := u.Usable(cfg.RunDir); err != nil {
			if u.Chosen {
				return nil, fmt.Errorf("run workers as another user: %w", err)
			}
			log.Warn().Err(err).Msg("workers run as root, without its capabilities; a run directory that others may pass to (chmod o+x) lets them run as another user")
			cfg.WorkerUser = nil
			if err := cfg.makeDirs(); err != nil {
				return nil, err
			}
		}
	}
	s := &Supervisor{
		cfg: cfg, store: store, log: log,
		starting: make(chan struct{}, cfg.MaxStarting), adopting: make(chan struct{}, cfg.MaxAdopting),
		loaded: make(chan struct{}), recovered: make(chan struct{}),
		instances: make(map[ID]*instance),
	}
	s.rollout = rollout.New(rollout.Config{
		Dir: cfg.ProgramDir, Installed: cfg.WorkerPath, ReturnTimeout: cfg.ReturnTimeout, CanaryWatch: cfg.CanaryWatch,
	}, rolled{s}, rolled{s}, log)
	if s.metrics, err = newMetrics(reg, s); err != nil {
		return nil, err
	}
	s.rec = newRecorder(log, s.metrics.dropped)
	if s.egress, err = newEgress(s); err != nil {
		return nil, fmt.Errorf("check supervisor configuration: %w", err)
	}
	return s, nil
}

// Run takes the run directory for itself, recovers, and supervises until ctx
// ends. Then it lets go of the workers, which live on, and returns when all its
// goroutines have. An error means that it could not begin. Call it once.
func (s *Supervisor) Run(ctx context.Context) error {
	lock, err := workerproc.LockManager(ctx, s.cfg.RunDir, s.cfg.WorkerUser, s.cfg.LockWait)
	if err != nil {
		return err
	}
	defer lock.Close()

	var own sync.WaitGroup
	// The recorder outlives the instances, whose last words it may still have to write.
	recording, stopRecording := context.WithCancel(context.WithoutCancel(ctx))
	own.Go(func() { s.rec.run(recording) })
	s.mu.Lock()
	s.run = ctx
	s.mu.Unlock()

	s.prepareRollout()
	own.Go(func() { s.serveEgress(ctx) })
	own.Go(func() { s.copyResolver(ctx) })
	own.Go(func() { s.recover(ctx) })
	own.Go(func() { s.runRollout(ctx) })
	own.Go(func() { s.watchHealth(ctx) })
	<-ctx.Done()

	s.mu.Lock()
	s.run = nil
	s.mu.Unlock()
	s.loops.Wait()
	stopRecording()
	own.Wait()
	return nil
}

// Recovered is closed when, after the start, every instance has an answer
// (adopted, started, given up or stopped) or the time for it is spent.
func (s *Supervisor) Recovered() <-chan struct{} { return s.recovered }

// Add makes an instance known that was just created in the store: stopped, and
// wanted so. Adding a known instance does nothing.
func (s *Supervisor) Add(ctx context.Context, id ID) error {
	if !workerproc.IsInstance(string(id)) {
		return fault.Bad("supervisor.Add", "id", "an instance id has twelve characters of a-z and 0-9")
	}
	select {
	case <-s.loaded:
	case <-ctx.Done():
		return fault.Wrap(fault.Unavailable, "supervisor.Add", ctx.Err(), "the manager is still recovering")
	}
	if s.launchLoop(Record{ID: id, Desired: Stop}, false) == nil {
		return fault.New(fault.Unavailable, "supervisor.Add", "the manager is shutting down")
	}
	return nil
}

// Want persists what the owner wants and then acts on it; it returns when the
// instance's state has begun to follow. Asking for Run on an instance that
// failed or waits forgives its earlier ends.
func (s *Supervisor) Want(ctx context.Context, id ID, d Desired) error {
	const op = "supervisor.Want"
	i, err := s.instance(op, id)
	if fault.Is(err, fault.NotFound) {
		s.findNew(ctx)
		i, err = s.instance(op, id)
	}
	if err != nil {
		return err
	}
	if err := s.store.SetDesired(ctx, id, d); err != nil {
		return fmt.Errorf("persist desired state: %w", err)
	}
	if d == Run {
		return i.tell(ctx, op, startCommand{why: "the owner wants it to run"})
	}
	return i.tell(ctx, op, stopCommand{byOwner, "the owner wants it stopped"})
}

// Restart ends the worker gracefully and starts a new one; it returns when that
// has begun. fault.Conflict when the instance is not wanted to run.
func (s *Supervisor) Restart(ctx context.Context, id ID) error {
	const op = "supervisor.Restart"
	i, err := s.instance(op, id)
	if err != nil {
		return err
	}
	switch st := i.snapshot(); {
	case st.Desired != Run:
		return fault.New(fault.Conflict, op, "the instance is stopped; start it instead")
	case st.State == Backoff || st.State == Failed || st.State == Stopped:
		return i.tell(ctx, op, startCommand{why: "the owner asked for a restart"})
	}
	return i.tell(ctx, op, restartCommand{why: "the owner asked for a restart", forgive: true})
}

// Remove ends the worker of a deleted instance, waits for its exit, deletes run
// directory and log, and forgets the instance. Removing an unknown one succeeds.
func (s *Supervisor) Remove(ctx context.Context, id ID) error {
	const op = "supervisor.Remove"
	i, err := s.instance(op, id)
	if fault.Is(err, fault.NotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := i.tell(ctx, op, stopCommand{forGood, "the instance is deleted"}); err != nil {
		return err
	}
	select {
	case <-i.gone:
	case <-ctx.Done():
		return fault.Wrap(fault.Deadline, op, ctx.Err(), "the worker has not ended yet")
	}
	if _, err := s.instance(op, id); err == nil {
		return fault.New(fault.Unavailable, op, "the manager is shutting down; the next one ends the worker")
	}
	return nil
}

// StopAll ends all workers gracefully without changing what their owners want,
// for the shutdown of the host. It returns when the last is gone. From its call
// on no worker is started, so called beside Run it ends what an earlier manager
// left. Call it before the context of Run ends.
func (s *Supervisor) StopAll(ctx context.Context) error {
	const op = "supervisor.StopAll"
	all := s.hub.Subscribe("")
	defer all.Close()
	s.mu.Lock()
	s.halting = true
	s.mu.Unlock()
	// Workers that recovery has yet to find would be missed, and live on.
	select {
	case <-s.loaded:
	case <-ctx.Done():
		return fault.Wrap(fault.Deadline, op, ctx.Err(), "the workers are not all found yet")
	}
	s.mu.Lock()
	list := s.list()
	s.mu.Unlock()
	for _, i := range list {
		if err := i.tell(ctx, op, stopCommand{byHalt, "all workers are being ended"}); err != nil {
			return err
		}
	}
	for {
		left := slices.IndexFunc(list, func(i *instance) bool {
			select {
			case <-i.gone:
				return false
			default:
				return i.snapshot().State != Stopped
			}
		})
		if left < 0 {
			return nil
		}
		select {
		case <-all.C():
		case <-list[left].gone:
		case <-ctx.Done():
			return fault.Wrap(fault.Deadline, op, ctx.Err(), "a worker has not ended yet")
		}
	}
}

// Worker returns the live stub of the instance's worker. Every error of its
// calls and of its streams is a fault.Error already (or io.EOF, at the end of a
// stream). Calls have a deadline even when their context has none; streams do
// not. While there is no worker the error says what to expect: Starting with
// RetryAfter, Stopped, Unavailable, or NotFound. A stub goes stale with its
// worker; ask for each call.
func (s *Supervisor) Worker(ctx context.Context, id ID) (workerv1.WorkerClient, error) {
	const op = "supervisor.Worker"
	if err := ctx.Err(); err != nil {
		return nil, fault.Wrap(fault.Deadline, op, err, "no answer in time")
	}
	i, err := s.instance(op, id)
	if err != nil {
		return nil, err
	}
	return i.worker(op)
}

// Status returns a consistent copy of the instance's present.
func (s *Supervisor) Status(id ID) (Status, bool) {
	s.mu.Lock()
	i := s.instances[id]
	s.mu.Unlock()
	if i == nil || i.orphan {
		return Status{}, false
	}
	return s.dated(i.snapshot()), true
}

// Statuses returns the present of all instances, ordered by ID.
func (s *Supervisor) Statuses() []Status {
	s.mu.Lock()
	list := s.list()
	s.mu.Unlock()
	out := make([]Status, 0, len(list))
	for _, i := range list {
		if !i.orphan {
			out = append(out, s.dated(i.snapshot()))
		}
	}
	slices.SortFunc(out, func(a, b Status) int { return strings.Compare(string(a.ID), string(b.ID)) })
	return out
}

// Subscribe returns a subscription to changes of one instance's Status, or of
// all for the empty ID. The caller closes it.
func (s *Supervisor) Subscribe(id ID) *Subscription { return s.hub.Subscribe(id) }

// Wake wakes those who watch an instance, because the manager itself added to
// its feed.
func (s *Supervisor) Wake(id ID) { s.hub.Publish(id) }

// instance finds the loop of an instance, or says why there is none.
func (s *Supervisor) instance(op string, id ID) (*instance, error) {
	s.mu.Lock()
	i := s.instances[id]
	s.mu.Unlock()
	if i != nil && !i.orphan {
		return i, nil
	}
	select {
	case <-s.loaded:
		return nil, fault.New(fault.NotFound, op, "no such instance")
	default:
		f := fault.New(fault.Unavailable, op, "the manager is still recovering")
		f.RetryAfter = time.Second
		return nil, f
	}
}

// list returns the instances in no order. mu is held.
func (s *Supervisor) list() []*instance {
	out := make([]*instance, 0, len(s.instances))
	for _, i := range s.instances {
		out = append(out, i)
	}
	return out
}

// launchLoop starts the goroutine of an instance, or returns the one there is;
// nil outside Run.
func (s *Supervisor) launchLoop(r Record, orphan bool) *instance {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.launchLocked(r, orphan)
}

// launchLocked is launchLoop with mu held.
func (s *Supervisor) launchLocked(r Record, orphan bool) *instance {
	if i := s.instances[r.ID]; i != nil {
		return i
	}
	if s.run == nil || s.run.Err() != nil {
		return nil
	}
	i := newInstance(s, r, orphan)
	i.halt.Store(s.halting)
	s.instances[r.ID] = i
	ctx := s.run
	s.loops.Go(func() {
		i.loop(ctx)
		if i.finished {
			s.mu.Lock()
			delete(s.instances, i.id)
			s.removals++
			s.mu.Unlock()
		}
		close(i.gone)
		s.hub.Publish(i.id)
	})
	return i
}

func (s *Supervisor) dir(id ID) workerproc.Dir { return s.cfg.dir(id) }

// dialing is what all connections to workers have in common.
func (s *Supervisor) dialing() workerconn.Options {
	return workerconn.Options{
		Build: s.cfg.Build, CallTimeout: s.cfg.CallTimeout, WorkerUID: s.cfg.workerUID(), Called: s.metrics.called,
	}
}

// forgetFiles deletes what is left of an instance that is gone for good.
func (s *Supervisor) forgetFiles(id ID) error {
	s.rollout.Forget(string(id))
	err := s.dir(id).Remove()
	for _, name := range []string{s.cfg.logPath(id), s.cfg.logPath(id) + ".1", rollout.NoteFile(s.dir(id))} {
		if rerr := os.Remove(name); rerr != nil && !errors.Is(rerr, os.ErrNotExist) {
			err = errors.Join(err, rerr)
		}
	}
	return err
}
