package signalstore

import (
	"context"
	"errors"
	"testing"
	"time"
)

// waits starts to take the session and makes sure that it is not given it.
func waits(ctx context.Context, t *testing.T, locks *Locks, address string) (given chan error) {
	t.Helper()
	given = make(chan error, 1)
	go func() { given <- locks.acquire(ctx, address) }()
	for {
		locks.mu.Lock()
		waiting := locks.changed != nil
		locks.mu.Unlock()
		if waiting {
			return given
		}
		select {
		case err := <-given:
			t.Fatalf("the session was given away although another owner holds it (%v)", err)
		case <-t.Context().Done():
			t.Fatal("nobody waits")
		case <-time.After(time.Millisecond):
		}
	}
}

func isGiven(t *testing.T, given chan error) {
	t.Helper()
	select {
	case err := <-given:
		if err != nil {
			t.Fatal(err)
		}
	case <-time.After(5 * time.Second):
		t.Fatal("the session is not given although nobody has it")
	}
}

func TestASenderKeepsItsSessionsUntilTheyAreWritten(t *testing.T) {
	locks := NewLocks()
	sender, other := t.Context(), context.WithoutCancel(t.Context())
	if err := locks.acquire(sender, "a", "b"); err != nil {
		t.Fatal(err)
	}
	given := waits(other, t, locks, "b")
	derived := context.WithValue(sender, transactionKey{}, nil) // what whatsmeow writes with
	if !locks.holds(derived, "a") {
		t.Error("a sender does not hold what it has read")
	}
	locks.release(derived, "a") // b was not changed, so it is not written
	isGiven(t, given)
	if locks.holds(sender, "b") {
		t.Error("a session is held by two")
	}
}

func TestATransactionKeepsItsSessionsUntilItEnds(t *testing.T) {
	locks := NewLocks()
	ctx, own := locks.Begin(t.Context())
	for range 2 { // it may read again what it has read
		if err := locks.acquire(ctx, "a"); err != nil {
			t.Fatal(err)
		}
	}
	given := waits(t.Context(), t, locks, "a")
	locks.release(ctx, "a")
	select {
	case <-given:
		t.Error("a session was given away before its change was committed")
	case <-time.After(20 * time.Millisecond):
	}
	own.End()
	isGiven(t, given)
}

func TestWhoWaitsEndsATransactionThatWasLeft(t *testing.T) {
	locks := NewLocks()
	ctx, own := locks.Begin(t.Context())
	if err := locks.acquire(ctx, "a"); err != nil {
		t.Fatal(err)
	}
	own.Expire(10*time.Millisecond, func(context.Context) error { own.End(); return nil })
	if err := locks.acquire(t.Context(), "a"); err != nil {
		t.Fatal(err)
	}
	refused := errors.New("not written")
	ctx, own = locks.Begin(t.Context())
	if err := locks.acquire(ctx, "b"); err != nil {
		t.Fatal(err)
	}
	own.Expire(0, func(context.Context) error { return refused })
	if err := locks.acquire(t.Context(), "b"); !errors.Is(err, refused) {
		t.Errorf("a session whose change was not written was given away: %v", err)
	}
	own.Keep()
	given := waits(t.Context(), t, locks, "b")
	own.End()
	isGiven(t, given)
}

func TestTheEndOfASenderFreesItsSessions(t *testing.T) {
	locks := NewLocks()
	sender, end := context.WithCancel(t.Context())
	if err := locks.acquire(sender, "a"); err != nil {
		t.Fatal(err)
	}
	given := waits(t.Context(), t, locks, "a")
	end()
	isGiven(t, given)
}

func TestWhoTookTooLongMayNotWrite(t *testing.T) {
	locks := NewLocks()
	sender, end := context.WithCancel(t.Context())
	defer end()
	if err := locks.acquire(sender, "a"); err != nil {
		t.Fatal(err)
	}
	locks.held["a"].until = time.Now().Add(time.Millisecond)
	if err := locks.acquire(t.Context(), "a"); err != nil {
		t.Fatal(err)
	}
	if locks.holds(sender, "a") {
		t.Error("two may write the same session")
	}
}

func TestWaitingForASessionEndsWithItsContext(t *testing.T) {
	locks := NewLocks()
	if err := locks.acquire(t.Context(), "a"); err != nil {
		t.Fatal(err)
	}
	waiter, end := context.WithCancel(t.Context())
	given := waits(waiter, t, locks, "a")
	end()
	if err := <-given; err == nil {
		t.Error("the session was given away although another owner holds it")
	}
}
