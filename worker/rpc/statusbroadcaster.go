package rpc

import (
	"context"
	"sync"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	workerv1 "whatsapp-manager/proto/worker/v1"
)

// StatusBroadcaster shows the present state of the worker to everybody who watches it:
// the link and the head of the feed. A watcher that is slow misses intermediate states,
// never the newest one, and holds nobody up. It is safe for concurrent use.
type StatusBroadcaster struct {
	heard func() time.Time // when WhatsApp last sent a byte

	mu       sync.Mutex
	link     *workerv1.Link // never changed once it is shown
	head     uint64
	linkNo   uint64 // counts links shown
	watchers map[chan struct{}]struct{}
}

// NewStatusBroadcaster returns the status of a worker that connects. heard says when
// WhatsApp last sent a byte, zero when it never did.
func NewStatusBroadcaster(heard func() time.Time) *StatusBroadcaster {
	return &StatusBroadcaster{
		heard:    heard,
		link:     &workerv1.Link{State: workerv1.LinkState_LINK_STATE_CONNECTING, Since: timestamppb.Now()},
		watchers: make(map[chan struct{}]struct{}),
	}
}

// Show makes link the present one. The caller must not change it afterwards.
func (s *StatusBroadcaster) Show(link *workerv1.Link) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if proto.Equal(link, s.link) {
		return
	}
	s.link = link
	s.linkNo++
	s.wake()
}

// Raise makes a new head of the feed known. A head that is not higher changes nothing.
func (s *StatusBroadcaster) Raise(head uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if head > s.head {
		s.head = head
		s.wake()
	}
}

func (s *StatusBroadcaster) wake() {
	for w := range s.watchers {
		select {
		case w <- struct{}{}:
		default:
		}
	}
}

// Present returns a copy of the link with the newest sign of life, and the feed's head.
func (s *StatusBroadcaster) Present() (*workerv1.Link, uint64) {
	link, head, _ := s.read()
	return link, head
}

func (s *StatusBroadcaster) read() (*workerv1.Link, uint64, uint64) {
	s.mu.Lock()
	link, head, no := s.link, s.head, s.linkNo
	s.mu.Unlock()
	link = proto.CloneOf(link)
	if at := s.heard(); !at.IsZero() {
		link.LastFrameAt = timestamppb.New(at)
	}
	return link, head, no
}

// watch sends the full present first and then each change, until ctx ends or
// send fails. Link is set only when it changed.
func (s *StatusBroadcaster) watch(ctx context.Context, send func(*workerv1.WatchResponse) error) error {
	wake := make(chan struct{}, 1)
	s.mu.Lock()
	s.watchers[wake] = struct{}{}
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		delete(s.watchers, wake)
		s.mu.Unlock()
	}()
	link, told, shown := s.read()
	if err := send(&workerv1.WatchResponse{Link: link, FeedHead: told}); err != nil {
		return err
	}
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-wake:
		}
		link, head, no := s.read()
		if no == shown && head == told {
			continue // what woke us was sent with the message before
		}
		if no == shown {
			link = nil
		}
		shown, told = no, head
		if err := send(&workerv1.WatchResponse{Link: link, FeedHead: head}); err != nil {
			return err
		}
	}
}
