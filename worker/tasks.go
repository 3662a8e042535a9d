package worker

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// tasks are the goroutines of a worker. All of them end with one context.
type tasks struct {
	ctx     context.Context
	stop    context.CancelFunc
	running sync.WaitGroup
	ended   atomic.Bool
}

func newTasks(ctx context.Context) *tasks {
	t := &tasks{}
	t.ctx, t.stop = context.WithCancel(ctx)
	return t
}

// Go runs fn in a goroutine.
func (t *tasks) Go(fn func(ctx context.Context)) {
	t.running.Go(func() {
		fn(t.ctx)
	})
}

// Stop ends the context and waits for the goroutines, but no longer than limit:
// whatsmeow may hang in a handshake.
func (t *tasks) Stop(limit time.Duration) {
	t.stop()
	ended := make(chan struct{})
	go func() {
		t.running.Wait()
		close(ended)
	}()
	select {
	case <-ended:
		t.ended.Store(true)
	case <-time.After(limit):
	}
}

// Ended reports whether Stop left nothing running.
func (t *tasks) Ended() bool { return t.ended.Load() }
