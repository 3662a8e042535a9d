// Package backoff is the one rule for waiting between tries: each pause is twice
// the one before, up to a limit, and then spread at random by a quarter to both
// sides, so that many who failed together do not return together.
package backoff

import (
	"context"
	"time"

	library "github.com/cenkalti/backoff/v5"
)

// spread is the part of a pause by which it is shortened or lengthened at random.
const spread = 0.25

// Backoff counts the pauses of one loop. It belongs to one goroutine.
type Backoff struct{ pauses library.ExponentialBackOff }

// New returns a backoff whose pauses grow from first to longest, before they are
// spread. A first above longest is cut to longest.
func New(first, longest time.Duration) *Backoff {
	b := &Backoff{library.ExponentialBackOff{
		InitialInterval: min(first, longest), MaxInterval: longest, Multiplier: 2, RandomizationFactor: spread,
	}}
	b.pauses.Reset()
	return b
}

// Next returns the pause before the next try.
func (b *Backoff) Next() time.Duration { return b.pauses.NextBackOff() }

// Reset makes the next pause the first again, after a success.
func (b *Backoff) Reset() { b.pauses.Reset() }

// Wait sleeps the next pause. It returns the context's error when that ends first.
func (b *Backoff) Wait(ctx context.Context) error { return Sleep(ctx, b.Next()) }

// Sleep waits for the duration, or for the end of the context, whose error it
// then returns. A duration of zero or less only asks the context.
func Sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
