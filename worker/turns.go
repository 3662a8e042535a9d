package worker

import (
	"context"
	"sync"
	"time"

	"go.mau.fi/whatsmeow/store"

	"whatsapp-manager/proto/fault"
)

// turnTime is how long a session that was read and not written back is kept
// from others who wait for it. A send reads its sessions before it asks WhatsApp
// for the keys of devices it has none with, which takes a moment.
const turnTime = 10 * time.Second

// errSessionMoved refuses a session whose reader took so long that it was read
// by somebody else.
var errSessionMoved = fault.New(fault.Unavailable, "worker.session", "the session with the recipient changed meanwhile")

// sessionStore lets nobody read a Signal session between another one's reading
// and writing of it. whatsmeow reads, changes and writes sessions on several
// goroutines: those that send, that decrypt, and that answer retry receipts.
// Where two overlap, the later write takes the earlier one back, and the next
// message to that device is encrypted with a key that was used before: the
// device takes it for a repetition and drops it, and nobody is told.
type sessionStore struct {
	store.SessionStore
	turns *turns
}

func (s sessionStore) GetSession(ctx context.Context, address string) ([]byte, error) {
	if err := s.turns.take(ctx, address); err != nil {
		return nil, err
	}
	session, err := s.SessionStore.GetSession(ctx, address)
	if err != nil {
		s.turns.drop(ctx, address)
	} else if t := transactionOf(ctx); t != nil {
		t.read[address] = session
	}
	return session, err
}

func (s sessionStore) GetManySessions(ctx context.Context, addresses []string) (map[string][]byte, error) {
	if err := s.turns.take(ctx, addresses...); err != nil {
		return nil, err
	}
	sessions, err := s.SessionStore.GetManySessions(ctx, addresses)
	if err != nil {
		s.turns.drop(ctx, addresses...)
	}
	return sessions, err
}

func (s sessionStore) PutSession(ctx context.Context, address string, session []byte) error {
	defer s.turns.drop(ctx, address)
	if !s.turns.holds(ctx, address) {
		return errSessionMoved
	}
	if t := transactionOf(ctx); t != nil && len(t.read[address]) > 0 {
		session = withoutTries(t.read[address], session)
	}
	return s.SessionStore.PutSession(ctx, address, session)
}

func (s sessionStore) PutManySessions(ctx context.Context, sessions map[string][]byte) error {
	addresses := make([]string, 0, len(sessions))
	for address := range sessions {
		addresses = append(addresses, address)
	}
	defer s.turns.drop(ctx, addresses...)
	if !s.turns.holds(ctx, addresses...) {
		return errSessionMoved
	}
	return s.SessionStore.PutManySessions(ctx, sessions)
}

// turns says whose turn each session is. Who decrypts keeps its turn until its
// transaction has ended, so that nobody reads what it has not committed. For all
// others it ends with the write, with the end of their context, or when somebody
// waits for it after turnTime.
type turns struct {
	mu    sync.Mutex
	held  map[string]*turn
	freed chan struct{} // closed at the next change of held; nil when nobody waits
}

type turn struct {
	owner     any
	until     time.Time // zero: until its transaction ends
	addresses []string  // read together; they are given up together
	stop      func() bool
}

func newTurns() *turns { return &turns{held: make(map[string]*turn)} }

// transaction is the owner of what is read under its context, and knows it. It
// belongs to one goroutine.
type transaction struct{ read map[string][]byte } // sessions by address

type transactionKey struct{}

// inTransaction runs fn as one owner, whose turns end when it returns.
func (t *turns) inTransaction(ctx context.Context, fn func(context.Context) error) error {
	own := &transaction{read: make(map[string][]byte)}
	defer t.release(own)
	return fn(context.WithValue(ctx, transactionKey{}, own))
}

func transactionOf(ctx context.Context) *transaction {
	t, _ := ctx.Value(transactionKey{}).(*transaction)
	return t
}

// ownerOf tells readers apart: by their transaction, or else by what ends them.
// whatsmeow derives the context it writes with from the one it has read with.
func ownerOf(ctx context.Context) (owner any, inTransaction bool) {
	if t := transactionOf(ctx); t != nil {
		return t, true
	}
	return ctx.Done(), false
}

// take waits until it is nobody else's turn at any of the sessions, and takes all.
func (t *turns) take(ctx context.Context, addresses ...string) error {
	owner, inTransaction := ownerOf(ctx)
	for {
		t.mu.Lock()
		wait, blocked := t.blocked(owner, inTransaction, addresses)
		if !blocked {
			t.give(ctx, owner, inTransaction, addresses)
			t.mu.Unlock()
			return nil
		}
		if t.freed == nil {
			t.freed = make(chan struct{})
		}
		freed := t.freed
		t.mu.Unlock()
		var expired <-chan time.Time
		stop := func() bool { return true }
		if wait > 0 {
			timer := time.NewTimer(wait)
			expired, stop = timer.C, timer.Stop
		}
		select {
		case <-freed:
		case <-expired:
		case <-ctx.Done():
			stop()
			return context.Cause(ctx)
		}
		stop()
	}
}

// blocked reports whether it is another one's turn at one of the sessions, and after
// what time that alone is no hindrance; 0 when it is not a matter of time. The
// caller holds t.mu.
func (t *turns) blocked(owner any, inTransaction bool, addresses []string) (wait time.Duration, blocked bool) {
	for _, address := range addresses {
		held := t.held[address]
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

// give notes the owner. The caller holds t.mu and has seen that nothing is in the way.
func (t *turns) give(ctx context.Context, owner any, inTransaction bool, addresses []string) {
	fresh := &turn{owner: owner, addresses: addresses, stop: func() bool { return true }}
	if !inTransaction {
		fresh.until = time.Now().Add(turnTime)
		fresh.stop = context.AfterFunc(ctx, func() {
			t.mu.Lock()
			defer t.mu.Unlock()
			t.free(fresh)
		})
	}
	for _, address := range addresses {
		if earlier := t.held[address]; earlier != nil {
			t.free(earlier)
		}
		t.held[address] = fresh
	}
}

func (t *turns) holds(ctx context.Context, addresses ...string) bool {
	owner, _ := ownerOf(ctx)
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, address := range addresses {
		if held := t.held[address]; held == nil || held.owner != owner {
			return false
		}
	}
	return true
}

// drop ends the owner's turns at the sessions, and at those it read with them. In
// a transaction it does nothing: nothing is written before its end.
func (t *turns) drop(ctx context.Context, addresses ...string) {
	owner, inTransaction := ownerOf(ctx)
	if inTransaction {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, address := range addresses {
		if held := t.held[address]; held != nil && held.owner == owner {
			t.free(held)
		}
	}
}

// release ends all turns of the owner.
func (t *turns) release(owner any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, held := range t.held {
		if held.owner == owner {
			t.free(held)
		}
	}
}

// free ends a turn, as far as it still is one. The caller holds t.mu.
func (t *turns) free(ended *turn) {
	ended.stop()
	for _, address := range ended.addresses {
		if t.held[address] == ended {
			delete(t.held, address)
		}
	}
	if t.freed != nil {
		close(t.freed)
		t.freed = nil
	}
}
