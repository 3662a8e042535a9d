package feed

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/rs/zerolog"

	"whatsapp-manager/supervisor"
	"whatsapp-manager/supervisor/store"
)

const (
	streamPage = 200
	// heartbeat keeps proxies from closing a quiet stream and finds readers that are gone.
	heartbeat = 15 * time.Second
	// writeTimeout ends a reader that takes nothing any more; it resumes by its last id.
	writeTimeout = 30 * time.Second
)

// reader is what streaming needs of the store.
type reader interface {
	FeedHead(ctx context.Context, instance supervisor.ID) (uint64, error)
	Events(ctx context.Context, instance supervisor.ID, after uint64, limit int) ([]store.Event, error)
}

// Streamer serves feeds as server-sent events.
type Streamer struct {
	store  reader
	wakers wakers
	log    zerolog.Logger
}

// NewStreamer returns a streamer; it starts nothing.
func NewStreamer(st reader, w wakers, log zerolog.Logger) *Streamer {
	return &Streamer{store: st, wakers: w, log: log}
}

// Page returns up to limit events behind after, oldest first, of the wanted
// types (none: all), and the seq to ask behind next. It reads at most one page
// of the feed, so a page may be shorter than limit although more follows;
// next rises as long as there is more.
func (s *Streamer) Page(ctx context.Context, id supervisor.ID, after uint64, limit int, types []string) (page []Envelope, next uint64, err error) {
	events, err := s.store.Events(ctx, id, after, limit)
	if err != nil {
		return nil, after, fmt.Errorf("read feed: %w", err)
	}
	next = after
	page = []Envelope{}
	for _, ev := range events {
		next = ev.Seq
		if len(types) > 0 && !slices.Contains(types, ev.Type) {
			continue
		}
		envelope, err := wrap(ev)
		if err != nil {
			return nil, after, err
		}
		page = append(page, envelope)
	}
	return page, next, nil
}

// ServeSSE writes the events behind after and every later one until ctx ends
// or the reader goes. Each has its seq as id, so that Last-Event-ID resumes
// without gap or repetition.
func (s *Streamer) ServeSSE(ctx context.Context, w http.ResponseWriter, id supervisor.ID, after uint64, types []string) error {
	sub := s.wakers.Subscribe(id)
	defer sub.Close()
	ctl := http.NewResponseController(w)
	header := w.Header()
	header.Set("Content-Type", "text/event-stream")
	header.Set("Cache-Control", "no-store")
	header.Set("X-Accel-Buffering", "no")
	w.WriteHeader(http.StatusOK)
	write := func(format string, args ...any) error {
		// Not every ResponseWriter can set deadlines; without one a dead reader is found by TCP.
		_ = ctl.SetWriteDeadline(time.Now().Add(writeTimeout))
		_, err := fmt.Fprintf(w, format, args...)
		return err
	}
	if err := write("retry: 1000\n\n"); err != nil {
		return nil
	}
	beat := time.NewTicker(heartbeat)
	defer beat.Stop()
	for {
		next, more, err := s.writePage(ctx, write, id, after, types)
		if err != nil {
			if ctx.Err() == nil {
				s.log.Debug().Err(err).Str("instance", string(id)).Msg("event stream ended")
			}
			return nil
		}
		after = next
		if err := ctl.Flush(); err != nil {
			return nil
		}
		if more {
			continue
		}
		select {
		case <-ctx.Done():
			return nil
		case <-sub.C():
		case <-beat.C:
			if err := write(": alive\n\n"); err != nil {
				return nil
			}
		}
	}
}

func (s *Streamer) writePage(ctx context.Context, write func(string, ...any) error, id supervisor.ID, after uint64, types []string) (next uint64, more bool, err error) {
	page, next, err := s.Page(ctx, id, after, streamPage, types)
	if err != nil {
		return after, false, err
	}
	for _, envelope := range page {
		body, err := json.Marshal(envelope)
		if err != nil {
			return after, false, fmt.Errorf("encode event: %w", err)
		}
		if err := write("id: %d\nevent: %s\ndata: %s\n\n", envelope.Seq, envelope.Event, body); err != nil {
			return after, false, err
		}
	}
	return next, next > after, nil
}
