package signalstore

import (
	"context"

	"go.mau.fi/whatsmeow/store"
)

// Guard returns a store that lets nobody read a Signal session between another
// goroutine's read and write of it. whatsmeow uses sessions on several goroutines:
// those that send, those that decrypt, and those that answer retry receipts. When
// two of them overlap, the later write undoes the earlier one, and the next message
// to that device is encrypted with a key that was used before. The device takes
// that message for a repetition and drops it, and nobody is told.
func Guard(sessions store.SessionStore, locks *Locks) store.SessionStore {
	return guarded{sessions, locks}
}

type guarded struct {
	store.SessionStore
	locks *Locks
}

func (g guarded) GetSession(ctx context.Context, address string) ([]byte, error) {
	if err := g.locks.acquire(ctx, address); err != nil {
		return nil, err
	}
	session, err := g.SessionStore.GetSession(ctx, address)
	if err != nil {
		g.locks.release(ctx, address)
	} else if t := transactionOf(ctx); t != nil {
		t.read[address] = session
	}
	return session, err
}

func (g guarded) GetManySessions(ctx context.Context, addresses []string) (map[string][]byte, error) {
	if err := g.locks.acquire(ctx, addresses...); err != nil {
		return nil, err
	}
	sessions, err := g.SessionStore.GetManySessions(ctx, addresses)
	if err != nil {
		g.locks.release(ctx, addresses...)
	}
	return sessions, err
}

func (g guarded) PutSession(ctx context.Context, address string, session []byte) error {
	defer g.locks.release(ctx, address)
	if !g.locks.holds(ctx, address) {
		return errSessionMoved
	}
	if t := transactionOf(ctx); t != nil && len(t.read[address]) > 0 {
		session = restoreUntouchedStates(t.read[address], session)
	}
	return g.SessionStore.PutSession(ctx, address, session)
}

func (g guarded) PutManySessions(ctx context.Context, sessions map[string][]byte) error {
	addresses := make([]string, 0, len(sessions))
	for address := range sessions {
		addresses = append(addresses, address)
	}
	defer g.locks.release(ctx, addresses...)
	if !g.locks.holds(ctx, addresses...) {
		return errSessionMoved
	}
	return g.SessionStore.PutManySessions(ctx, sessions)
}
