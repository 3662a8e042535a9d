package intake

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"

	"whatsapp-manager/proto/fault"
)

const op = "api.body"

// firstBuffer is what a body of unknown or large size begins with in memory.
const firstBuffer = 4 << 10

// ErrTimeout is what a body that comes too slowly is read to.
var ErrTimeout = errors.New("the body did not arrive in time")

// Body is the body of one request on its way in. It is what the handler finds
// as Request.Body. One goroutine reads it.
type Body struct {
	raw     io.ReadCloser
	ctl     *http.ResponseController
	length  int64 // as announced, -1: not
	lingers time.Duration

	mu       sync.Mutex
	whole    bool          // guarded by mu; the end was seen
	late     bool          // guarded by mu; a deadline has passed
	until    time.Time     // guarded by mu; for the rest of the body
	progress time.Duration // guarded by mu; for the next bytes, 0: no own deadline
}

type bodyKey struct{}

// Of returns the body of the request with that context, nil when it has none.
func Of(ctx context.Context) *Body {
	b, _ := ctx.Value(bodyKey{}).(*Body)
	return b
}

// Announced is the length that the client gave, -1 when it gave none.
func (b *Body) Announced() int64 { return b.length }

// Within gives the rest of the body until d from now, as long as something
// comes every progress (0: whatever comes).
func (b *Body) Within(d, progress time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.until, b.progress = time.Now().Add(d), progress
	b.arm()
}

// arm needs mu. Not every ResponseWriter has deadlines (a recorder in a test has none).
func (b *Body) arm() {
	if b.whole {
		return
	}
	at := b.until
	if next := time.Now().Add(b.progress); b.progress > 0 && next.Before(at) {
		at = next
	}
	_ = b.ctl.SetReadDeadline(at)
}

// Read reads on. Its error is ErrTimeout when a deadline has passed.
func (b *Body) Read(p []byte) (int, error) {
	b.mu.Lock()
	if b.late {
		b.mu.Unlock()
		return 0, ErrTimeout
	}
	if b.progress > 0 {
		b.arm()
	}
	b.mu.Unlock()
	n, err := b.raw.Read(p)
	if err == nil {
		return n, nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	var timeout net.Error
	switch {
	case errors.Is(err, io.EOF):
		if !b.whole {
			b.whole = true
			// One that stays would end the request's context while it is handled.
			_ = b.ctl.SetReadDeadline(time.Time{})
		}
	case errors.As(err, &timeout) && timeout.Timeout():
		b.late = true
		err = ErrTimeout
	}
	return n, err
}

// Close leaves the rest unread. What becomes of it is decided when the request ends.
func (b *Body) Close() error { return nil }

// All reads the whole body into memory, at most limit bytes of it. Before memory
// is made for more, take is told how much; its error ends the reading. Errors are
// fault.TooLarge, ErrTimeout, fault.Invalid for a body that breaks off, or take's.
func (b *Body) All(limit int64, take func(n int64) error) ([]byte, error) {
	if b.length > limit {
		return nil, TooLarge(limit)
	}
	size := int64(firstBuffer)
	if b.length >= 0 {
		size = min(size, b.length+1)
	}
	if err := take(size); err != nil {
		return nil, err
	}
	buf := make([]byte, 0, size)
	for {
		if len(buf) == cap(buf) {
			size = min(2*int64(cap(buf)), limit+1)
			if b.length >= 0 {
				size = min(size, b.length+1)
			}
			if err := take(size - int64(cap(buf))); err != nil {
				return nil, err
			}
			buf = append(make([]byte, 0, size), buf...)
		}
		n, err := b.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		switch {
		case int64(len(buf)) > limit:
			return nil, TooLarge(limit)
		case errors.Is(err, io.EOF):
			return buf, nil
		case err != nil:
			return nil, Broken(err)
		}
	}
}

// Broken says what is wrong with a body whose reading ended with err.
func Broken(err error) error {
	if errors.Is(err, ErrTimeout) {
		return ErrTimeout
	}
	return fault.Bad(op, "body", "the body ended before it was whole")
}

// TooLarge is the fault of a body with more than limit bytes.
func TooLarge(limit int64) *fault.Error {
	return &fault.Error{Kind: fault.TooLarge, Op: op, Field: "body", Msg: fmt.Sprintf("the body is larger than %d bytes", limit)}
}
