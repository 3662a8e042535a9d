package relay

import (
	"context"
	"sync"
)

// inFlight is the set of message ids under which calls run. A manager that was
// killed leaves its call running. The next manager repeats the call under the same
// id, and has to wait for the end of the first to see whether it sent. The zero
// value is empty.
type inFlight struct {
	mu  sync.Mutex
	ids map[string]chan struct{} // guarded by mu; closed when the call has ended
}

// enter waits until no other call runs under the id. Leave says that this one has ended.
func (f *inFlight) enter(ctx context.Context, id string) (leave func(), err error) {
	for {
		f.mu.Lock()
		other, busy := f.ids[id]
		if !busy {
			if f.ids == nil {
				f.ids = make(map[string]chan struct{})
			}
			ended := make(chan struct{})
			f.ids[id] = ended
			f.mu.Unlock()
			return func() {
				f.mu.Lock()
				defer f.mu.Unlock()
				delete(f.ids, id)
				close(ended)
			}, nil
		}
		f.mu.Unlock()
		select {
		case <-other:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// lasting keeps the deadline of a call, but does not end when its caller goes away.
func lasting(ctx context.Context) (context.Context, context.CancelFunc) {
	until, ok := ctx.Deadline()
	if ctx = context.WithoutCancel(ctx); ok {
		return context.WithDeadline(ctx, until)
	}
	return context.WithCancel(ctx)
}
