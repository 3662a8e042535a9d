package mirror

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/rs/zerolog"

	"whatsapp-manager/worker/inbound"
	"whatsapp-manager/worker/mirror/db"
	"whatsapp-manager/worker/shape"
)

// ErrFenced is the error of every write once a worker of a higher generation has claimed
// the feed. Nothing was written, and nothing will be.
var ErrFenced = errors.New("a newer generation owns this account")

// Mirror is one account's copy and feed. It is safe for concurrent use; writes happen one
// after the other.
type Mirror struct {
	pool       *pgxpool.Pool
	q          *db.Queries
	instance   string
	generation int64
	log        zerolog.Logger
	now        func() time.Time

	head    atomic.Uint64 // written under writing
	account atomic.Pointer[inbound.Account]
	pairs   Pairs       // nil: nobody's other id is known
	hides   atomic.Bool // somebody is known by a hidden id only
	raw     atomic.Bool // events carry the raw content of their Message

	turns   turns    // of changes that wait for writing
	writing ctxMutex // held from the reads of a change until its commit
	loaded  bool     // guarded by writing; head is the database's
	onHead  []func(uint64)
	rider   Rider // nil: none
	cache   cache // guarded by writing
	list    *chatList
}

// New returns the mirror of an instance for the worker of that generation. Load comes
// first. The pool stays the caller's.
func New(pool *pgxpool.Pool, instance string, generation uint64, log zerolog.Logger) *Mirror {
	m := &Mirror{
		pool: pool, q: db.New(reader{pool}), instance: instance, generation: int64(generation),
		log: log, now: time.Now, cache: newCache(), list: newChatList(), writing: newCtxMutex(),
	}
	m.account.Store(&inbound.Account{})
	return m
}

// Load claims the feed for this generation, so that a worker of a lower one can no longer
// write, and reads the head and the account that was paired last. It returns ErrFenced
// when a higher generation has the feed. After any other error it may be called again.
func (m *Mirror) Load(ctx context.Context) error {
	if err := m.writing.lock(ctx); err != nil {
		return err
	}
	defer m.writing.unlock()
	if err := m.claim(ctx); err != nil {
		return err
	}
	if err := m.loadHidden(ctx); err != nil {
		return err
	}
	if _, err := m.awaited(ctx); err != nil {
		return err
	}
	row, err := m.q.OneAccount(ctx, m.instance)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
	case err != nil:
		return fmt.Errorf("read account: %w", err)
	default:
		acct, err := accountOf(row)
		if err != nil {
			return fmt.Errorf("read account: %w", err)
		}
		m.account.Store(&acct)
	}
	return nil
}

func accountOf(row db.OneAccountRow) (inbound.Account, error) {
	acct := inbound.Account{PushName: row.PushName, Platform: row.Platform}
	var err error
	if acct.JID, err = shape.ParseID(row.ID); err != nil {
		return acct, err
	}
	if row.Lid != "" {
		if acct.LID, err = shape.ParseID(row.Lid); err != nil {
			return acct, err
		}
	}
	return acct, nil
}

// claim claims the feed and reads its head. The caller holds writing.
func (m *Mirror) claim(ctx context.Context) error {
	head, err := m.q.ClaimFeed(ctx, db.ClaimFeedParams{InstanceID: m.instance, Generation: m.generation})
	if errors.Is(err, pgx.ErrNoRows) {
		return ErrFenced
	}
	if err != nil {
		return fmt.Errorf("claim feed: %w", err)
	}
	m.loaded = true
	m.raise(uint64(head))
	return nil
}

// raise makes a committed head known. The caller holds writing, which keeps the order.
func (m *Mirror) raise(head uint64) {
	if head <= m.head.Load() {
		return
	}
	m.head.Store(head)
	for _, f := range m.onHead {
		f(head)
	}
}

// Head returns the highest committed sequence number known; it never falls.
func (m *Mirror) Head() uint64 { return m.head.Load() }

// OnHead registers a function that is called after each commit that raised the head, in
// order. It must not block and must not write to the mirror. OnHead must not be called
// while somebody writes.
func (m *Mirror) OnHead(f func(head uint64)) { m.onHead = append(m.onHead, f) }

// Rider has rows of its own that are written with a commit of the mirror.
type Rider interface {
	// Ride adds statements to a batch that is one transaction. done is called with its
	// result, in any case.
	Ride(ctx context.Context, batch *pgx.Batch) (done func(error), err error)
}

type riderKey struct{}

// Riding returns a context for Apply, whose last commit takes the rider along. A change
// that several commits write takes it along in none.
func Riding(ctx context.Context, r Rider) context.Context {
	return context.WithValue(ctx, riderKey{}, r)
}

// SetRider has every other commit take the rider along. It comes before the first write.
func (m *Mirror) SetRider(r Rider) { m.rider = r }

// Account returns the account that was paired last. Its JID is empty before the first
// pairing.
func (m *Mirror) Account() inbound.Account { return *m.account.Load() }

// SetAccount records which account the instance is paired with. It is called after a
// pairing and at every start of a paired worker.
func (m *Mirror) SetAccount(ctx context.Context, acct inbound.Account) error {
	if acct.JID.IsEmpty() {
		return fmt.Errorf("set account: no id")
	}
	acct.JID, acct.LID = acct.JID.ToNonAD(), acct.LID.ToNonAD()
	if *m.account.Load() == acct {
		return nil
	}
	defer m.list.write()()
	if err := m.writing.lock(ctx); err != nil {
		return err
	}
	defer m.writing.unlock()
	err := m.write(ctx, func(ctx context.Context, _ bool) (*plan, error) {
		p := newPlan()
		m.putAccount(ctx, p, acct)
		return p, nil
	})
	if err != nil {
		return fmt.Errorf("set account: %w", err)
	}
	return nil
}

// putAccount records the account and makes it known once that is committed.
func (m *Mirror) putAccount(ctx context.Context, p *plan, acct inbound.Account) {
	p.put.PutAccount(ctx, db.PutAccountParams{
		InstanceID: m.instance, ID: acct.ID(), Lid: shape.ID(acct.LID),
		PushName: shape.Clean(acct.PushName), Platform: shape.Clean(acct.Platform),
	})
	p.then(func() { m.account.Store(&acct) })
}

// me returns our own serialised id.
func (m *Mirror) me() string { return m.account.Load().ID() }

// ctxMutex is a lock whose waiting ends with a context: while a write hangs in the
// database, others must be able to give up.
type ctxMutex chan struct{}

func newCtxMutex() ctxMutex { return make(ctxMutex, 1) }

// lock returns an error when the context ends first.
func (l ctxMutex) lock(ctx context.Context) error {
	select {
	case l <- struct{}{}:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("wait for the write before: %w", ctx.Err())
	}
}

// tryLock reports whether the lock was free.
func (l ctxMutex) tryLock() bool {
	select {
	case l <- struct{}{}:
		return true
	default:
		return false
	}
}

func (l ctxMutex) unlock() { <-l }
