package worker

import (
	"context"
	"errors"

	"whatsapp-manager/proto/backoff"
	"whatsapp-manager/worker/mirror"
)

// tellIdentities tells readers of the feed when the number of somebody becomes known whom
// they know by a hidden id only. It also looks once at the beginning: the worker before may
// have ended in between.
func (h *handler) tellIdentities(ctx context.Context) {
	select {
	case <-h.announcer.loaded: // until then the mirror cannot be written to
	case <-ctx.Done():
		return
	}
	pause := backoff.New(recordPause, redeliveryLast)
	for {
		err := h.retryRecord(ctx, func() error { return h.mirror.TellIdentities(ctx) })
		switch {
		case ctx.Err() != nil, errors.Is(err, mirror.ErrFenced):
			return // the next write of the handler ends a worker that is fenced
		case err != nil:
			h.counters.HandlerFailures.Add(1)
			h.log.Error().Err(err).Msg("identities not told")
			if pause.Wait(ctx) != nil {
				return
			}
			continue
		}
		pause.Reset()
		select {
		case <-h.devices.pairs.News():
		case <-ctx.Done():
			return
		}
	}
}
