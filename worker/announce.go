package worker

import (
	"context"
	"errors"
	"fmt"
	"time"

	"whatsapp-manager/worker/mirror"
)

const flushTimeout = time.Second

// announce queues a session event for the feed. Keys are unique by generation,
// which belongs to this process alone.
func (c *core) announce(event string, args ...any) {
	c.announced++
	c.feed.put(mirror.FeedEvent{
		Key:  fmt.Sprintf("session:%d:%d", c.boot.GetGeneration(), c.announced),
		Type: event, Args: args, At: time.Now(),
	})
}

// lastAnnouncements writes what is still queued when the worker ends.
func (c *core) lastAnnouncements() {
	queued := c.feed.take()
	if len(queued) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), flushTimeout)
	defer cancel()
	if err := c.mirror.Append(ctx, queued...); err != nil {
		c.log.Warn().Err(err).Int("events", len(queued)).Msg("session events not written")
	}
}

// announceLoop writes session events in order, however long the database takes.
func (c *core) announceLoop() {
	select {
	case <-c.ctx.Done():
		return
	case <-c.loaded:
	}
	for {
		queued := c.feed.take()
		if len(queued) > 0 {
			err := c.db.insist(c.ctx, func() error { return c.mirror.Append(c.ctx, queued...) })
			switch {
			case err == nil || c.ctx.Err() != nil:
			case errors.Is(err, mirror.ErrFenced):
				c.end("fenced", err)
				return
			default:
				c.counts.failures.Add(1)
				c.log.Error().Err(err).Int("events", len(queued)).Msg("session events not written")
			}
			continue
		}
		select {
		case <-c.ctx.Done():
			c.lastAnnouncements()
			return
		case <-c.feed.wake:
		}
	}
}
