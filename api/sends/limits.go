package sends

import (
	"slices"
	"sync"
	"time"

	"whatsapp-manager/supervisor"
)

// limits keeps each instance at its number of sends in any 60 seconds. It is a
// sliding window and not a bucket, because "20 a minute" should never mean 40 in
// the first minute. The windows are in memory; a new manager begins with empty ones.
type limits struct {
	mu      sync.Mutex
	windows map[supervisor.ID][]time.Time // guarded by mu; ascending
}

func newLimits() *limits { return &limits{windows: map[supervisor.ID][]time.Time{}} }

// take books one send at now. It returns how to give its place back, or how long
// to wait when the minute is full. A perMinute of 0 means no limit.
func (l *limits) take(id supervisor.ID, perMinute int, now time.Time) (giveBack func(), wait time.Duration) {
	if perMinute <= 0 {
		return func() {}, 0
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	window := l.windows[id]
	begin := now.Add(-time.Minute)
	first := 0
	for first < len(window) && !window[first].After(begin) {
		first++
	}
	window = slices.Delete(window, 0, first)
	if len(window) >= perMinute {
		l.windows[id] = window
		return func() {}, window[len(window)-perMinute].Sub(begin)
	}
	l.windows[id] = append(window, now)
	return func() { l.giveBack(id, now) }, 0
}

func (l *limits) giveBack(id supervisor.ID, at time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if i := slices.Index(l.windows[id], at); i >= 0 {
		l.windows[id] = slices.Delete(l.windows[id], i, i+1)
	}
}

// forget drops the window of an instance that is gone.
func (l *limits) forget(id supervisor.ID) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.windows, id)
}
