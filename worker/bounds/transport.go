package bounds

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"whatsapp-manager/proto/fault"
)

// MaxBody bounds a download whose context has no limit.
const MaxBody = 64 << 20

// reserveStep is how many bytes are taken of a Share at a time.
const reserveStep = 1 << 20

// Limit is what all requests of one context may download together. Each download gets a
// new one.
type Limit struct {
	Most  int64  // bytes of a body
	Share *Share // of the memory that holds the body; nil when it goes into a file
	Times int64  // bytes of Share for each byte of a body

	mu       sync.Mutex
	reserved int64 // bytes of a body for which Share holds Times each
	spent    error // a body was too large, and no other host may be asked
}

type limitKey struct{}

// With returns a context whose downloads keep to the limit.
func With(ctx context.Context, limit *Limit) context.Context {
	return context.WithValue(ctx, limitKey{}, limit)
}

// tooLarge returns the error of a body above the limit, and keeps it for all that follow.
func (l *Limit) tooLarge() error {
	l.spent = &fault.Error{Kind: fault.TooLarge, Op: op, Msg: fmt.Sprintf("the file is larger than %d bytes", l.Most)}
	return l.spent
}

// take accounts for a body that has this many bytes now.
func (l *Limit) take(ctx context.Context, size int64) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.spent != nil {
		return l.spent
	}
	if size > l.Most {
		return l.tooLarge()
	}
	if l.Share == nil || size <= l.reserved {
		return nil
	}
	more := max(size-l.reserved, min(reserveStep, l.Most-l.reserved))
	if err := l.Share.Take(ctx, more*l.Times); err != nil {
		l.spent = err
		return err
	}
	l.reserved += more
	return nil
}

// Transport counts the bytes of response bodies as they come. The reader of a body that
// becomes larger than its limit gets an error, whatever size the sender claimed. It is
// always the reader that fails and never the request, because whatsmeow takes a failed
// request for a failure of the network, and tries again for 15 seconds.
//
// A request ends with ErrStalled when no byte of its bodies moves for the time Idle. The
// time for a whole file depends on the file and on the line, so nothing else bounds it.
type Transport struct {
	Next http.RoundTripper
	Idle time.Duration // zero: no bound
}

// RoundTrip implements http.RoundTripper.
func (t Transport) RoundTrip(req *http.Request) (*http.Response, error) {
	limit, ok := req.Context().Value(limitKey{}).(*Limit)
	if !ok {
		limit = &Limit{Most: MaxBody}
	}
	// Zero more bytes: this only asks whether an earlier body was too large.
	if limit.take(req.Context(), 0) != nil {
		if req.Body != nil {
			_ = req.Body.Close()
		}
		return &http.Response{
			Status: "200 OK", StatusCode: http.StatusOK, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
			Header: http.Header{}, Request: req,
			Body: &countedBody{ReadCloser: http.NoBody, ctx: req.Context(), limit: limit}, ContentLength: -1,
		}, nil
	}
	req, watch := t.watched(req)
	resp, err := t.Next.RoundTrip(req)
	if err != nil {
		watch.end()
		return nil, watch.reason(err)
	}
	watch.moved()
	if resp.ContentLength > limit.Most {
		limit.mu.Lock()
		_ = limit.tooLarge()
		limit.mu.Unlock()
		resp.ContentLength = -1 // a reader that knows the length may allocate it
	}
	resp.Body = &countedBody{ReadCloser: watchedBody{resp.Body, watch, watch.end}, ctx: req.Context(), limit: limit}
	return resp, nil
}

type countedBody struct {
	io.ReadCloser
	ctx   context.Context
	limit *Limit
	size  int64
}

// Read counts the bytes before it hands them out.
func (b *countedBody) Read(p []byte) (int, error) {
	if over := b.limit.take(b.ctx, b.size); over != nil {
		return 0, over
	}
	n, err := b.ReadCloser.Read(p)
	b.size += int64(n)
	if over := b.limit.take(b.ctx, b.size); over != nil {
		return 0, over
	}
	return n, err
}
