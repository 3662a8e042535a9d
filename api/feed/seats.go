package feed

import (
	"sync"
	"time"

	"whatsapp-manager/proto/fault"
	"whatsapp-manager/supervisor"
)

// What one instance may have at most, so that its key cannot take all
// descriptors or all deliveries of the others.
const (
	mostStreams  = 50
	mostWebhooks = 50
)

// seats counts the open streams of each instance.
type seats struct {
	mu    sync.Mutex
	taken map[supervisor.ID]int // guarded by mu
}

// take returns how to give the seat back; fault.RateLimited when all are taken.
func (s *seats) take(id supervisor.ID) (leave func(), err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.taken[id] >= mostStreams {
		return nil, &fault.Error{
			Kind: fault.RateLimited, Op: "feed.stream", Code: "stream_limit", RetryAfter: 5 * time.Second,
			Msg: "the instance has as many open streams as it may have",
		}
	}
	if s.taken == nil {
		s.taken = map[supervisor.ID]int{}
	}
	s.taken[id]++
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.taken[id]--; s.taken[id] == 0 {
			delete(s.taken, id)
		}
	}, nil
}
