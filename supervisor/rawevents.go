package supervisor

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"

	"google.golang.org/protobuf/proto"

	workerv1 "whatsapp-manager/proto/worker/v1"
)

// rawEvents is whether an instance's events are to carry raw content, as the store said
// last. A worker hears it at its start and with every Ping.
type rawEvents struct {
	asking sync.Mutex // held from the question to the store until its answer is kept
	on     atomic.Bool
}

func (r *rawEvents) ping() *workerv1.PingRequest {
	return &workerv1.PingRequest{RawEvents: proto.Bool(r.on.Load())}
}

// FollowRawEvents says that it may have changed whether an instance's events are to carry
// raw content. It returns when a live worker knows. After an error, and in a manager that
// nobody tells, the worker knows within half a minute.
func (s *Supervisor) FollowRawEvents(ctx context.Context, id ID) error {
	const op = "supervisor.FollowRawEvents"
	i, err := s.instance(op, id)
	if err != nil {
		return err
	}
	if err := s.readRawEvents(ctx, i); err != nil {
		return fmt.Errorf("read whether events carry raw content: %w", err)
	}
	a := i.attachment()
	if a == nil {
		return nil // it hears it when it starts
	}
	ctx, cancel := context.WithTimeout(ctx, s.cfg.PingTimeout)
	defer cancel()
	if _, err := a.Worker.Ping(ctx, i.raw.ping()); err != nil {
		return fmt.Errorf("tell the worker whether events carry raw content: %w", err)
	}
	return nil
}

func (s *Supervisor) readRawEvents(ctx context.Context, i *instance) error {
	i.raw.asking.Lock()
	defer i.raw.asking.Unlock()
	s.mu.Lock()
	s.rawLooks++ // what findNew has read by now may be older than our answer
	s.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	on, err := s.store.RawEvents(ctx, i.id)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	i.raw.on.Store(on)
	return nil
}
