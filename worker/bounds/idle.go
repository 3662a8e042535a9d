package bounds

import (
	"context"
	"errors"
	"io"
	"net/http"
	"time"

	"whatsapp-manager/proto/fault"
)

// ErrStalled is the error of a transfer that stood still for too long.
var ErrStalled error = &fault.Error{Kind: fault.Deadline, Op: op, Msg: "the transfer of the file stood still for too long"}

// watch ends a request whose bytes stand still. A nil watch does nothing.
type watch struct {
	ctx    context.Context
	cancel context.CancelCauseFunc
	timer  *time.Timer
	idle   time.Duration
}

func (t Transport) watched(req *http.Request) (*http.Request, *watch) {
	if t.Idle == 0 {
		return req, nil
	}
	w := &watch{idle: t.Idle}
	w.ctx, w.cancel = context.WithCancelCause(req.Context())
	req = req.WithContext(w.ctx)
	sends := req.Body != nil && req.Body != http.NoBody
	body := req.Body
	w.timer = time.AfterFunc(t.Idle, func() {
		w.cancel(ErrStalled)
		if sends {
			// The transport waits until its last Read of the body returns, which may be
			// what stands still.
			_ = body.Close()
		}
	})
	if sends {
		req.Body = watchedBody{body, w, nil}
	}
	return req, w
}

func (w *watch) moved() {
	if w != nil {
		w.timer.Reset(w.idle)
	}
}

func (w *watch) end() {
	if w != nil {
		w.timer.Stop()
		w.cancel(context.Canceled)
	}
}

// reason puts ErrStalled in the place of the error that it caused.
func (w *watch) reason(err error) error {
	if w != nil && err != nil && errors.Is(context.Cause(w.ctx), ErrStalled) {
		return ErrStalled
	}
	return err
}

// watchedBody tells the watch of each byte, and closed of its end.
type watchedBody struct {
	io.ReadCloser
	watch  *watch
	closed func()
}

// Read implements io.Reader.
func (b watchedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if n > 0 {
		b.watch.moved()
	}
	if err != nil && !errors.Is(err, io.EOF) {
		err = b.watch.reason(err)
	}
	return n, err
}

// Close implements io.Closer.
func (b watchedBody) Close() error {
	if b.closed != nil {
		b.closed()
	}
	return b.ReadCloser.Close()
}

// CloseIdleConnections passes on what http.Client asks for.
func (t Transport) CloseIdleConnections() {
	if next, ok := t.Next.(interface{ CloseIdleConnections() }); ok {
		next.CloseIdleConnections()
	}
}
