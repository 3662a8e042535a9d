package worker

import (
	"context"
	"errors"
	"time"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/types"

	"whatsapp-manager/proto/fault"
	workerv1 "whatsapp-manager/proto/worker/v1"
	"whatsapp-manager/worker/client"
	"whatsapp-manager/worker/link"
	"whatsapp-manager/worker/mirror"
	"whatsapp-manager/worker/wording"
)

// restorePresence shows the account as its owner last wished. An account whose presence
// nobody ever set is left as WhatsApp has it: offline, so that the phone rings.
func (h *handler) restorePresence(cl *client.Client) {
	ctx := cl.Context()
	on, err := h.mirror.Preference(ctx, mirror.Available)
	if err == nil {
		presence := types.PresenceUnavailable
		if on {
			presence = types.PresenceAvailable
		}
		err = cl.WA.SendPresence(ctx, presence)
	}
	if err != nil && !errors.Is(err, mirror.ErrNotFound) && ctx.Err() == nil {
		h.log.Debug().Err(err).Msg("presence not restored")
	}
}

// refreshBlocklist reads again whom the account has blocked: another device may have
// changed that, also while this one was away.
func (h *handler) refreshBlocklist(cl *client.Client) {
	if err := h.readBlocklist(cl.Context(), cl.WA); err != nil && cl.Context().Err() == nil {
		h.log.Debug().Err(err).Msg("list of blocked contacts not read")
	}
}

// repair makes up for a bootstrap that was interrupted: by now WhatsApp has delivered
// what it still had for us.
func (c *core) repair() {
	cl := c.current.Load()
	if cl == nil {
		return
	}
	before := c.loop.openedAt
	c.tasks.Go(func(context.Context) { c.handler.repair(cl, before) })
}

func (h *handler) repair(cl *client.Client, before time.Time) {
	h.replay(cl, before)
	h.repairAppState(cl)
}

// Logout ends the pairing with WhatsApp. The worker lives on, unpaired. Errors are
// *fault.Error: Unpaired, Offline, Refused.
func (c *core) Logout(ctx context.Context) error {
	const op = "worker.Logout"
	status, _ := c.status.Present()
	cl := c.current.Load()
	if status.GetJid() == "" {
		return fault.New(fault.Unpaired, op, "this instance has no WhatsApp account")
	}
	online := status.GetState() == workerv1.LinkState_LINK_STATE_ONLINE || status.GetWaState() == link.WAConnected
	if cl == nil || !online {
		return fault.New(fault.Offline, op, "WhatsApp cannot be reached now")
	}
	err := cl.WA.Logout(ctx)
	var iq *whatsmeow.IQError
	switch {
	case err == nil, cl.WA.Store.Deleted:
	case errors.Is(err, whatsmeow.ErrNotLoggedIn):
		return fault.Wrap(fault.Unpaired, op, err, "this instance has no WhatsApp account")
	case errors.As(err, &iq):
		return fault.Wrap(fault.Refused, op, err, "WhatsApp refused to end the pairing")
	case wording.KeysNotDeleted(err):
		// WhatsApp has ended it. Only our keys are left, and they go with the device.
	default:
		return fault.Wrap(fault.Offline, op, err, "WhatsApp cannot be reached now")
	}
	c.report(cl, happened{link.LoggedOutByUs{}})
	return nil
}
