package signalcache

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"whatsapp-manager/worker/signalstore"
)

// abandonedAfter is how long others wait for a step whose message has no handler: its
// content is no message, and it is acknowledged all the same. A handler that only begins
// after that, on a machine that stood still, would record its event after the step.
const abandonedAfter = 10 * time.Second

// Step is what the decryption of one message changed. It is written with the event of
// the message, or after it. One at a time has no handler yet.
type Step struct {
	cache  *Cache
	locked *signalstore.Transaction
	origin any // the connection that the message came by
	rows   changes
	kept   *[32]byte     // the message whose text is in the event buffer
	passed chan struct{} // closed when it has a handler, or has ended

	// Guarded by the cache's mu.
	decrypted bool
	ended     bool // written or forgotten
}

type stepKey struct{}

// decrypt runs a decryption as one step. What an earlier one of the same connection left
// without a handler is written first.
func (c *Cache) decrypt(ctx context.Context, fn func(context.Context) error) error {
	s := &Step{cache: c, rows: changes{}, origin: c.origin(ctx), passed: make(chan struct{})}
	if err := c.open(ctx, s); err != nil {
		return err
	}
	ctx, s.locked = c.locks.Begin(ctx)
	whole := false
	defer func() {
		if !whole {
			s.Forget()
		}
	}()
	if err := fn(context.WithValue(ctx, stepKey{}, s)); err != nil {
		return err
	}
	if s.kept != nil {
		if err := s.Settle(ctx); err != nil {
			return err
		}
		c.mu.Lock()
		c.left[*s.kept] = true
		c.mu.Unlock()
		return nil
	}
	whole = true
	s.locked.Expire(c.Abandoned, s.Settle)
	c.mu.Lock()
	s.decrypted = true
	c.mu.Unlock()
	return nil
}

// open makes s the present step. It writes what the same connection left without a
// handler. A connection that was lost may be between a decryption and its handler, which
// is waited for.
func (c *Cache) open(ctx context.Context, s *Step) error {
	for {
		c.mu.Lock()
		before := c.step
		if before == nil {
			c.step = s
			c.mu.Unlock()
			return nil
		}
		orphaned := before.orphaned(s.origin)
		c.mu.Unlock()
		if orphaned {
			if err := before.Settle(ctx); err != nil {
				return err
			}
			continue
		}
		select {
		case <-before.passed:
		case <-time.After(c.Abandoned):
			c.mu.Lock()
			orphaned = before.orphaned(before.origin)
			c.mu.Unlock()
			if orphaned {
				if err := before.Settle(ctx); err != nil {
					return err
				}
			}
		case <-ctx.Done():
			return fmt.Errorf("wait for the message before: %w", context.Cause(ctx))
		}
	}
}

// orphaned reports whether the connection goes on without a handler for the step, which is
// the present one. The caller holds the cache's mu.
func (s *Step) orphaned(origin any) bool {
	return s.decrypted && s.cache.step == s && s.origin == origin
}

func (c *Cache) origin(ctx context.Context) any {
	if c.Origin == nil {
		return nil
	}
	return c.Origin(ctx)
}

// Adopt gives the open step to the handler of its message, which calls Settle or Forget.
// It returns nil when there is none; all methods accept that. From then on nobody else
// writes the step: a handler may outlive its connection, and the next one brings the
// message again, which waits for the locks of the step.
func (c *Cache) Adopt() *Step {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.step
	if s == nil || !s.decrypted || s.ended {
		return nil
	}
	s.pass()
	s.locked.Keep()
	return s
}

// Ride adds the step to the batch that records its message; see Cache.Ride.
func (s *Step) Ride(ctx context.Context, batch *pgx.Batch) (done func(error), err error) {
	return s.cache.ride(ctx, s, batch)
}

// Settle writes the step unless that has happened.
func (s *Step) Settle(ctx context.Context) error {
	if s == nil || s.over() {
		return nil
	}
	return s.cache.write(ctx, s)
}

// Forget takes the step back: the message will come again.
func (s *Step) Forget() {
	if s != nil && !s.over() {
		s.end()
	}
}

func (s *Step) over() bool {
	s.cache.mu.Lock()
	defer s.cache.mu.Unlock()
	return s.ended
}

func (s *Step) end() {
	c := s.cache
	c.mu.Lock()
	s.ended = true
	s.pass()
	c.mu.Unlock()
	s.locked.End()
}

// pass makes room for the next step. The caller holds the cache's mu.
func (s *Step) pass() {
	if s.cache.step == s {
		s.cache.step = nil
		close(s.passed)
	}
}
