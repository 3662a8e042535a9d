package connlimit

import (
	"container/list"
	"context"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// headStart is how much longer a stranger's request may take than a connection waits, before it goes first.
const headStart = 2 * time.Second

// House knows all connections of a server. It is safe for use at the same time.
type House struct {
	limits Limits
	ending atomic.Bool // nobody is waited for any more

	mu      sync.Mutex
	open    int                     // guarded by mu; without those in spare seats
	of      map[netip.Addr]*address // guarded by mu
	waiting list.List               // guarded by mu; of *Conn, the one that waits longest first
	strange list.List               // guarded by mu; the same for strangers that are being answered
	owners  map[string]int          // guarded by mu; requests under way of each who is known
	spares  list.List               // guarded by mu; those in spare seats, the oldest first
	counts  Counts                  // guarded by mu
}

// address is the connections from one network.
type address struct {
	open    int
	waiting list.List
	strange list.List
	asking  int // requests under way that came through a proxy
}

// Counts are what happened so far, but for Open.
type Counts struct {
	Open    int // now
	Evicted int // closed to make room
	Refused int // taken into a spare seat and told that there is no room
}

// New returns a house without connections. It fails only when the limit of
// descriptors cannot be asked for.
func New(limits Limits) (*House, error) {
	limits, err := limits.complete()
	if err != nil {
		return nil, err
	}
	return &House{limits: limits, of: map[netip.Addr]*address{}, owners: map[string]int{}}, nil
}

// Limits returns the limits in force.
func (h *House) Limits() Limits { return h.limits }

// Counts returns what happened so far.
func (h *House) Counts() Counts {
	h.mu.Lock()
	defer h.mu.Unlock()
	c := h.counts
	c.Open = h.open + h.spares.Len()
	return c
}

// End lets connections be closed at once from now on, whatever their clients send.
func (h *House) End() { h.ending.Store(true) }

// Listen returns a listener whose connections count here. It closes with l.
func (h *House) Listen(l net.Listener) net.Listener { return &listener{l, h} }

type listener struct {
	net.Listener
	house *House
}

func (l *listener) Accept() (net.Conn, error) {
	raw, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	c := &Conn{Conn: raw, house: l.house}
	if ap, err := netip.ParseAddrPort(raw.RemoteAddr().String()); err == nil {
		c.from = ap.Addr().Unmap()
	}
	for _, gone := range l.house.admit(c) {
		// Its own goroutine finds out when it reads or writes.
		_ = gone.Conn.Close()
	}
	return c, nil
}

// admit gives c a seat and returns the connections that have to go for it.
func (h *House) admit(c *Conn) (gone []*Conn) {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := time.Now()
	c.since = now
	at := h.at(Network(c.from))
	exempt := h.limits.trusts(c.from)
	if !exempt && at.open >= h.limits.PerAddress {
		if out := oldest(&at.waiting, &at.strange); out != nil {
			gone = append(gone, h.evict(out))
		} else {
			return append(gone, h.seatSpare(c)...)
		}
	}
	if h.open >= h.limits.All {
		if out := oldest(&h.waiting, &h.strange); out != nil {
			gone = append(gone, h.evict(out))
		} else {
			return append(gone, h.seatSpare(c)...)
		}
	}
	h.open++
	at = h.at(Network(c.from)) // an eviction may have emptied it
	at.open++
	c.address, c.counted = at, true
	h.wait(c, now)
	return gone
}

// at needs mu.
func (h *House) at(network netip.Addr) *address {
	a := h.of[network]
	if a == nil {
		a = &address{}
		h.of[network] = a
	}
	return a
}

// seatSpare needs mu.
func (h *House) seatSpare(c *Conn) (gone []*Conn) {
	if h.spares.Len() >= spare {
		gone = append(gone, h.evict(h.spares.Front().Value.(*Conn)))
	}
	h.counts.Refused++
	c.spare = true
	c.inAll = h.spares.PushBack(c)
	c.all = &h.spares
	h.tidy(Network(c.from))
	return gone
}

// oldest returns who has been of least use, nil when nobody may go.
func oldest(waiting, strange *list.List) *Conn {
	w, s := waiting.Front(), strange.Front()
	switch {
	case w == nil && s == nil:
		return nil
	case w == nil:
		return s.Value.(*Conn)
	case s == nil:
		return w.Value.(*Conn)
	}
	one, other := w.Value.(*Conn), s.Value.(*Conn)
	if other.since.Add(headStart).Before(one.since) {
		return other
	}
	return one
}

// evict needs mu. The caller closes the connection.
func (h *House) evict(c *Conn) *Conn {
	h.counts.Evicted++
	c.evicted = true
	h.leave(c)
	return c
}

// leave needs mu. It forgets the connection; twice is no harm.
func (h *House) leave(c *Conn) {
	h.unlist(c)
	h.unown(c)
	if c.counted {
		c.counted = false
		h.open--
		c.address.open--
	}
	h.tidy(Network(c.from))
}

// tidy needs mu.
func (h *House) tidy(network netip.Addr) {
	if a := h.of[network]; a != nil && a.open == 0 && a.asking == 0 {
		delete(h.of, network)
	}
}

// unown needs mu.
func (h *House) unown(c *Conn) {
	if c.owner == "" {
		return
	}
	if h.owners[c.owner]--; h.owners[c.owner] <= 0 {
		delete(h.owners, c.owner)
	}
	c.owner = ""
}

// unlist needs mu.
func (h *House) unlist(c *Conn) {
	if c.inAll != nil {
		c.all.Remove(c.inAll)
		c.inAll, c.all = nil, nil
	}
	if c.inAddress != nil {
		c.near.Remove(c.inAddress)
		c.inAddress, c.near = nil, nil
	}
}

// wait needs mu: c waits for a request from now on.
func (h *House) wait(c *Conn, now time.Time) { h.enlist(c, now, &h.waiting, &c.address.waiting) }

func (h *House) enlist(c *Conn, now time.Time, all, near *list.List) {
	h.unlist(c)
	c.since = now
	c.all, c.near = all, near
	c.inAll, c.inAddress = all.PushBack(c), near.PushBack(c)
}

// Context is for http.Server.ConnContext.
func (h *House) Context(ctx context.Context, c net.Conn) context.Context {
	if conn, ok := c.(*Conn); ok {
		return context.WithValue(ctx, connKey{}, conn)
	}
	return ctx
}

// State is for http.Server.ConnState. A request that begins to come is as good
// as a new connection.
func (h *House) State(c net.Conn, state http.ConnState) {
	conn, ok := c.(*Conn)
	if ok && state == http.StateIdle {
		conn.unread.Store(false) // net/http has read the body to its end
	}
	if !ok || state != http.StateActive {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if conn.counted && conn.all == &h.waiting {
		h.wait(conn, time.Now())
	}
}

// Ask counts a request that a proxy forwards for client, whose connections are
// not seen here. It returns how to end it, and false when that address has as
// many under way as it might have connections. Direct requests are not counted.
func (h *House) Ask(c *Conn, client netip.Addr) (end func(), ok bool) {
	if c == nil || !h.limits.trusts(c.from) || h.limits.trusts(client.Unmap()) {
		return func() {}, true
	}
	network := Network(client)
	h.mu.Lock()
	defer h.mu.Unlock()
	a := h.at(network)
	if a.asking >= h.limits.PerAddress {
		return nil, false
	}
	a.asking++
	return func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		a.asking--
		h.tidy(network)
	}, true
}
