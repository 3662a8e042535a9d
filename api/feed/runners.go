package feed

import (
	"context"
	"sync"
	"time"

	"whatsapp-manager/proto/fault"
	"whatsapp-manager/supervisor/store"
)

// runners are the runners at work, one per enabled endpoint. The goroutine in
// Deliverer.Run owns it.
type runners struct {
	*Deliverer
	client  *httpClient
	running map[string]*handle
	unread  map[string]bool // endpoints that changed and whose row could not be read
	all     sync.WaitGroup
}

// handle is a runner at work.
type handle struct {
	updated time.Time // of the endpoint it works with
	cancel  context.CancelFunc
	done    chan struct{}
	redrive chan struct{}
}

func (s *runners) start(ctx context.Context, e store.Endpoint) {
	if !e.Enabled || e.Held {
		return
	}
	ctx, cancel := context.WithCancel(ctx)
	h := &handle{updated: e.UpdatedAt, cancel: cancel, done: make(chan struct{}), redrive: make(chan struct{}, 1)}
	s.running[e.ID] = h
	s.all.Go(func() {
		defer close(h.done)
		defer cancel()
		sub := s.wakers.Subscribe(e.Instance)
		defer sub.Close()
		r := &runner{
			endpoint: e, store: s.store, books: s.books, client: s.client, schedule: s.schedule, counters: s.counters, wake: sub.C(), redrive: h.redrive,
			log: s.log.With().Str("instance", string(e.Instance)).Str("endpoint", e.ID).Logger(),
		}
		r.run(ctx)
	})
}

// end returns when the endpoint's runner, if there is one, has saved how far
// it came: the next one begins there.
func (s *runners) end(id string) {
	if h := s.running[id]; h != nil {
		h.cancel()
		<-h.done
		delete(s.running, id)
	}
}

// reload ends an endpoint's runner and starts one with the row as it is now.
func (s *runners) reload(ctx context.Context, id string) {
	s.end(id)
	e, err := s.store.Endpoint(ctx, id)
	switch {
	case fault.Is(err, fault.NotFound):
		delete(s.unread, id)
		s.books.forget(id)
	case err != nil:
		s.unread[id] = true
	default:
		delete(s.unread, id)
		s.start(ctx, e)
	}
}

// refresh reads all endpoints and brings the runners in line; false when the
// store did not answer.
func (s *runners) refresh(ctx context.Context) bool {
	endpoints, err := s.store.AllEndpoints(ctx)
	if err != nil {
		if ctx.Err() == nil {
			s.log.Warn().Err(err).Msg("webhook delivery: read endpoints")
		}
		return false
	}
	rows := make(map[string]store.Endpoint, len(endpoints))
	for _, e := range endpoints {
		rows[e.ID] = e
	}
	// All at once: each may wait a moment for its posts under way.
	for id, h := range s.running {
		if e, ok := rows[id]; !ok || e.Held {
			h.cancel()
		}
	}
	for id, h := range s.running {
		if e, ok := rows[id]; !ok || e.Held {
			s.end(id)
			if !ok {
				s.books.forget(id)
			}
		} else if !e.UpdatedAt.Equal(h.updated) {
			s.reload(ctx, id)
		}
	}
	for _, e := range endpoints {
		if s.running[e.ID] == nil && !s.unread[e.ID] {
			s.start(ctx, e)
		}
	}
	return true
}

func (s *runners) redriven(id string) {
	if h := s.running[id]; h != nil {
		select {
		case h.redrive <- struct{}{}:
		default: // one look is enough
		}
	}
}
