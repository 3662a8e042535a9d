package localpg

import (
	"context"
	"fmt"
)

// Kill ends the cluster at once, as a crash would: the next start recovers
// from the write-ahead log and nothing committed is lost.
func (c *Cluster) Kill(ctx context.Context) error {
	if err := stopPostmaster(ctx, c.proc, immediate); err != nil {
		return fmt.Errorf("kill private postgres: %w", err)
	}
	return nil
}

// Release ends the watching of the postmaster, which lives on: for a manager
// that leaves. Exited is not closed after it, and Stop fails.
func (c *Cluster) Release() { c.proc.Release() }
