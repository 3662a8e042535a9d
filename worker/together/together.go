// Package together runs functions at the same time for one call. Their panics come back
// as errors: a recover in the caller cannot see the panics of other goroutines, and no
// call may end a worker.
package together

import (
	"context"
	"fmt"
	"runtime/debug"

	"golang.org/x/sync/errgroup"
)

// Do runs all functions and waits for them. It returns the first error. The context that
// the functions get ends with that error.
func Do(ctx context.Context, all ...func(context.Context) error) error {
	group, ctx := errgroup.WithContext(ctx)
	for _, do := range all {
		group.Go(func() (err error) {
			defer func() {
				if v := recover(); v != nil {
					// The value may quote what the caller sent; its type and the stack do not.
					err = fmt.Errorf("panic of %T\n%s", v, debug.Stack())
				}
			}()
			return do(ctx)
		})
	}
	return group.Wait()
}
