// Package wallclock tells when the machine's clock may be believed by whoever
// deletes things for their age. While a clock is ahead everything looks old, and
// what was deleted then does not come back with the right time.
package wallclock

import (
	"sync"
	"time"
)

// Settled is how long a clock has to run evenly until it is believed. A manager
// that was started under a wrong one cannot know; after this long somebody does.
const Settled = time.Hour

// jump is more than any slewing makes up between two looks.
const jump = time.Minute

// Watch watches the clock. Its methods are safe for concurrent use.
type Watch struct {
	began time.Time // with its monotonic reading

	mu    sync.Mutex
	ahead time.Duration // guarded by mu; of the wall clock against the monotonic one since began
	since time.Duration // guarded by mu; when that last changed, in monotonic time since began
}

// New begins to watch.
func New() *Watch { return &Watch{began: time.Now()} }

// Steady reports whether the clock was not set for as long as Settled, as far as
// this and earlier calls can see.
func (w *Watch) Steady() bool {
	now := time.Now()
	return w.look(now.Sub(w.began), now.Round(0).Sub(w.began.Round(0)))
}

// look takes what has passed by the two clocks.
func (w *Watch) look(mono, wall time.Duration) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if ahead := wall - mono; (ahead - w.ahead).Abs() > jump {
		w.ahead, w.since = ahead, mono
	}
	return mono-w.since >= Settled
}
