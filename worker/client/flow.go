package client

import (
	"slices"
	"sync"
	"time"

	waBinary "go.mau.fi/whatsmeow/binary"
)

// whatsmeow reads as fast as WhatsApp sends and queues 2048 stanzas for its handler.
// Stanzas beyond these are queued in no order. So the socket is not read while many
// wait: the rest stays with WhatsApp, in order.
const (
	flowFull = 1024 // stanzas that are read from the socket, but not decoded yet, come on top
	flowLow  = 512
)

// flow counts the stanzas of one connection that wait for the handler. Stanzas are
// handled in order: once one is handled, all earlier ones are too.
type flow struct {
	patience time.Duration // how long nothing may be handled until the count is considered wrong

	mu      sync.Mutex
	waiting []stanza      // guarded by mu
	low     chan struct{} // guarded by mu; closed when a full flow has room again, nil while it is not full
	held    time.Time     // guarded by mu; when the flow was last full
}

// stanza names a stanza that WhatsApp expects an answer to.
type stanza struct{ tag, id string }

// arrived counts a stanza that is about to be queued.
func (q *flow) arrived(n *waBinary.Node) {
	switch n.Tag {
	case "message", "receipt", "notification", "call":
	default:
		return // never answered, and too cheap to pile up
	}
	id, _ := n.Attrs["id"].(string)
	q.mu.Lock()
	defer q.mu.Unlock()
	q.waiting = append(q.waiting, stanza{n.Tag, id})
	if len(q.waiting) >= flowFull && q.low == nil {
		q.low = make(chan struct{})
	}
}

// answered is told of each stanza that is sent to WhatsApp. An answer is a sign that a
// stanza has been handled.
func (q *flow) answered(n *waBinary.Node) {
	id, _ := n.Attrs["id"].(string)
	switch n.Tag {
	case "ack":
		class, _ := n.Attrs["class"].(string)
		q.handled(stanza{class, id})
	case "receipt":
		q.handled(stanza{"message", id})
	}
}

func (q *flow) handled(s stanza) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if at := slices.Index(q.waiting, s); at >= 0 {
		q.waiting = q.waiting[at+1:]
	}
	if q.low != nil && len(q.waiting) <= flowLow {
		q.reopen()
	}
}

// reopen requires mu, and that the flow is full.
func (q *flow) reopen() {
	close(q.low)
	q.low = nil
	q.held = time.Now()
}

// waitForRoom waits until there is room for more stanzas, or until closed is closed,
// and reports whether it had to wait.
func (q *flow) waitForRoom(closed <-chan struct{}) (waited bool) {
	q.mu.Lock()
	low := q.low
	q.mu.Unlock()
	if low == nil {
		return false
	}
	for {
		before := q.count()
		timer := time.NewTimer(q.patience)
		select {
		case <-low:
			timer.Stop()
			return true
		case <-closed:
			timer.Stop()
			return true
		case <-timer.C:
			q.giveUp(before)
		}
	}
}

func (q *flow) count() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.waiting)
}

// giveUp starts to count anew when as many stanzas wait as before: one of them got no
// answer that is known here.
func (q *flow) giveUp(before int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.low != nil && len(q.waiting) == before {
		q.waiting = nil
		q.reopen()
	}
}

// heldWithin reports whether the flow is full or was full within d, so that bytes may
// still wait to be read.
func (q *flow) heldWithin(d time.Duration) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.low != nil || time.Since(q.held) < d
}
