package signalcache

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"whatsapp-manager/worker/signalstore"
)

// abandonedAfter is how long a step waits for the handler of its message. A message
// without a handler (its content is no message) is acknowledged all the same.
const abandonedAfter = time.Second

// Step is what the decryption of one message changed. It is written with the event of
// the message, or after it.
type Step struct {
	cache  *Cache
	locked *signalstore.Transaction
	rows   changes
	kept   *[32]byte // the message whose text is in the event buffer
	ended  bool      // written or forgotten; guarded by the cache's mu
}

type stepKey struct{}

// decrypt runs a decryption as one step. What an earlier one left without a handler is
// written first.
func (c *Cache) decrypt(ctx context.Context, fn func(context.Context) error) error {
	c.mu.Lock()
	left := c.step
	c.mu.Unlock()
	if left != nil {
		if err := left.Settle(ctx); err != nil {
			return err
		}
	}
	s := &Step{cache: c, rows: changes{}}
	ctx, s.locked = c.locks.Begin(ctx)
	if err := fn(context.WithValue(ctx, stepKey{}, s)); err != nil {
		s.Forget()
		return err
	}
	if s.kept != nil {
		err := s.Settle(ctx)
		if err == nil {
			c.mu.Lock()
			c.left[*s.kept] = true
			c.mu.Unlock()
		} else {
			s.Forget()
		}
		return err
	}
	c.mu.Lock()
	c.step = s
	c.mu.Unlock()
	s.locked.Expire(abandonedAfter, s.Settle)
	return nil
}

// Adopt gives the open step to the handler of its message, which calls Settle or Forget.
// It returns nil when there is none; all methods accept that. From then on nobody else
// writes the step: a handler may outlive its connection, and the next one brings the
// message again, which waits for the locks of the step.
func (c *Cache) Adopt() *Step {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.step
	if s == nil || s.ended {
		return nil
	}
	c.step = nil
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
	if c.step == s {
		c.step = nil
	}
	c.mu.Unlock()
	s.locked.End()
}
