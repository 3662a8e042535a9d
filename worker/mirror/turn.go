package mirror

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"whatsapp-manager/worker/inbound"
)

// Changes that wait for the write before theirs are committed together. Whoever gets the
// lock writes for all that wait. Each is worked out as if those before it were committed,
// by the cache. One that has to ask the database waits until they are.

// Bounds of what one transaction takes.
const (
	turnsAtOnce = 64
	turnBytes   = 1 << 20 // of events; a change that has more is written alone
)

// turn is a change that waits to be written.
type turn struct {
	ctx     context.Context
	aliases []inbound.Alias
	rider   Rider // nil: that of the mirror
	build   builder

	taken    bool          // by whoever writes; guarded by the mu of turns
	done     chan struct{} // closed when err and panicked are set
	err      error
	panicked any
}

// turns are those that nobody writes yet.
type turns struct {
	mu      sync.Mutex
	waiting []*turn
}

func (q *turns) add(t *turn) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.waiting = append(q.waiting, t)
}

func (q *turns) take() []*turn {
	q.mu.Lock()
	defer q.mu.Unlock()
	n := min(len(q.waiting), turnsAtOnce)
	taken := slices.Clone(q.waiting[:n])
	q.waiting = slices.Delete(q.waiting, 0, n)
	for _, t := range taken {
		t.taken = true
	}
	return taken
}

// withdraw reports whether nobody had taken the turn.
func (q *turns) withdraw(t *turn) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if t.taken {
		return false
	}
	q.waiting = slices.DeleteFunc(q.waiting, func(other *turn) bool { return other == t })
	return true
}

// submit writes a change, alone or with others, and returns when it is committed.
func (m *Mirror) submit(ctx context.Context, aliases []inbound.Alias, rider Rider, build builder) error {
	t := &turn{ctx: ctx, aliases: aliases, rider: rider, build: build, done: make(chan struct{})}
	m.turns.add(t)
	select {
	case m.writing <- struct{}{}:
		m.lead(t)
	case <-t.done:
	case <-ctx.Done():
		if m.turns.withdraw(t) {
			return fmt.Errorf("wait for the write before: %w", ctx.Err())
		}
		<-t.done
	}
	if t.panicked != nil {
		panic(t.panicked)
	}
	return t.err
}

// lead writes what waits until t is among it. The caller holds writing.
func (m *Mirror) lead(t *turn) {
	defer m.writing.unlock()
	for {
		select {
		case <-t.done:
			return
		default:
			m.writeAll(m.turns.take())
		}
	}
}

// round is some turns on its way to a commit.
type round struct {
	plan  *plan
	of    []*turn
	rider Rider
	bytes int
}

func (r *round) add(t *turn, p *plan) {
	r.of = append(r.of, t)
	r.plan.recorded.QueuedQueries = append(r.plan.recorded.QueuedQueries, p.recorded.QueuedQueries...)
	r.plan.events = append(r.plan.events, p.events...)
	for _, e := range p.events {
		r.bytes += len(e.payload)
	}
	if t.rider != nil {
		r.rider = t.rider
	}
	for _, f := range p.after { // those that follow are built on it
		f()
	}
}

// errAhead says that a change must not ask the database before others are committed.
var errAhead = errors.New("changes before this one are not committed yet")

func (m *Mirror) writeAll(all []*turn) {
	ctx, cancel := joint(all)
	defer cancel()
	defer func() { // after a panic nobody waits for ever
		for _, t := range all {
			t.finish(errors.New("the write of another change failed"))
		}
	}()
	r := &round{plan: newPlan()}
	flush := func() {
		if len(r.of) > 0 {
			m.commitRound(ctx, r)
			r = &round{plan: newPlan()}
		}
	}
	for _, t := range all {
		known := !slices.ContainsFunc(t.aliases, func(a inbound.Alias) bool { return !m.cache.hasAlias(a) })
		if !known || t.rider != nil && r.rider != nil || r.bytes > turnBytes {
			flush()
		}
		if !known {
			if err := m.merge(ctx, t.aliases); err != nil {
				t.finish(err)
				continue
			}
		}
		p, err := m.prepare(ctx, t, len(r.of) > 0)
		if errors.Is(err, errAhead) {
			flush()
			p, err = m.prepare(ctx, t, false)
		}
		if err != nil {
			t.finish(err)
			continue
		}
		r.add(t, p)
	}
	flush()
}

// prepare builds a turn's plan.
func (m *Mirror) prepare(ctx context.Context, t *turn, ahead bool) (p *plan, err error) {
	defer func() {
		if value := recover(); value != nil {
			m.log.Error().Str("panic", fmt.Sprintf("%T", value)).Bytes("stack", debug.Stack()).Msg("a change could not be worked out")
			t.panicked = value
			err = errors.New("a change could not be worked out")
		}
	}()
	if !m.loaded {
		if err := m.claim(ctx); err != nil {
			return nil, err
		}
	}
	if ahead {
		ctx = context.WithValue(ctx, aheadKey{}, true)
	}
	return t.build(ctx, false)
}

// commitRound writes a round. When the database has something else than was expected, each
// change is worked out again by itself.
func (m *Mirror) commitRound(ctx context.Context, r *round) {
	var err error
	if !r.plan.empty() {
		err = m.commit(Riding(ctx, r.rider), r.plan)
	}
	if err == nil {
		for _, t := range r.of {
			t.finish(nil)
		}
		return
	}
	m.doubt()
	var pgErr *pgconn.PgError
	inDoubt := !errors.As(err, &pgErr)
	before := err
	if len(r.of) > 1 && (&caution{}).learn(err) != nil {
		before = nil // one of them is to blame, and the others are not
	}
	for _, t := range r.of {
		if inDoubt {
			t.finish(err)
			continue
		}
		t.finish(m.writeAfter(Riding(ctx, t.rider), before, t.build))
	}
}

func (t *turn) finish(err error) {
	select {
	case <-t.done:
	default:
		t.err = err
		close(t.done)
	}
}

// joint returns a context that ends when those of all turns have ended.
func joint(all []*turn) (context.Context, context.CancelFunc) {
	if len(all) == 1 {
		return all[0].ctx, func() {}
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(all[0].ctx))
	var left atomic.Int64
	left.Store(int64(len(all)))
	stops := make([]func() bool, len(all))
	for i, t := range all {
		stops[i] = context.AfterFunc(t.ctx, func() {
			if left.Add(-1) == 0 {
				cancel()
			}
		})
	}
	return ctx, func() {
		for _, stop := range stops {
			stop()
		}
		cancel()
	}
}

type aheadKey struct{}

// reader asks the database, except for a change that must not.
type reader struct{ pool *pgxpool.Pool }

func (r reader) Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error) {
	if ctx.Value(aheadKey{}) != nil {
		return pgconn.CommandTag{}, errAhead
	}
	return r.pool.Exec(ctx, sql, args...)
}

func (r reader) Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error) {
	if ctx.Value(aheadKey{}) != nil {
		return nil, errAhead
	}
	return r.pool.Query(ctx, sql, args...)
}

func (r reader) QueryRow(ctx context.Context, sql string, args ...any) pgx.Row {
	if ctx.Value(aheadKey{}) != nil {
		return failedRow{errAhead}
	}
	return r.pool.QueryRow(ctx, sql, args...)
}

type failedRow struct{ err error }

func (r failedRow) Scan(...any) error { return r.err }
