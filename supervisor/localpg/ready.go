package localpg

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

var (
	errEnded    = errors.New("postmaster ended")
	errNoSocket = errors.New("postmaster has no socket")
)

const (
	readyInterval = 10 * time.Millisecond

	connectTimeout = 5 * time.Second

	invalidAuthClass   = "28"
	cannotConnectClass = "57" // starting up, shutting down
)

// ready waits until the cluster takes connections: as long as it lives and ctx
// lets it, since recovery after a crash takes the time it takes.
func (c *Cluster) ready(ctx context.Context) error {
	tick := time.NewTicker(readyInterval)
	defer tick.Stop()
	for {
		// Who is refused for want of a password has reached a server that is ready.
		conn, err := c.connect(ctx, login{superuser, ""}, "postgres")
		if err == nil {
			return conn.Close(ctx)
		}
		if refused(err) {
			return nil
		}
		if !soon(err) {
			return fmt.Errorf("connect: %w", err)
		}
		if c.adopted && !c.proc.Ended() && c.socketGone() {
			return errNoSocket
		}
		select {
		case <-c.proc.Done():
			return c.ended()
		case <-ctx.Done():
			return fmt.Errorf("wait until postgres is ready: %w", errors.Join(ctx.Err(), err))
		case <-tick.C:
		}
	}
}

// socketGone: a postmaster makes its socket before it writes its place into
// postmaster.pid, where we have it from, so one without a socket lost it.
func (c *Cluster) socketGone() bool {
	_, err := os.Stat(filepath.Join(c.socket, socketName))
	return errors.Is(err, os.ErrNotExist)
}

// ended says why, as far as the start log knows.
func (c *Cluster) ended() error {
	why, err := os.ReadFile(c.place.startLog())
	if err != nil || len(why) == 0 {
		return errEnded
	}
	return fmt.Errorf("%w: %s", errEnded, lastLines(string(why), 5))
}

// soon tells whether a failed connection attempt is worth repeating: no socket
// yet, nobody listening, or a server that says it is starting up or full.
func soon(err error) bool {
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		return len(pg.Code) == 5 && (pg.Code[:2] == cannotConnectClass || pg.Code[:2] == "53")
	}
	return true
}
