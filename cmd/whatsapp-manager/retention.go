package main

import (
	"context"
	"time"

	"github.com/rs/zerolog"

	"whatsapp-manager/proto/wallclock"
	"whatsapp-manager/supervisor/store"
)

// retainEvery is how often what is too old is looked for; often enough for a
// clock that has only just become steady.
const retainEvery = 20 * time.Minute

// retention removes what is older than the operator wants to keep; zero keeps
// everything.
type retention struct {
	store            *store.Store
	log              zerolog.Logger
	messages, events time.Duration
	clock            *wallclock.Watch
}

// Run works until ctx ends. It removes nothing until the clock may be believed,
// and an outage of the database only means that the next look finds more.
func (r retention) Run(ctx context.Context) error {
	if r.messages == 0 && r.events == 0 {
		return nil
	}
	tick := time.NewTicker(retainEvery)
	defer tick.Stop()
	for {
		if r.clock.Steady() {
			r.once(ctx, time.Now())
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

func (r retention) once(ctx context.Context, now time.Time) {
	for _, part := range []struct {
		what string
		keep time.Duration
		trim func(context.Context, time.Time) (int, error)
	}{{"messages", r.messages, r.store.TrimMessages}, {"events", r.events, r.store.TrimFeeds}} {
		if part.keep == 0 {
			continue
		}
		n, err := part.trim(ctx, now.Add(-part.keep))
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			r.log.Warn().Err(err).Str("what", part.what).Msg("what is too old could not be removed")
		case n > 0:
			r.log.Info().Int("removed", n).Str("what", part.what).Msg("removed what is too old")
		}
	}
}
