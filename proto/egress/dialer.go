package egress

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"whatsapp-manager/proto/netguard"
)

var (
	// ErrAway says that no manager offers connections now. The next one does, in moments.
	ErrAway = errors.New("the manager is away")
	// ErrBusy says that too many connections are open. Worth a repetition.
	ErrBusy = errors.New("too many connections at a time")
	// ErrUnreachable says that the far end could not be connected to.
	ErrUnreachable = errors.New("the address cannot be reached")
)

// Places is how many connections a worker has at a time.
// Who wants one more waits.
const Places = 16

// Dialer gets connections from the manager. Safe for concurrent use.
type Dialer struct {
	socket string
	places chan struct{}
}

// NewDialer returns a dialer that asks on the manager's socket. It opens nothing.
func NewDialer(socket string) *Dialer {
	return &Dialer{socket: socket, places: make(chan struct{}, Places)}
}

// DialContext returns a connection to address, which is host:port; the network
// is TCP whatever it says. The caller closes it. Errors: netguard.ErrInternal,
// ErrUnreachable, ErrAway, ErrBusy, ErrMalformed, or the context's.
func (d *Dialer) DialContext(ctx context.Context, _, address string) (net.Conn, error) {
	if err := Check(address); err != nil {
		return nil, err
	}
	select {
	case d.places <- struct{}{}:
	case <-ctx.Done():
		return nil, fmt.Errorf("wait for a place: %w", ctx.Err())
	}
	leave := sync.OnceFunc(func() { <-d.places })
	conn, err := d.ask(ctx, address)
	if err != nil {
		leave()
		return nil, err
	}
	return &placed{UnixConn: conn, leave: leave}, nil
}

func (d *Dialer) ask(ctx context.Context, address string) (*net.UnixConn, error) {
	dialled, err := (&net.Dialer{}).DialContext(ctx, "unix", d.socket)
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, fmt.Errorf("%w: %w", ErrAway, err)
	}
	conn := dialled.(*net.UnixConn)
	// A context that ends while the manager connects ends the waiting.
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	err = answered(conn, address)
	if !stop() {
		err = ctx.Err()
	}
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	return conn, nil
}

func answered(conn net.Conn, address string) error {
	// One that has no place for us says so and closes without reading.
	asked := WriteRequest(conn, address)
	var answer [1]byte
	if _, err := conn.Read(answer[:]); err != nil {
		return fmt.Errorf("%w: %w", ErrAway, errors.Join(asked, err)) // it died, or does not know us
	}
	switch Answer(answer[0]) {
	case Connected:
		return nil
	case Internal:
		return netguard.ErrInternal
	case Busy:
		return ErrBusy
	case Malformed:
		return ErrMalformed
	}
	return ErrUnreachable
}

// placed gives its place back when it is closed.
type placed struct {
	*net.UnixConn
	leave func()
}

func (p *placed) Close() error {
	err := p.UnixConn.Close()
	p.leave()
	return err
}
