package rpc

import (
	"context"
	"testing"
	"time"

	workerv1 "whatsapp-manager/proto/worker/v1"
)

func TestSlowWatcherHoldsNobodyUp(t *testing.T) {
	heard := time.Unix(1700000000, 0)
	s := NewStatusBroadcaster(func() time.Time { return heard })
	ctx, cancel := context.WithCancel(context.Background())
	got := make(chan *workerv1.WatchResponse)
	ended := make(chan error, 1)
	go func() {
		ended <- s.watch(ctx, func(r *workerv1.WatchResponse) error {
			select {
			case got <- r:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		})
	}()
	first := <-got
	if first.GetLink() == nil || !first.GetLink().GetLastFrameAt().AsTime().Equal(heard) {
		t.Errorf("first message: %v", first)
	}
	// Nobody takes the next message while a thousand changes happen.
	for n := range uint64(1000) {
		s.Raise(n + 1)
		s.Show(&workerv1.Link{State: workerv1.LinkState_LINK_STATE_ONLINE, Device: uint32(n)})
	}
	var last *workerv1.Link
	for last.GetDevice() != 999 {
		msg := <-got
		if msg.GetLink() != nil {
			last = msg.GetLink()
		}
	}
	s.Raise(1001)
	if msg := <-got; msg.GetLink() != nil || msg.GetFeedHead() != 1001 {
		t.Errorf("a new head alone: %v", msg)
	}
	s.Raise(7)
	if _, head := s.Present(); head != 1001 {
		t.Errorf("the head fell to %d", head)
	}
	cancel()
	<-ended
	if len(s.watchers) != 0 {
		t.Error("the watcher is still registered")
	}
}
