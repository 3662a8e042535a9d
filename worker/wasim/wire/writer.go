package wire

import (
	"context"
	"time"

	"github.com/coder/websocket"
	waBinary "go.mau.fi/whatsmeow/binary"
)

// write is the connection's only writer: it marshals and encrypts here, so the
// order of nonces is the order of sending.
func (c *Conn) write() {
	defer close(c.written)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var message []byte
	for {
		items, ok := c.next()
		if !ok {
			return
		}
		message = message[:0]
		for _, it := range items {
			if wait := time.Until(it.due); !it.due.IsZero() && wait > 0 {
				if message, ok = c.flush(ctx, message); !ok || !c.pause(wait) {
					return
				}
			}
			if c.passHold(ctx) != nil {
				return
			}
			if it.finish {
				if _, ok = c.flush(ctx, message); ok {
					c.Close()
				}
				return
			}
			frame := it.raw
			if frame == nil {
				plaintext, err := waBinary.Marshal(it.node)
				if err != nil {
					continue
				}
				nonce := nonce(c.sealed)
				c.sealed++
				frame = c.sealer.Seal(plaintext[:0], nonce[:], plaintext, nil)
			}
			var err error
			if message, err = appendFrame(message, frame); err != nil {
				c.Reset()
				return
			}
			if len(message) >= batchSize {
				if message, ok = c.flush(ctx, message); !ok {
					return
				}
			}
		}
		if message, ok = c.flush(ctx, message); !ok {
			return
		}
		if cap(message) > 2*batchSize {
			message = nil
		}
	}
}

func (c *Conn) next() ([]item, bool) {
	for {
		c.mu.Lock()
		items := c.queue
		c.queue = nil
		c.mu.Unlock()
		if len(items) > 0 {
			return items, true
		}
		select {
		case <-c.wake:
		case <-c.closed:
			return nil, false
		}
	}
}

func (c *Conn) flush(ctx context.Context, message []byte) ([]byte, bool) {
	if len(message) == 0 {
		return message, true
	}
	if err := c.socket.Write(ctx, websocket.MessageBinary, message); err != nil {
		c.Reset()
		return nil, false
	}
	return message[:0], true
}

func (c *Conn) pause(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-c.closed:
		return false
	}
}
