package worker

import (
	"context"
	"sync"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	workerv1 "whatsapp-manager/proto/worker/v1"
)

// board shows the present to whoever watches. A watcher that is slow misses
// intermediate states, never the newest one, and holds nobody up.
type board struct {
	frames func() time.Time // when WhatsApp was last heard

	mu       sync.Mutex
	link     *workerv1.Link // never changed once shown
	head     uint64
	linkNo   uint64 // counts links shown
	watchers map[chan struct{}]struct{}
}

func newBoard(frames func() time.Time) *board {
	return &board{
		frames:   frames,
		link:     &workerv1.Link{State: workerv1.LinkState_LINK_STATE_CONNECTING, Since: timestamppb.Now()},
		watchers: make(map[chan struct{}]struct{}),
	}
}

// show makes link the present one; the caller gives it away.
func (b *board) show(link *workerv1.Link) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if proto.Equal(link, b.link) {
		return
	}
	b.link = link
	b.linkNo++
	b.wake()
}

func (b *board) raise(head uint64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if head > b.head {
		b.head = head
		b.wake()
	}
}

func (b *board) wake() {
	for w := range b.watchers {
		select {
		case w <- struct{}{}:
		default:
		}
	}
}

// present returns the link as it is now, a copy with the newest sign of life, and the feed's head.
func (b *board) present() (*workerv1.Link, uint64) {
	link, head, _ := b.look()
	return link, head
}

func (b *board) look() (*workerv1.Link, uint64, uint64) {
	b.mu.Lock()
	link, head, no := b.link, b.head, b.linkNo
	b.mu.Unlock()
	link = proto.CloneOf(link)
	if at := b.frames(); !at.IsZero() {
		link.LastFrameAt = timestamppb.New(at)
	}
	return link, head, no
}

// watch sends the full present first and then each change, until ctx ends or
// send fails. Link is set only when it changed.
func (b *board) watch(ctx context.Context, send func(*workerv1.WatchResponse) error) error {
	wake := make(chan struct{}, 1)
	b.mu.Lock()
	b.watchers[wake] = struct{}{}
	b.mu.Unlock()
	defer func() {
		b.mu.Lock()
		delete(b.watchers, wake)
		b.mu.Unlock()
	}()
	link, told, shown := b.look()
	if err := send(&workerv1.WatchResponse{Link: link, FeedHead: told}); err != nil {
		return err
	}
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-wake:
		}
		link, head, no := b.look()
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
