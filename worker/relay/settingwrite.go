package relay

import (
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"time"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/appstate"

	"whatsapp-manager/proto/fault"
)

const (
	patchTries = 10
	patchPause = 50 * time.Millisecond // doubles with every second try
)

// patch writes app state. Each write builds on the version before it, and of
// two devices that write at the same time one is refused; it takes in what the
// other wrote and tries again, until it is through or has lost too often. Own
// writes take turns, so that they do not race each other.
func (c *call) patch(ctx context.Context, info appstate.PatchInfo) error {
	select {
	case c.writing <- struct{}{}:
		defer func() { <-c.writing }()
	case <-ctx.Done():
		return ctx.Err()
	}
	for try := range patchTries {
		// Without its own second try: that one takes in what it missed beside a fetch
		// under way, without the fetch's lock. Whoever is later puts the version back,
		// and then no patch fits any more.
		//lint:ignore SA1019 whatsmeow has no other way to write without a second try
		err := c.cli.DangerousInternals().SendAppState(ctx, info, false)
		if !lostRace(err) {
			return err
		}
		pause := patchPause << (try / 2)
		timer := time.NewTimer(pause/2 + rand.N(pause))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		}
		if err = c.cli.FetchAppState(ctx, info.Type, false, false); err != nil {
			return err
		}
	}
	f := fault.New(fault.Unavailable, op, "another device of this account keeps changing the same settings; try again")
	f.Code, f.RetryAfter = "app_state_conflict", 5*time.Second
	return f
}

// lostRace tells a write that built on an old version. The code is in the text only.
func lostRace(err error) bool {
	return errors.Is(err, whatsmeow.ErrAppStateUpdate) && strings.Contains(err.Error(), `code="409"`)
}
