package supervisor

import "sync"

// Subscription wakes its owner when a Status changed, its figures (memory, CPU)
// excepted. Wake-ups are coalesced and carry nothing; the owner reads what it
// needs. Many changes may be one wake-up, never none.
type Subscription struct {
	c   chan struct{} // written by Publish, read by the owner
	hub *Hub
	id  ID
}

// C receives once or more after each change.
func (s *Subscription) C() <-chan struct{} { return s.c }

// Close ends the subscription; C is not closed. Further calls do nothing.
func (s *Subscription) Close() {
	s.hub.mu.Lock()
	defer s.hub.mu.Unlock()
	delete(s.hub.subs[s.id], s)
	if len(s.hub.subs[s.id]) == 0 {
		delete(s.hub.subs, s.id)
	}
}

// Hub wakes those who want to hear of an instance; "" is all of them. The zero
// value is ready. A Supervisor has one of its own.
type Hub struct {
	mu   sync.Mutex
	subs map[ID]map[*Subscription]struct{} // guarded by mu
}

// Subscribe returns a subscription to one instance; its owner closes it.
func (h *Hub) Subscribe(id ID) *Subscription {
	s := &Subscription{c: make(chan struct{}, 1), hub: h, id: id}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.subs == nil {
		h.subs = make(map[ID]map[*Subscription]struct{})
	}
	if h.subs[id] == nil {
		h.subs[id] = make(map[*Subscription]struct{})
	}
	h.subs[id][s] = struct{}{}
	return s
}

// Publish wakes the subscribers of an instance. It never blocks.
func (h *Hub) Publish(id ID) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, key := range [...]ID{id, ""} {
		for s := range h.subs[key] {
			select {
			case s.c <- struct{}{}:
			default: // a wake-up is waiting already
			}
		}
	}
}
