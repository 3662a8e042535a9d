package relay

import (
	"context"
	"errors"
	"time"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/appstate"

	"whatsapp-manager/proto/backoff"
	"whatsapp-manager/proto/fault"
	"whatsapp-manager/worker/inbound"
	"whatsapp-manager/worker/wording"
)

// The pauses between the tries to write a setting.
const (
	patchTries    = 10
	patchPause    = 50 * time.Millisecond
	maxPatchPause = 400 * time.Millisecond
)

// Patch writes app state. Each write builds on the version before it, and of two
// devices that write at the same time one is refused. Patch then takes in what the
// other device wrote and tries again, until it succeeds or has lost too often. Our
// own writes go one after the other, so that they do not race each other.
func (c *Call) Patch(ctx context.Context, info appstate.PatchInfo) error {
	select {
	case c.table.writing <- struct{}{}:
		defer func() { <-c.table.writing }()
	case <-ctx.Done():
		return ctx.Err()
	}
	pauses := backoff.New(patchPause, maxPatchPause)
	for range patchTries {
		// whatsmeow's own second try takes in what it missed beside a fetch that is under
		// way, without the lock of that fetch. The later one puts the version back, and
		// then no patch fits any more.
		//lint:ignore SA1019 whatsmeow has no other way to write without a second try
		err := c.Client.DangerousInternals().SendAppState(ctx, info, false)
		if !errors.Is(err, whatsmeow.ErrAppStateUpdate) || !wording.AppStateConflict(err) {
			return err
		}
		if err = pauses.Wait(ctx); err != nil {
			return err
		}
		if err = c.Client.FetchAppState(ctx, info.Type, false, false); err != nil {
			return err
		}
	}
	f := fault.New(fault.Unavailable, Op, "another device of this account keeps changing the same settings; try again")
	f.Code, f.RetryAfter = "app_state_conflict", 5*time.Second
	return f
}

// Change writes the account's settings and tells the mirror what that means.
// whatsmeow raises the same events for its own patch, but only some time after
// SendAppState has returned: a caller that looks at once would see the old state,
// and a worker that ends in between would never hear of the new one. An event
// that comes a second time changes nothing.
func (c *Call) Change(ctx context.Context, info appstate.PatchInfo, events ...any) error {
	if err := c.Patch(ctx, info); err != nil {
		return err
	}
	c.MarkSent()
	return c.Apply(ctx, events...)
}

// Apply writes into the mirror what events of whatsmeow mean. It does not end
// with the call, since what the events tell has happened.
func (c *Call) Apply(ctx context.Context, events ...any) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordTime)
	defer cancel()
	for _, event := range events {
		change, ok, err := inbound.Translate(ctx, c.Account(), c.Client.Store.LIDs, event)
		if err == nil && ok {
			err = c.Mirror.Apply(ctx, change)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
