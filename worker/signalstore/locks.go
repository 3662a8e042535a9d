package signalstore

import (
	"context"
	"sync"
	"time"

	"whatsapp-manager/proto/fault"
)

// Lease is how long a session that was read and not written back is kept from
// others who wait for it. A send reads its sessions before it asks WhatsApp for the
// keys of the devices it has no session with, and that takes a moment.
const Lease = 10 * time.Second

// errSessionMoved refuses a write whose owner took so long that somebody else has
// read the session meanwhile.
var errSessionMoved = fault.New(fault.Unavailable, "worker.session", "the session with the recipient changed meanwhile")

// Locks says who owns each Signal session. A transaction that decrypts keeps its
// sessions until it has ended, so that nobody reads what is not committed yet. For
// all others a lock ends with the write, with the end of their context, or when
// somebody waits for it after Lease.
type Locks struct {
	mu      sync.Mutex
	held    map[string]*lock // by address
	changed chan struct{}    // closed at the next change of held; nil when nobody waits
}

type lock struct {
	owner     any
	until     time.Time // zero: a transaction's, which decides itself
	addresses []string  // read together, and released together
	stop      func() bool
}

// NewLocks returns locks that nobody holds.
func NewLocks() *Locks { return &Locks{held: make(map[string]*lock)} }

// Transaction owns the sessions that are read under its context until its end, and
// remembers them.
type Transaction struct {
	locks *Locks
	read  map[string][]byte // sessions by address; of the goroutine that decrypts

	late    func(context.Context) error // guarded by locks.mu; ends an overdue transaction
	overdue time.Time                   // guarded by locks.mu; zero: never
}

type transactionKey struct{}

// Begin starts a transaction. Whoever uses the context acts for it.
func (l *Locks) Begin(ctx context.Context) (context.Context, *Transaction) {
	t := &Transaction{locks: l, read: make(map[string][]byte)}
	return context.WithValue(ctx, transactionKey{}, t), t
}

// Expire says that the transaction may have been left: from then on, whoever waits for one
// of its sessions calls late, which ends it.
func (t *Transaction) Expire(after time.Duration, late func(context.Context) error) {
	t.locks.mu.Lock()
	defer t.locks.mu.Unlock()
	t.overdue, t.late = time.Now().Add(after), late
}

// Keep takes Expire back.
func (t *Transaction) Keep() {
	t.locks.mu.Lock()
	defer t.locks.mu.Unlock()
	t.overdue, t.late = time.Time{}, nil
}

// End gives all sessions of the transaction free. What they changed must be written.
func (t *Transaction) End() {
	l := t.locks
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, held := range l.held {
		if held.owner == t {
			l.remove(held)
		}
	}
}

func transactionOf(ctx context.Context) *Transaction {
	t, _ := ctx.Value(transactionKey{}).(*Transaction)
	return t
}

// ownerOf tells owners apart: by their transaction, or else by the channel that ends
// their context. whatsmeow derives the context of a write from the one of the read.
func ownerOf(ctx context.Context) (owner any, inTransaction bool) {
	if t := transactionOf(ctx); t != nil {
		return t, true
	}
	return ctx.Done(), false
}

// acquire waits until no other owner holds any of the sessions, and locks them all.
func (l *Locks) acquire(ctx context.Context, addresses ...string) error {
	owner, inTransaction := ownerOf(ctx)
	for {
		l.mu.Lock()
		wait, blocked, late := l.blocked(owner, inTransaction, addresses)
		if late != nil {
			l.mu.Unlock()
			if err := late(ctx); err != nil {
				return err
			}
			continue
		}
		if !blocked {
			l.assign(ctx, owner, inTransaction, addresses)
			l.mu.Unlock()
			return nil
		}
		if l.changed == nil {
			l.changed = make(chan struct{})
		}
		changed := l.changed
		l.mu.Unlock()
		var expired <-chan time.Time
		stop := func() bool { return true }
		if wait > 0 {
			timer := time.NewTimer(wait)
			expired, stop = timer.C, timer.Stop
		}
		select {
		case <-changed:
		case <-expired:
		case <-ctx.Done():
			stop()
			return context.Cause(ctx)
		}
		stop()
	}
}

// blocked reports whether another owner holds one of the sessions, and how long it
// takes until all of these locks have expired; zero when time does not end one of
// them. late ends a transaction that was left. The caller holds l.mu.
func (l *Locks) blocked(owner any, inTransaction bool, addresses []string) (wait time.Duration, blocked bool, late func(context.Context) error) {
	for _, address := range addresses {
		held := l.held[address]
		if held == nil || inTransaction && held.owner == owner {
			continue
		}
		until := held.until
		if t, ok := held.owner.(*Transaction); ok {
			if t.overdue.IsZero() {
				return 0, true, nil
			}
			if until = t.overdue; time.Until(until) <= 0 {
				return 0, true, t.late
			}
		}
		if left := time.Until(until); left > 0 {
			wait, blocked = max(wait, left), true
		}
	}
	return wait, blocked, nil
}

// assign records the owner. The caller holds l.mu and knows that no session is blocked.
func (l *Locks) assign(ctx context.Context, owner any, inTransaction bool, addresses []string) {
	fresh := &lock{owner: owner, addresses: addresses, stop: func() bool { return true }}
	if !inTransaction {
		fresh.until = time.Now().Add(Lease)
		fresh.stop = context.AfterFunc(ctx, func() {
			l.mu.Lock()
			defer l.mu.Unlock()
			l.remove(fresh)
		})
	}
	for _, address := range addresses {
		if earlier := l.held[address]; earlier != nil {
			l.remove(earlier)
		}
		l.held[address] = fresh
	}
}

func (l *Locks) holds(ctx context.Context, addresses ...string) bool {
	owner, _ := ownerOf(ctx)
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, address := range addresses {
		if held := l.held[address]; held == nil || held.owner != owner {
			return false
		}
	}
	return true
}

// release ends the owner's locks on the sessions, and on those that were read with
// them. In a transaction it does nothing: nothing is committed before its end.
func (l *Locks) release(ctx context.Context, addresses ...string) {
	owner, inTransaction := ownerOf(ctx)
	if inTransaction {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, address := range addresses {
		if held := l.held[address]; held != nil && held.owner == owner {
			l.remove(held)
		}
	}
}

// remove deletes a lock wherever it is still in force, and wakes everybody who
// waits. The caller holds l.mu.
func (l *Locks) remove(ended *lock) {
	ended.stop()
	for _, address := range ended.addresses {
		if l.held[address] == ended {
			delete(l.held, address)
		}
	}
	if l.changed != nil {
		close(l.changed)
		l.changed = nil
	}
}
