package wire

import (
	"context"
	"crypto/cipher"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/coder/websocket"
	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/proto/waWa6"
)

const (
	// queueLimit bounds the stanzas that wait for one connection's writer. A
	// client that falls further behind is cut off, as a server would.
	queueLimit = 1 << 20
	// batchSize is how many bytes of frames one websocket message may gather.
	// Clients read several whole frames per message, never a frame in two.
	batchSize = 32 << 10
)

// ErrSlow reports that a client let more than the queue's limit pile up; its
// connection is closed.
var ErrSlow = errors.New("client reads too slowly")

// Conn is one client connection after the handshake. Send may be called from
// any goroutine, Recv from one at a time.
type Conn struct {
	// ID numbers the connections of one responder, from 1.
	ID uint64
	// Payload is what the client said about itself in the handshake.
	Payload *waWa6.ClientPayload
	// Static is the client's Noise static key, its only credential at login.
	Static [32]byte

	socket  *websocket.Conn
	raw     net.Conn
	in      *stream
	opener  cipher.AEAD
	opened  uint32
	sealer  cipher.AEAD
	sealed  uint32
	wake    chan struct{}
	closed  chan struct{}
	written chan struct{}

	mu     sync.Mutex
	queue  []item
	delay  time.Duration
	held   chan struct{}
	ending bool
	once   sync.Once
}

// item is one thing for the writer: a stanza, raw plaintext that replaces one,
// or the wish to close after all that came before.
type item struct {
	node   waBinary.Node
	raw    []byte
	due    time.Time
	finish bool
}

// Recv waits for the client's next stanza. While the connection is held it
// does not return one. An error is final.
func (c *Conn) Recv(ctx context.Context) (*waBinary.Node, error) {
	frame, err := c.in.frame(ctx)
	if err != nil {
		return nil, err
	}
	nonce := nonce(c.opened)
	c.opened++
	plaintext, err := c.opener.Open(nil, nonce[:], frame, nil)
	if err != nil {
		return nil, errors.New("open frame: authentication failed")
	}
	if len(plaintext) == 0 {
		return nil, errors.New("open frame: empty")
	}
	unpacked, err := waBinary.Unpack(plaintext)
	if err != nil {
		return nil, fmt.Errorf("unpack frame: %w", err)
	}
	node, err := waBinary.Unmarshal(unpacked)
	if err != nil {
		return nil, fmt.Errorf("parse stanza: %w", err)
	}
	if err = c.passHold(ctx); err != nil {
		return nil, err
	}
	return node, nil
}

// Send queues a stanza and returns at once; stanzas are written in the order
// of the calls. The node and all it holds must not change afterwards. On a
// closed connection it does nothing.
func (c *Conn) Send(node waBinary.Node) { c.push(item{node: node}) }

// SendGarbage queues a frame of n bytes that does not decrypt. A client that
// got one cannot read any later frame.
func (c *Conn) SendGarbage(n int) {
	garbage := make([]byte, max(n, 1))
	for i := range garbage {
		garbage[i] = byte(i*131 + 7)
	}
	c.push(item{raw: garbage})
}

// Finish closes the websocket politely once everything queued is written.
func (c *Conn) Finish() { c.push(item{finish: true}) }

func (c *Conn) push(next item) {
	c.mu.Lock()
	if c.ending {
		c.mu.Unlock()
		return
	}
	if c.delay > 0 {
		next.due = time.Now().Add(c.delay)
	}
	full := len(c.queue) >= queueLimit
	if !full {
		c.queue = append(c.queue, next)
		c.ending = next.finish
	}
	c.mu.Unlock()
	if full {
		c.Reset()
		return
	}
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// Delay delays every stanza that is sent from now on by d, and keeps their order.
func (c *Conn) Delay(d time.Duration) {
	c.mu.Lock()
	c.delay = d
	c.mu.Unlock()
}

// Hold stops answering: nothing more is read or written, the socket stays
// open. Release ends it.
func (c *Conn) Hold() {
	c.mu.Lock()
	if c.held == nil {
		c.held = make(chan struct{})
	}
	c.mu.Unlock()
}

// Release ends a Hold and writes what was queued meanwhile.
func (c *Conn) Release() {
	c.mu.Lock()
	if c.held != nil {
		close(c.held)
		c.held = nil
	}
	c.mu.Unlock()
}

func (c *Conn) passHold(ctx context.Context) error {
	for {
		c.mu.Lock()
		held := c.held
		c.mu.Unlock()
		if held == nil {
			return nil
		}
		select {
		case <-held:
		case <-c.closed:
			return net.ErrClosed
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Reset breaks the connection with a TCP reset, without a websocket close.
func (c *Conn) Reset() {
	c.end(func() {
		if tcp, ok := c.raw.(*net.TCPConn); ok {
			tcp.SetLinger(0)
		}
		c.raw.Close()
	})
}

// Tear breaks the connection in the middle of a websocket message.
func (c *Conn) Tear() {
	c.end(func() {
		// 0x82, 126: a binary message of the following 16-bit length, of which
		// two bytes are all that ever come.
		c.raw.SetWriteDeadline(time.Now().Add(time.Second))
		c.raw.Write([]byte{0x82, 126, 0x01, 0x00, 0x00, 0x00})
		c.raw.Close()
	})
}

// Close ends the connection with a websocket close frame and does not wait for
// the client's.
func (c *Conn) Close() {
	c.end(func() {
		// A complete server-side close frame with status 1000.
		c.raw.SetWriteDeadline(time.Now().Add(time.Second))
		c.raw.Write([]byte{0x88, 2, 0x03, 0xe8})
		c.raw.Close()
	})
}

func (c *Conn) end(how func()) {
	c.once.Do(func() {
		c.mu.Lock()
		c.ending = true
		c.queue = nil
		c.mu.Unlock()
		how()
		close(c.closed)
		c.socket.CloseNow()
	})
}

// Done is closed once the connection is.
func (c *Conn) Done() <-chan struct{} { return c.closed }

// Wait returns when the writer has ended, which it does after any close.
func (c *Conn) Wait() { <-c.written }
