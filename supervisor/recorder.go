package supervisor

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"whatsapp-manager/proto/backoff"
	"whatsapp-manager/proto/fault"
)

const (
	maxQueued    = 8192
	storeTimeout = 5 * time.Second
	storeTries   = 3 // for a write that the store refuses rather than cannot take
)

// write is one record for the store. A later write with the same key replaces
// one that still waits, in its place.
type write struct {
	key  string
	what string
	id   ID
	do   func(context.Context) error
}

// recorder keeps the store's pace away from supervision: put never blocks, and
// what the store cannot take now is tried again in order. All of it is for
// people and for display; nothing here decides anything.
type recorder struct {
	log     zerolog.Logger
	dropped prometheus.Counter
	wake    chan struct{} // written by put, read by run

	mu    sync.Mutex
	queue []write // guarded by mu
}

func newRecorder(log zerolog.Logger, dropped prometheus.Counter) *recorder {
	return &recorder{log: log, dropped: dropped, wake: make(chan struct{}, 1)}
}

func (r *recorder) put(w write) {
	r.mu.Lock()
	replaced := false
	if w.key != "" {
		for n := range r.queue {
			if r.queue[n].key == w.key {
				r.queue[n], replaced = w, true
				break
			}
		}
	}
	full := !replaced && len(r.queue) >= maxQueued
	if !replaced && !full {
		r.queue = append(r.queue, w)
	}
	r.mu.Unlock()
	if full {
		r.dropped.Inc()
		r.log.Warn().Str("instance", string(w.id)).Str("record", w.what).Msg("record dropped: too many wait for the store")
		return
	}
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

func (r *recorder) take() (write, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.queue) == 0 {
		return write{}, false
	}
	w := r.queue[0]
	r.queue = r.queue[1:]
	return w, true
}

// giveBack puts a write where take found it, unless a later one has its key.
func (r *recorder) giveBack(w write) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if w.key != "" && slices.ContainsFunc(r.queue, func(other write) bool { return other.key == w.key }) {
		return
	}
	r.queue = slices.Insert(r.queue, 0, w)
}

// forget drops what waits for an instance whose rows are about to go.
func (r *recorder) forget(id ID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.queue = slices.DeleteFunc(r.queue, func(w write) bool { return w.id == id })
}

// run writes until ctx ends, and then for a moment what still waits.
func (r *recorder) run(ctx context.Context) {
	for ctx.Err() == nil {
		w, ok := r.take()
		if !ok {
			select {
			case <-ctx.Done():
			case <-r.wake:
			}
			continue
		}
		if !r.persist(ctx, w) {
			r.giveBack(w)
		}
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	for w, ok := r.take(); ok; w, ok = r.take() {
		if err := w.do(last); err != nil {
			r.lose(w, err)
		}
	}
}

// persist writes w or gives it up for lost; false when ctx ended before either.
func (r *recorder) persist(ctx context.Context, w write) bool {
	pauses := backoff.New(100*time.Millisecond, 5*time.Second)
	for try := 1; ; {
		wctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeTimeout)
		err := w.do(wctx)
		cancel()
		if err == nil {
			return true
		}
		switch fault.KindOf(err) {
		case fault.Unavailable, fault.Deadline: // it will come back, and then wants to know
		default:
			if try++; try > storeTries {
				r.lose(w, err)
				return true
			}
		}
		if pauses.Wait(ctx) != nil {
			return false
		}
	}
}

func (r *recorder) lose(w write, err error) {
	r.dropped.Inc()
	r.log.Warn().Err(err).Str("instance", string(w.id)).Str("record", w.what).Msg("record lost")
}
