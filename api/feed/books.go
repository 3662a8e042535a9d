package feed

import (
	"context"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"whatsapp-manager/supervisor/store"
)

const (
	saveEvery  = 500 * time.Millisecond // how long a delivered event may be forgotten by a crash, to be delivered again
	watchedFor = 10 * time.Minute       // how long the posts of an endpoint are written down after somebody looked at them
	remembered = 20                     // the newest successes of an endpoint, for the first who looks
)

// books hold what the runners have done until the store has it: one write is for all
// endpoints. Posts that succeed are written down only while somebody looks at them.
type books struct {
	store progressRecords
	log   zerolog.Logger
	dirty chan struct{} // there is something to write

	writing sync.Mutex // held while the store is written, taken before mu

	mu      sync.Mutex
	open    map[string]store.Progress  // by endpoint; guarded by mu
	rows    map[string][]store.Attempt // to be written; guarded by mu
	recent  map[string][]store.Attempt // successes that are not; guarded by mu
	watched map[string]time.Time       // until when; guarded by mu
}

func newBooks(st progressRecords, log zerolog.Logger) *books {
	return &books{
		store: st, log: log, dirty: make(chan struct{}, 1), open: map[string]store.Progress{}, rows: map[string][]store.Attempt{},
		recent: map[string][]store.Attempt{}, watched: map[string]time.Time{},
	}
}

// advance takes note of how far an endpoint's runner came.
func (b *books) advance(p store.Progress) {
	b.mu.Lock()
	// A runner before may have come further than what its successor read.
	before := b.open[p.EndpointID]
	p.Cursor, p.Delivered = max(p.Cursor, before.Cursor), max(p.Delivered, before.Delivered)
	b.open[p.EndpointID] = p
	b.mu.Unlock()
	b.stir()
}

// posted takes note of posts. Failures are written down, and successes of endpoints
// that are watched; the newest of the others are remembered.
func (b *books) posted(posts []store.Attempt) {
	written := false
	b.mu.Lock()
	now := time.Now()
	for _, p := range posts {
		if p.Error == "" && now.After(b.watched[p.EndpointID]) {
			b.recent[p.EndpointID] = push(b.recent[p.EndpointID], p, remembered)
			continue
		}
		b.rows[p.EndpointID] = push(b.rows[p.EndpointID], p, store.KeptAttempts)
		written = true
	}
	b.mu.Unlock()
	if written {
		b.stir()
	}
}

// tested takes note of a test, which is written down always.
func (b *books) tested(p store.Attempt) {
	b.mu.Lock()
	b.rows[p.EndpointID] = push(b.rows[p.EndpointID], p, store.KeptAttempts)
	b.mu.Unlock()
	b.stir()
}

// push appends to a list of which the newest are kept.
func push(list []store.Attempt, p store.Attempt, most int) []store.Attempt {
	if len(list) == most {
		copy(list, list[1:])
		list = list[:most-1]
	}
	return append(list, p)
}

func (b *books) stir() {
	select {
	case b.dirty <- struct{}{}:
	default: // it is known already
	}
}

// look has the posts of an endpoint in the store, as far as they are remembered, and
// those of the next minutes written there.
func (b *books) look(ctx context.Context, id string) error {
	// A caller who goes away must not take with him what others did.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastWrites)
	defer cancel()
	b.writing.Lock()
	defer b.writing.Unlock()
	b.mu.Lock()
	b.watched[id] = time.Now().Add(watchedFor)
	for _, p := range b.recent[id] {
		b.rows[id] = push(b.rows[id], p, store.KeptAttempts)
	}
	delete(b.recent, id)
	found := len(b.rows[id]) > 0
	b.mu.Unlock()
	if !found {
		return nil
	}
	return b.write(ctx)
}

// forget an endpoint that was deleted.
func (b *books) forget(id string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.open, id)
	delete(b.rows, id)
	delete(b.recent, id)
	delete(b.watched, id)
}

// wait returns when nothing is being written of what was noted before.
func (b *books) wait() {
	b.writing.Lock()
	defer b.writing.Unlock()
}

// save writes, if the store does not know yet how far the endpoint's runner came.
func (b *books) save(ctx context.Context, id string) error {
	b.writing.Lock()
	defer b.writing.Unlock()
	b.mu.Lock()
	_, found := b.open[id]
	b.mu.Unlock()
	if !found {
		return nil
	}
	return b.write(ctx)
}

// write writes what there is. The caller holds writing. What could not be written of
// the progress is open again; posts are for people, and are not tried twice.
func (b *books) write(ctx context.Context) error {
	b.mu.Lock()
	open, rows := b.open, b.rows
	b.open, b.rows = map[string]store.Progress{}, map[string][]store.Attempt{}
	b.mu.Unlock()
	all := make([]store.Progress, 0, len(open))
	for _, p := range open {
		all = append(all, p)
	}
	if err := b.store.AdvanceEndpoints(ctx, all); err != nil {
		b.mu.Lock()
		defer b.mu.Unlock()
		for id, p := range open {
			if _, newer := b.open[id]; !newer {
				b.open[id] = p
			}
		}
		b.stir()
		return err
	}
	var posts []store.Attempt
	for _, of := range rows {
		posts = append(posts, of...)
	}
	return b.store.RecordAttempts(ctx, posts)
}

// keep begins to write regularly. What it returns ends that with a last write; it is
// called when the runners have ended.
func (b *books) keep(ctx context.Context) (end func()) {
	writing, cut := outlive(ctx, lastWrites)
	over := make(chan struct{})
	var keeping sync.WaitGroup
	keeping.Go(func() {
		for ending := false; !ending; {
			select {
			case <-over:
				ending = true
			case <-b.dirty:
				more := time.NewTimer(saveEvery) // what comes meanwhile is written along
				select {
				case <-over:
					ending = true
				case <-more.C:
				}
				more.Stop()
			}
			b.writing.Lock()
			err := b.write(writing)
			b.writing.Unlock()
			if err != nil && writing.Err() == nil {
				b.log.Warn().Err(err).Msg("webhook delivery: save what was delivered")
			}
		}
	})
	return func() {
		close(over)
		keeping.Wait()
		cut()
	}
}
