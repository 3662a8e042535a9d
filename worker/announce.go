package worker

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/rs/zerolog"

	"whatsapp-manager/worker/mailbox"
	"whatsapp-manager/worker/mirror"
	"whatsapp-manager/worker/pgretry"
	"whatsapp-manager/worker/rpc"
)

const flushTimeout = time.Second

// announcer writes link events (qr, ready, disconnected, ...) to the feed, in order,
// however long the database takes.
type announcer struct {
	generation uint64
	db         *pgretry.DB
	mirror     *mirror.Mirror
	log        zerolog.Logger
	counters   *rpc.Counters
	end        func(reason string, cause error)
	queue      *mailbox.Mailbox[mirror.FeedEvent]
	loaded     chan struct{} // closed when the mirror has been loaded and can be written to
	announced  uint64        // belongs to the main loop
}

func newAnnouncer(generation uint64, c *core) *announcer {
	return &announcer{
		generation: generation, db: c.db, mirror: c.mirror, log: c.log, counters: c.counters, end: c.end,
		queue: mailbox.New[mirror.FeedEvent](), loaded: make(chan struct{}),
	}
}

// announce queues a link event. Its key is unique by the generation, which belongs to
// this process alone. Only the main loop calls it.
func (a *announcer) announce(event string, args ...any) {
	a.announced++
	a.put(mirror.FeedEvent{
		Key:  fmt.Sprintf("session:%d:%d", a.generation, a.announced),
		Type: event, Args: args, At: time.Now(),
	})
}

// put queues an event that has a key of its own.
func (a *announcer) put(event mirror.FeedEvent) { a.queue.Put(event) }

// open lets events be written, and reports whether this is its first call.
func (a *announcer) open() (first bool) {
	select {
	case <-a.loaded:
		return false
	default:
		close(a.loaded)
		return true
	}
}

// run writes what is queued until ctx ends.
func (a *announcer) run(ctx context.Context) {
	select {
	case <-ctx.Done():
		return
	case <-a.loaded:
	}
	for {
		if queued := a.queue.Take(); len(queued) > 0 {
			err := a.db.RetryUntilAvailable(ctx, func() error { return a.mirror.Append(ctx, queued...) })
			switch {
			case err == nil || ctx.Err() != nil:
			case errors.Is(err, mirror.ErrFenced):
				a.end("fenced", err)
				return
			default:
				a.counters.HandlerFailures.Add(1)
				a.log.Error().Err(err).Int("events", len(queued)).Msg("link events not written")
			}
			continue
		}
		select {
		case <-ctx.Done():
			a.flush(ctx)
			return
		case <-a.queue.Wake():
		}
	}
}

// flush writes what is still queued when the worker ends.
func (a *announcer) flush(ctx context.Context) {
	queued := a.queue.Take()
	if len(queued) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), flushTimeout)
	defer cancel()
	if err := a.mirror.Append(ctx, queued...); err != nil {
		a.log.Warn().Err(err).Int("events", len(queued)).Msg("link events not written")
	}
}
