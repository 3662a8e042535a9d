package connlimit

import (
	"container/list"
	"context"
	"io"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// writePart is what is written under one deadline.
const writePart = 64 << 10

// How long, and how much of, what a client sends after its answer is thrown away.
const (
	lingerTime  = 5 * time.Second
	lingerBytes = 64 << 20
)

// Conn is one connection. Its methods work on a nil Conn, which is one that no
// House knows: nothing is counted then.
type Conn struct {
	net.Conn
	house *House
	from  netip.Addr

	// Guarded by house.mu.
	address        *address
	counted        bool // in open of house and address
	spare, evicted bool
	since          time.Time // of the present state
	all, near      *list.List
	inAll          *list.Element // of all
	inAddress      *list.Element // of near
	owner          string        // of the request under way

	unread atomic.Bool // more of a body may come
	half   atomic.Bool // closed for writing

	mu       sync.Mutex
	deadline time.Time // guarded by mu; for writing, as set from outside
}

type connKey struct{}

// Of returns the connection of the request with that context, nil when no House
// knows it.
func Of(ctx context.Context) *Conn {
	c, _ := ctx.Value(connKey{}).(*Conn)
	return c
}

// Begin says that a request has come whole but for its body. It returns false
// when the connection was closed meanwhile: then nothing shall be done for it.
func (c *Conn) Begin() bool {
	if c == nil {
		return true
	}
	h := c.house
	h.mu.Lock()
	defer h.mu.Unlock()
	c.unread.Store(false)
	if c.counted {
		h.enlist(c, time.Now(), &h.strange, &c.address.strange)
	}
	return !c.evicted
}

// Known says that the one who asks is somebody. The connection then stays until
// the request is answered. It returns false when that one has as many requests
// under way as they may: then this one shall be refused.
func (c *Conn) Known(owner string) bool {
	if c == nil {
		return true
	}
	h := c.house
	h.mu.Lock()
	defer h.mu.Unlock()
	if c.owner == "" {
		if h.owners[owner] >= h.limits.perOwner() {
			return false
		}
		c.owner = owner
		h.owners[owner]++
	}
	if c.counted {
		h.unlist(c)
	}
	return true
}

// Done says that the request was answered.
func (c *Conn) Done() {
	if c == nil {
		return
	}
	c.house.mu.Lock()
	defer c.house.mu.Unlock()
	c.house.unown(c)
	if c.counted {
		c.house.wait(c, time.Now())
	}
}

// Spare says that the house is full and this connection has a spare seat.
func (c *Conn) Spare() bool {
	if c == nil {
		return false
	}
	c.house.mu.Lock()
	defer c.house.mu.Unlock()
	return c.spare
}

// Unread says that the client may still be sending a body which nobody reads. The
// connection is then closed gently, also where net/http would not do so.
func (c *Conn) Unread() {
	if c != nil {
		c.unread.Store(true)
	}
}

// Close closes the connection and frees its seat.
func (c *Conn) Close() error {
	if c.unread.Load() && !c.house.ending.Load() {
		_ = c.CloseWrite() // it closes now, whether the client heard of it or not
	}
	c.house.mu.Lock()
	c.house.leave(c)
	c.house.mu.Unlock()
	return c.Conn.Close()
}

// Write writes p in parts, each of which the reader has to take in time.
func (c *Conn) Write(p []byte) (n int, err error) {
	for {
		part := p[n:min(len(p), n+writePart)]
		if err := c.arm(); err != nil {
			return n, err
		}
		done, err := c.Conn.Write(part)
		n += done
		if err != nil || n == len(p) {
			return n, err
		}
	}
}

func (c *Conn) arm() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	at := time.Now().Add(c.house.limits.PartTime)
	if !c.deadline.IsZero() && c.deadline.Before(at) {
		at = c.deadline
	}
	return c.Conn.SetWriteDeadline(at)
}

// SetWriteDeadline adds a deadline to that of each part; zero takes it away.
func (c *Conn) SetWriteDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.deadline = t
	return c.Conn.SetWriteDeadline(t)
}

// SetDeadline sets both.
func (c *Conn) SetDeadline(t time.Time) error {
	if err := c.Conn.SetReadDeadline(t); err != nil {
		return err
	}
	return c.SetWriteDeadline(t)
}

// CloseWrite tells the client that nothing more comes. net/http calls it before it
// closes a connection on which a body was not read to its end. Closing at once
// would reset it, and a client that sends all before it reads would never see the
// answer; so what it still sends is read and thrown away for a while. Another
// connection may take the seat meanwhile.
func (c *Conn) CloseWrite() error {
	half, ok := c.Conn.(interface{ CloseWrite() error })
	if !ok || c.half.Swap(true) {
		return nil
	}
	if err := half.CloseWrite(); err != nil {
		return err
	}
	if err := c.Conn.SetReadDeadline(time.Now().Add(lingerTime)); err != nil {
		return err
	}
	_, _ = io.CopyN(io.Discard, c.Conn, lingerBytes)
	return nil
}
