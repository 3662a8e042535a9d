package worker

import (
	"context"
	"errors"

	"whatsapp-manager/worker/client"
	"whatsapp-manager/worker/link"
	"whatsapp-manager/worker/mirror"
)

// A device that came in by a file may be a forgery. It is proven when WhatsApp lets it
// in; until then an instance that pairs it takes it over, and then it must not be used.

// prove records that WhatsApp has let the device in, the first time.
func (h *handler) prove(cl *client.Client) {
	if !h.devices.unproven.Load() {
		return
	}
	jid := cl.WA.Store.GetJID()
	h.tasks.Go(func(ctx context.Context) {
		err := h.devices.prove(ctx, jid)
		switch {
		case err == nil, ctx.Err() != nil:
		case errors.Is(err, mirror.ErrDeviceTaken):
			h.report(cl, happened{link.DeviceTaken{}})
		case errors.Is(err, mirror.ErrFenced):
			h.end("fenced", err)
		default: // the next login says it again
			h.log.Error().Err(err).Msg("login of an imported device not recorded")
		}
	})
}

// lookForDevice gives up a device that another instance has paired. It asks only while
// that is possible.
func (c *core) lookForDevice() {
	cl := c.current.Load()
	if cl == nil || !c.loop.link.Paired() || !c.devices.unproven.Load() {
		return
	}
	limit := c.tuning.Silence / silenceLooks // until the next look
	c.tasks.Go(func(ctx context.Context) {
		ctx, cancel := context.WithTimeout(ctx, limit)
		defer cancel()
		if taken, err := c.devices.taken(ctx); err == nil && taken {
			c.report(cl, happened{link.DeviceTaken{}})
		}
	})
}
