package moves

import (
	"sync"
	"testing"
)

// journal is what a program told, in order.
type journal[T any] struct {
	mu   sync.Mutex
	all  []T
	more chan struct{} // closed when something is added
}

func newJournal[T any]() *journal[T] { return &journal[T]{more: make(chan struct{})} }

func (j *journal[T]) add(entry T) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.all = append(j.all, entry)
	close(j.more)
	j.more = make(chan struct{})
}

// await returns the first entry that fits, past or future.
func (j *journal[T]) await(t *testing.T, what string, fits func(T) bool) T {
	t.Helper()
	limit := deadline(t, patience)
	for seen := 0; ; {
		j.mu.Lock()
		all, more := j.all, j.more
		j.mu.Unlock()
		for _, entry := range all[seen:] {
			if fits(entry) {
				return entry
			}
		}
		seen = len(all)
		select {
		case <-more:
		case <-limit.Done():
			t.Fatalf("no %s; it told %+v", what, all)
		}
	}
}
