// Package mailbox is a queue between goroutines that never blocks the sender.
package mailbox

import "sync"

// Mailbox is a queue that never blocks the sender: a report of whatsmeow's receive loop
// must not wait for a receiver that itself waits for the receive loop. Any number of
// goroutines may send; one receives.
type Mailbox[T any] struct {
	mu    sync.Mutex
	items []T
	wake  chan struct{} // capacity 1
}

// New returns an empty mailbox.
func New[T any]() *Mailbox[T] { return &Mailbox[T]{wake: make(chan struct{}, 1)} }

// Put adds an item.
func (m *Mailbox[T]) Put(item T) {
	m.mu.Lock()
	m.items = append(m.items, item)
	m.mu.Unlock()
	select {
	case m.wake <- struct{}{}:
	default:
	}
}

// Wake has a value after a Put. One value may stand for many items.
func (m *Mailbox[T]) Wake() <-chan struct{} { return m.wake }

// Take empties the mailbox and returns its items, oldest first.
func (m *Mailbox[T]) Take() []T {
	m.mu.Lock()
	defer m.mu.Unlock()
	items := m.items
	m.items = nil
	return items
}
