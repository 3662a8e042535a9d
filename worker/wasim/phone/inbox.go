package phone

import (
	"context"
	"fmt"
	"sync"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"
)

// inbox is the queue of what the phone has yet to handle. A goroutine drains it while it has
// work and ends when it is empty, so an idle phone costs none; Close waits for it.
type inbox struct {
	mu       sync.Mutex
	queue    []func(context.Context)
	draining chan struct{} // closed when the present drain ends; nil when idle
	ctx      context.Context
	cancel   context.CancelFunc
	closed   bool
}

func (b *inbox) put(job func(context.Context)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return
	}
	b.queue = append(b.queue, job)
	if b.draining == nil {
		if b.ctx == nil {
			b.ctx, b.cancel = context.WithCancel(context.Background())
		}
		b.draining = make(chan struct{})
		go b.drain(b.ctx, b.draining)
	}
}

func (b *inbox) drain(ctx context.Context, done chan struct{}) {
	defer close(done)
	for {
		b.mu.Lock()
		if len(b.queue) == 0 || b.closed {
			b.queue, b.draining = nil, nil
			b.mu.Unlock()
			return
		}
		batch := b.queue
		b.queue = nil
		b.mu.Unlock()
		for _, job := range batch {
			if ctx.Err() != nil {
				break
			}
			job(ctx)
		}
	}
}

// Receive takes a stanza that the server delivers to device 0: message, receipt,
// notification, ack or the answer to an iq the phone sent. It queues and returns; stanzas are
// handled one at a time in the order of the calls. After Close they are dropped. It keeps the
// node, which must not be changed afterwards.
func (p *Phone) Receive(node waBinary.Node) {
	if node.Tag == "iq" {
		p.answered(node)
		return
	}
	p.inbox.put(func(ctx context.Context) { p.handle(ctx, node) })
}

// CompanionOnline tells the phone that a companion has announced itself active. At its first
// login the phone sends it the bootstrap: app-state keys, history, push names. It returns at
// once; the peer messages follow through Network.Send.
func (p *Phone) CompanionOnline(device types.JID, first bool) {
	if !first {
		return
	}
	p.inbox.put(func(ctx context.Context) { p.bootstrapCompanion(ctx, device) })
}

// Wait returns when everything received so far has been handled, or when ctx ends.
func (p *Phone) Wait(ctx context.Context) error {
	for {
		p.inbox.mu.Lock()
		done := p.inbox.draining
		p.inbox.mu.Unlock()
		if done == nil {
			return nil
		}
		select {
		case <-done:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Close drops what is queued, lets the stanza being handled finish and returns when no
// goroutine of this phone is left. The creator of the phone calls it once nothing is delivered
// to the phone any more. A subscriber or an AutoReply function must not call it.
func (p *Phone) Close() {
	b := &p.inbox
	b.mu.Lock()
	b.closed = true
	done := b.draining
	if b.cancel != nil {
		b.cancel()
	}
	b.mu.Unlock()
	if done != nil {
		<-done
	}
}

// request sends an iq and waits for its answer.
func (p *Phone) request(ctx context.Context, attrs waBinary.Attrs, child waBinary.Node) (waBinary.Node, error) {
	id := newID()
	attrs["id"] = id
	answer := make(chan waBinary.Node, 1)
	p.mu.Lock()
	if p.answers == nil {
		p.answers = make(map[string]chan waBinary.Node)
	}
	p.answers[id] = answer
	p.mu.Unlock()
	defer func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.answers, id)
	}()
	p.net.Send(p.lid, waBinary.Node{Tag: "iq", Attrs: attrs, Content: []waBinary.Node{child}})
	select {
	case node := <-answer:
		return node, nil
	case <-ctx.Done():
		return waBinary.Node{}, fmt.Errorf("wait for the answer to an iq: %w", ctx.Err())
	}
}

// answered hands the answer of an iq to the request that waits for it. Answers do not go
// through the inbox, because a job of the inbox may wait for one.
func (p *Phone) answered(node waBinary.Node) {
	p.mu.Lock()
	waiting := p.answers[attr(node, "id")]
	p.mu.Unlock()
	if waiting != nil {
		select {
		case waiting <- node:
		default: // answered already
		}
	}
}
