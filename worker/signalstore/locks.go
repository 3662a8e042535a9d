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
	until     time.Time // zero: until the transaction ends
	addresses []string  // read together, and released together
	stop      func() bool
}

// NewLocks returns locks that nobody holds.
func NewLocks() *Locks { return &Locks{held: make(map[string]*lock)} }

// transaction owns the sessions that are read under its context, and remembers
// them. It belongs to one goroutine.
type transaction struct{ read map[string][]byte } // sessions by address

type transactionKey struct{}

// InTransaction runs fn as one owner, whose locks end when fn returns.
func (l *Locks) InTransaction(ctx context.Context, fn func(context.Context) error) error {
	own := &transaction{read: make(map[string][]byte)}
	defer l.releaseAll(own)
	return fn(context.WithValue(ctx, transactionKey{}, own))
}

func transactionOf(ctx context.Context) *transaction {
	t, _ := ctx.Value(transactionKey{}).(*transaction)
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
		wait, blocked := l.blocked(owner, inTransaction, addresses)
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
// them. The caller holds l.mu.
func (l *Locks) blocked(owner any, inTransaction bool, addresses []string) (wait time.Duration, blocked bool) {
	for _, address := range addresses {
		held := l.held[address]
		switch {
		case held == nil, inTransaction && held.owner == owner:
		case held.until.IsZero():
			return 0, true
		default:
			if left := time.Until(held.until); left > 0 {
				wait, blocked = max(wait, left), true
			}
		}
	}
	return wait, blocked
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

// releaseAll ends all locks of the owner.
func (l *Locks) releaseAll(owner any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, held := range l.held {
		if held.owner == owner {
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
