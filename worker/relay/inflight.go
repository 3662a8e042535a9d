package relay

import (
	"context"
	"sync"
)

// inFlight are the message ids under which calls run. A manager that was killed
// leaves its call running; the next one repeats it under the same id, and has to
// wait for its end to see whether it sent. The zero value is empty.
type inFlight struct {
	mu  sync.Mutex
	ids map[string]chan struct{} // guarded by mu; closed when the call has ended
}

// enter waits until no other call runs under the id. Leave ends this one's turn.
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

// lasting keeps the time that a call has, but not that its caller may go away.
func lasting(ctx context.Context) (context.Context, context.CancelFunc) {
	until, ok := ctx.Deadline()
	if ctx = context.WithoutCancel(ctx); ok {
		return context.WithDeadline(ctx, until)
	}
	return context.WithCancel(ctx)
}
