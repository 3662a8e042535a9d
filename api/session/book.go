package session

import (
	"context"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"whatsapp-manager/proto/fault"
	"whatsapp-manager/supervisor/store"
)

const (
	// bookTTL bounds how long a session that ended on another node still opens.
	bookTTL = 3 * time.Second
	// booked is how many sessions are remembered; the others cost a query.
	booked = 10_000
)

// Session is one that lives, and its user as the database has them.
type Session struct {
	ID       string // the family of its refresh tokens
	User     store.User
	ProvedAt time.Time // when the user last gave the password for it
}

// sessions is what a Book needs of the database; see the methods of store.Store.
type sessions interface {
	LivingSession(ctx context.Context, family string, now time.Time) (store.User, time.Time, error)
	User(ctx context.Context, id string) (store.User, error)
}

// Book answers "does this session live?" without asking the database each
// time. Safe for use at the same time.
type Book struct {
	store sessions

	mu      sync.Mutex
	entries *lru.Cache[string, entry] // guarded by mu
	epoch   uint64                    // guarded by mu; raised when something is forgotten, so that a read that began before is not kept
}

type entry struct {
	session Session
	until   time.Time
}

// NewBook returns an empty book.
func NewBook(st sessions) *Book {
	entries, err := lru.New[string, entry](booked)
	if err != nil {
		panic(err) // only for a size below one
	}
	return &Book{store: st, entries: entries}
}

// Find returns the session, or fault.Unauthorized with the code session_ended
// when it has ended or is not the user's, and account_disabled when the user is.
func (b *Book) Find(ctx context.Context, id, userID string) (Session, error) {
	at := time.Now()
	b.mu.Lock()
	e, ok := b.entries.Get(id)
	epoch := b.epoch
	b.mu.Unlock()
	if ok && at.Before(e.until) {
		return e.session.of(userID)
	}
	u, proved, err := b.store.LivingSession(ctx, id, at)
	if fault.Is(err, fault.NotFound) {
		return Session{}, b.why(ctx, userID)
	}
	if err != nil {
		return Session{}, err
	}
	s := Session{ID: id, User: u, ProvedAt: proved}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.epoch == epoch {
		b.entries.Add(id, entry{s, at.Add(bookTTL)})
	}
	return s.of(userID)
}

// why tells the user of a session that is no more what happened.
func (b *Book) why(ctx context.Context, userID string) error {
	u, err := b.store.User(ctx, userID)
	switch {
	case fault.Is(err, fault.NotFound) || err == nil && u.DisabledAt != nil:
		return disabled
	case err != nil:
		return err
	}
	return ended
}

var disabled = &fault.Error{Kind: fault.Unauthorized, Op: "session.Find", Code: CodeDisabled, Msg: "this account no longer exists or is disabled"}

var ended = &fault.Error{Kind: fault.Unauthorized, Op: "session.Find", Code: CodeSession, Msg: "this login has ended; sign in again"}

func (s Session) of(userID string) (Session, error) {
	switch {
	case s.User.ID != userID:
		return Session{}, ended
	case s.User.DisabledAt != nil:
		return Session{}, disabled
	}
	return s, nil
}

// Forget drops what is remembered of a session.
func (b *Book) Forget(id string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.epoch++
	b.entries.Remove(id)
}

// ForgetUser drops what is remembered of all sessions of a user.
func (b *Book) ForgetUser(id string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.epoch++
	for _, key := range b.entries.Keys() {
		if e, ok := b.entries.Peek(key); ok && e.session.User.ID == id {
			b.entries.Remove(key)
		}
	}
}
