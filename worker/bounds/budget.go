package bounds

import (
	"context"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"

	"whatsapp-manager/proto/fault"
)

const (
	op = "worker.bounds"
	// patience is how long a call waits for memory that others hold.
	patience   = 10 * time.Second
	retryAfter = 5 * time.Second
)

// Budget is memory, in bytes, that calls share. It is safe for concurrent use.
type Budget struct {
	size     int64
	free     *semaphore.Weighted
	patience time.Duration
}

// NewBudget returns a budget of size bytes.
func NewBudget(size int64) *Budget {
	return &Budget{size: size, free: semaphore.NewWeighted(size), patience: patience}
}

// Share returns the part of one call, which holds nothing yet. The caller releases it.
func (b *Budget) Share() *Share { return &Share{budget: b} }

// Share is what one call holds of a Budget. It is safe for concurrent use.
type Share struct {
	budget *Budget

	mu       sync.Mutex
	held     int64
	released bool
}

// Take adds n bytes, and waits until others release them if it has to. Errors are
// *fault.Error: TooLarge when the whole budget is smaller, RateLimited when the bytes do
// not become free in time.
func (s *Share) Take(ctx context.Context, n int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.released {
		return context.Canceled // the call is over, and its caller gone
	}
	b := s.budget
	if s.held+n > b.size {
		return &fault.Error{
			Kind: fault.TooLarge, Op: op, Code: "memory",
			Msg: fmt.Sprintf("this takes more than the %d bytes of memory that are available for files", b.size),
		}
	}
	if !b.free.TryAcquire(n) {
		waiting, cancel := context.WithTimeout(ctx, b.patience)
		defer cancel()
		if b.free.Acquire(waiting, n) != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			return &fault.Error{
				Kind: fault.RateLimited, Op: op, Code: "too_many_files",
				Msg: "too many files are on their way", RetryAfter: retryAfter,
			}
		}
	}
	s.held += n
	return nil
}

// Release gives everything back. Take fails afterwards.
func (s *Share) Release() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.budget.free.Release(s.held)
	s.held, s.released = 0, true
}
