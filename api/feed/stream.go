package feed

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/rs/zerolog"

	"whatsapp-manager/proto/fault"
	"whatsapp-manager/supervisor"
	"whatsapp-manager/supervisor/store"
)

const streamPage = 200

// reader is what streaming needs of the store.
type reader interface {
	FeedHead(ctx context.Context, instance supervisor.ID) (uint64, error)
	Events(ctx context.Context, instance supervisor.ID, after uint64, limit int) ([]store.Event, error)
	RawEvents(ctx context.Context, instance supervisor.ID) (bool, error)
}

// Streamer serves feeds as server-sent events and over WebSocket.
type Streamer struct {
	store  reader
	wakers wakers
	log    zerolog.Logger
	seats  seats

	// heartbeat keeps proxies from closing a quiet stream and finds readers that are gone.
	heartbeat time.Duration
	// writeTimeout ends a reader that takes nothing any more; it resumes by its last id.
	writeTimeout time.Duration
}

// NewStreamer returns a streamer; it starts nothing.
func NewStreamer(st reader, w wakers, log zerolog.Logger) *Streamer {
	return &Streamer{store: st, wakers: w, log: log, heartbeat: 15 * time.Second, writeTimeout: 30 * time.Second}
}

// Page returns up to limit events behind after, oldest first, of those that are
// wanted, and the seq to ask behind next. With raw content it has at most 50. It
// reads at most one page of the feed, so a page may be shorter than limit although
// more follows; next rises as long as there is more.
func (s *Streamer) Page(ctx context.Context, id supervisor.ID, after uint64, limit int, want Wanted) (page []Envelope, next uint64, err error) {
	if want.Raw {
		limit = min(limit, rawPage)
	}
	events, err := s.store.Events(ctx, id, after, limit)
	if err != nil {
		return nil, after, fmt.Errorf("read feed: %w", err)
	}
	next = after
	page = []Envelope{}
	for _, ev := range events {
		next = ev.Seq
		if len(want.Events) > 0 && !slices.Contains(want.Events, ev.Type) {
			continue
		}
		envelope, err := wrap(ev, want.Raw)
		if err != nil {
			return nil, after, err
		}
		page = append(page, envelope)
	}
	return page, next, nil
}

// ServeSSE writes the events behind after and every later one until ctx ends,
// the reader goes or the instance is deleted. When ctx ends because the reader
// may read no more, an event stream_end says why. Each has its seq as id, so that
// Last-Event-ID resumes without gap or repetition. An outage of the database
// is a silence, with heartbeats: browsers do not come back to a stream that
// was once refused.
func (s *Streamer) ServeSSE(ctx context.Context, w http.ResponseWriter, id supervisor.ID, after uint64, want Wanted) error {
	out := &sseWriter{w: w, ctl: http.NewResponseController(w), timeout: s.writeTimeout}
	defer out.release()
	header := w.Header()
	header.Set("Content-Type", "text/event-stream")
	header.Set("Cache-Control", "no-store")
	header.Set("X-Accel-Buffering", "no")
	w.WriteHeader(http.StatusOK)
	if err := errors.Join(out.write("retry: 1000\n\n"), out.flush()); err != nil {
		return nil
	}
	s.follow(ctx, out, id, after, want)
	if why := permissionEnded(ctx); why != nil {
		if last, err := json.Marshal(map[string]string{"code": why.Code, "message": why.Msg}); err == nil {
			_ = errors.Join(out.write("event: stream_end\ndata: %s\n\n", last), out.flush()) // the reader may be gone as well
		}
	}
	return nil
}

// permissionEnded returns why a stream's context ended when that is because its
// reader may read no more; see auth.Auth.While.
func permissionEnded(ctx context.Context) *fault.Error {
	var why *fault.Error
	if errors.As(context.Cause(ctx), &why) && why.Kind == fault.Unauthorized {
		return why
	}
	return nil
}

// sink takes a stream's events. An error means that its reader is gone.
type sink interface {
	send(e Envelope) error
	flush() error // after a page, and before waiting
	beat() error  // something that shows whether the reader is there
}

// follow hands the sink the events behind after and every later one until ctx
// ends, the reader goes or the instance is deleted.
func (s *Streamer) follow(ctx context.Context, out sink, id supervisor.ID, after uint64, want Wanted) {
	sub := s.wakers.Subscribe(id)
	defer sub.Close()
	beat := time.NewTicker(s.heartbeat)
	defer beat.Stop()
	for {
		next, more, err := s.writePage(ctx, out, id, after, want)
		var again <-chan time.Time
		switch {
		case away(err):
			again = time.After(storeRetryGap)
		case err != nil:
			if ctx.Err() == nil {
				s.log.Debug().Err(err).Str("instance", string(id)).Msg("event stream ended")
			}
			return
		}
		after = next
		if out.flush() != nil {
			return
		}
		if more {
			continue
		}
		select {
		case <-ctx.Done():
			return
		case <-sub.C():
		case <-again:
		case <-beat.C:
			if _, err := s.store.FeedHead(ctx, id); fault.Is(err, fault.NotFound) {
				return
			}
			if out.beat() != nil {
				return
			}
		}
	}
}

// away reports whether the database is what failed, and may come back.
func away(err error) bool {
	return fault.Is(err, fault.Unavailable) || fault.Is(err, fault.Deadline)
}

func (s *Streamer) writePage(ctx context.Context, out sink, id supervisor.ID, after uint64, want Wanted) (next uint64, more bool, err error) {
	page, next, err := s.Page(ctx, id, after, streamPage, want)
	if err != nil {
		return after, false, err
	}
	for _, envelope := range page {
		if err := out.send(envelope); err != nil {
			return after, false, err
		}
	}
	return next, next > after, nil
}

// sseWriter gives up on a reader that takes nothing for timeout.
type sseWriter struct {
	w       http.ResponseWriter
	ctl     *http.ResponseController
	timeout time.Duration
}

func (o *sseWriter) write(format string, args ...any) error {
	// Not every ResponseWriter can set deadlines; without one a dead reader is found by TCP.
	_ = o.ctl.SetWriteDeadline(time.Now().Add(o.timeout))
	_, err := fmt.Fprintf(o.w, format, args...)
	return err
}

func (o *sseWriter) send(e Envelope) error {
	body, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("encode event: %w", err)
	}
	return o.write("id: %d\nevent: %s\ndata: %s\n\n", e.Seq, e.Event, body)
}

func (o *sseWriter) beat() error { return o.write(": alive\n\n") }

func (o *sseWriter) flush() error { return o.ctl.Flush() }

// release takes the deadline off the connection, which may serve more requests.
func (o *sseWriter) release() { _ = o.ctl.SetWriteDeadline(time.Time{}) }
