package worker

import (
	"slices"
	"sync"
	"time"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types/events"
)

// whatsmeow reads as fast as WhatsApp sends and queues 2048 stanzas for its
// handler; what does not fit it queues in no order. So the socket is not read
// while many wait: the rest stays with WhatsApp, in order.
const (
	intakeFull = 1024 // what has been read from the socket, but not decoded yet, comes on top
	intakeLow  = 512
)

// intake counts the stanzas of one connection that wait for the handler. They
// are handled one at a time and in order, so that whatever is known to be handled
// has everything before it behind itself as well.
type intake struct {
	patience time.Duration // how long nothing may be handled before the count is taken for wrong

	mu      sync.Mutex
	waiting []stanza      // guarded by mu
	low     chan struct{} // guarded by mu; closed when a full intake has room again, nil while it is not full
	held    time.Time     // guarded by mu; when it last was full
}

// stanza names one that WhatsApp expects an answer to.
type stanza struct{ tag, id string }

// arrived counts a stanza that is about to be queued.
func (q *intake) arrived(n *waBinary.Node) {
	switch n.Tag {
	case "message", "receipt", "notification", "call":
	default:
		return // never answered, and too cheap to pile up
	}
	id, _ := n.Attrs["id"].(string)
	q.mu.Lock()
	defer q.mu.Unlock()
	q.waiting = append(q.waiting, stanza{n.Tag, id})
	if len(q.waiting) >= intakeFull && q.low == nil {
		q.low = make(chan struct{})
	}
}

// answered is told what is sent to WhatsApp, of which answers are a sign that a
// stanza has been handled.
func (q *intake) answered(n *waBinary.Node) {
	id, _ := n.Attrs["id"].(string)
	switch n.Tag {
	case "ack":
		class, _ := n.Attrs["class"].(string)
		q.handled(stanza{class, id})
	case "receipt":
		q.handled(stanza{"message", id})
	}
}

func (q *intake) handled(s stanza) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if at := slices.Index(q.waiting, s); at >= 0 {
		q.waiting = q.waiting[at+1:]
	}
	if q.low != nil && len(q.waiting) <= intakeLow {
		q.reopen()
	}
}

// reopen requires mu, and that the intake is full.
func (q *intake) reopen() {
	close(q.low)
	q.low = nil
	q.held = time.Now()
}

// room waits until there is room for more, or closed is, and tells whether it had to.
func (q *intake) room(closed <-chan struct{}) (waited bool) {
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

func (q *intake) count() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.waiting)
}

// giveUp starts counting anew when nothing has been handled since there were
// before: a stanza got no answer that is known here.
func (q *intake) giveUp(before int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.low != nil && len(q.waiting) == before {
		q.waiting = nil
		q.reopen()
	}
}

// holds tells whether it is full or was within d, so that what was to be read
// may still wait.
func (q *intake) holds(d time.Duration) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.low != nil || time.Since(q.held) < d
}

// saw is told what whatsmeow reads and sends.
func (s *session) saw(n *waBinary.Node, out bool) {
	q := s.intake.Load()
	switch {
	case q == nil:
	case out:
		q.answered(n)
	default:
		q.arrived(n)
	}
}

// handled says that whatsmeow's handler has come to an event's end, whatever
// became of it.
func (s *session) handled(evt any) {
	q := s.intake.Load()
	if q == nil {
		return
	}
	switch e := evt.(type) {
	case *events.Message:
		q.handled(stanza{"message", e.Info.ID})
	case *events.UndecryptableMessage:
		q.handled(stanza{"message", e.Info.ID})
	case *events.Receipt:
		if len(e.MessageIDs) > 0 {
			q.handled(stanza{"receipt", e.MessageIDs[0]})
		}
	}
}

// heldBack tells whether the connection was not read all the time within d.
func (s *session) heldBack(d time.Duration) bool {
	if s == nil {
		return false
	}
	q := s.intake.Load()
	return q != nil && q.holds(d)
}
