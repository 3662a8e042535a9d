package phone

import (
	"context"
	"fmt"

	waBinary "go.mau.fi/whatsmeow/binary"
)

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

// answered hands the answer of an iq to whoever waits for it. Answers do not go through the
// inbox, since what is handled there may wait for one.
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
