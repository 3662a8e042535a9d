package rollout

import (
	"context"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"whatsapp-manager/proto/backoff"
)

// retryPause is the pause after an attempt from which nothing was learnt.
const retryPause = 10 * time.Second

// Config says where builds are kept and how long a worker gets.
type Config struct {
	Dir           string        // of the copies; empty: none is kept, and Installed is started itself
	Installed     string        // the file that the operator replaces
	ReturnTimeout time.Duration // for a worker of a new build to be back in its former state
	CanaryWatch   time.Duration // that the first worker of a new build has to stay there
}

// Worker is what a rollout sees of an instance and its worker, a consistent copy.
type Worker struct {
	Instance   string
	Wanted     bool    // its owner wants it to run
	Alive      bool    // it has a process
	Running    bool    // and we are attached to it
	Online     bool    // and WhatsApp is
	Ceremony   bool    // a person is answering for it with a passkey, which has an end
	Failed     bool    // it ended too often and is not started again for a while
	State      string  // in words, of the process
	Link       string  // in words, of the connection to WhatsApp
	Program    Program // of the process; empty: unknown
	Generation uint64
	Restarts   int // starts beyond the first since the owner last asked for one
	FeedHead   uint64
	LastError  string // why it last ended
}

// Replacement says how a worker is replaced.
type Replacement struct {
	Why     string
	Forgive bool // earlier ends count no longer
	Kill    bool // nobody can ask it to end
}

// Instances are the instances whose workers are replaced. Implemented by the
// supervisor.
type Instances interface {
	// Workers returns all instances. ending means that all workers are being
	// ended, so that nothing is to be replaced.
	Workers() (all []Worker, ending bool)
	// Worker returns one instance, false when there is none.
	Worker(instance string) (Worker, bool)
	// Replace ends the instance's worker, if it has one, and starts the next; it
	// returns when that has begun.
	Replace(ctx context.Context, instance string, r Replacement) error
	// Watch wakes after each change of the instance, until stop is called.
	Watch(instance string) (changes <-chan struct{}, stop func())
}

// Observer hears of what a rollout found out.
type Observer interface {
	// Replaced says that a worker came back with the installed build.
	Replaced(instance string)
	// Refused says that the installed build was given up, because of an instance.
	Refused(instance, why string)
}

// Rollout knows the builds of the worker's program and brings the workers to the
// installed one. All methods are safe for concurrent use.
type Rollout struct {
	cfg       Config
	instances Instances
	observer  Observer
	log       zerolog.Logger
	programs  *programs
	again     chan struct{} // written by Retry, read by Run

	mu  sync.Mutex
	now Progress // guarded by mu
}

// New returns a rollout. It starts nothing and reads nothing.
func New(cfg Config, instances Instances, observer Observer, log zerolog.Logger) *Rollout {
	return &Rollout{
		cfg: cfg, instances: instances, observer: observer, log: log, again: make(chan struct{}, 1),
		programs: &programs{dir: cfg.Dir, installed: cfg.Installed, given: make(map[string]Program)},
	}
}

// Prepare takes in the installed program, before any worker is started. alive
// are the processes of workers of an earlier manager.
func (r *Rollout) Prepare(alive []int) {
	r.publish(None, "", "")
	if r.cfg.Dir == "" {
		r.publish(Off, "", "no directory is set in which builds could be kept")
		return
	}
	if err := r.programs.prepare(alive); err != nil {
		r.log.Error().Err(err).Msg("builds of the worker cannot be kept: none is replaced")
		r.publish(Off, "", err.Error())
	}
}

// Program returns the build that the instance's next start uses; empty where
// none is kept.
func (r *Rollout) Program(instance string) Program { return r.programs.next(instance) }

// File returns what to execute for a build.
func (r *Rollout) File(p Program) string { return r.programs.file(p) }

// GiveInstalled has the instance start with the installed build from now on.
func (r *Rollout) GiveInstalled(instance string) {
	if _, newest := r.programs.read(); newest != "" {
		r.programs.give(instance, newest)
	}
}

// Forget drops what is known of an instance that is gone for good.
func (r *Rollout) Forget(instance string) { r.programs.give(instance, "") }

// Run brings the workers to the installed build, one by one, until ctx ends.
// Recovery is over when it is called.
func (r *Rollout) Run(ctx context.Context) error {
	for ctx.Err() == nil {
		if _, newest := r.programs.read(); newest != "" {
			r.roll(ctx, newest)
		}
		select {
		case <-ctx.Done():
		case <-r.again:
		}
	}
	return nil
}

// roll is one attempt at the installed build.
func (r *Rollout) roll(ctx context.Context, to Program) {
	book, _ := r.programs.read()
	if f := book.Refused; f != nil && f.Program == to {
		r.publish(Refused, f.Instance, f.Why)
		return
	}
	if !r.finishTrial(ctx, book, to) {
		return
	}
	began := time.Now()
	for replaced := 0; ctx.Err() == nil; {
		next, left, ending := r.nextOutdated(time.Since(began) > r.cfg.ReturnTimeout)
		switch {
		case left == 0 || ending:
			r.complete(to)
			return
		case next == nil:
			r.publish(Waiting, "", "no worker of another build runs and is connected")
			if backoff.Sleep(ctx, time.Second) != nil { // not by changes: figures change all the time
				return
			}
			continue
		case replaced == 0 && book.Trusted != to:
			r.publish(Canary, next.Instance, "")
		default:
			r.publish(Rolling, next.Instance, "")
		}
		watch := time.Duration(0)
		if replaced == 0 {
			watch = r.cfg.CanaryWatch
		}
		switch r.renew(ctx, *next, to, watch) {
		case proven:
			replaced++
		case over:
			return
		}
	}
}

// complete makes the installed build the one that all starts use.
func (r *Rollout) complete(to Program) {
	book, _ := r.programs.read()
	workers, ending := r.instances.Workers()
	if ending {
		return
	}
	if book.Trusted != to || book.Refused != nil {
		if err := r.programs.change(func(b *programBook) { b.Trusted, b.Refused = to, nil }); err != nil {
			r.log.Error().Err(err).Msg("the next manager will look at all workers again")
		}
	}
	used := make(map[Program]bool)
	for _, w := range workers {
		used[w.Program] = true
	}
	if err := r.programs.prune(used); err != nil {
		r.log.Warn().Err(err).Msg("earlier builds of the worker are left")
	}
	r.publish(None, "", "")
}

// nextOutdated returns the worker to replace next, and how many there are. One
// that is connected teaches more than one that is not, and of those the one
// with the least traffic has the least to lose; others only when anyone will do.
// A worker in a ceremony waits, because the person would have to begin again.
func (r *Rollout) nextOutdated(anyone bool) (next *Worker, left int, ending bool) {
	workers, ending := r.instances.Workers()
	for _, w := range workers {
		if !r.outdated(w) || !w.Wanted {
			continue
		}
		left++
		if !w.Running || w.Ceremony || !w.Online && !anyone {
			continue
		}
		if next == nil || precedes(w, *next) {
			next = &w
		}
	}
	return next, left, ending
}

// precedes reports whether a is replaced before b.
func precedes(a, b Worker) bool {
	switch {
	case a.Online != b.Online:
		return a.Online
	case a.FeedHead != b.FeedHead:
		return a.FeedHead < b.FeedHead
	}
	return a.Instance < b.Instance
}
