package worker

import (
	"context"
	"errors"

	"go.mau.fi/whatsmeow/store"

	"whatsapp-manager/worker/keystore"
	"whatsapp-manager/worker/mirror"
	"whatsapp-manager/worker/sealedstore"
)

// load reads from the database what a client needs, however long that takes,
// and reports loadDone.
func (c *core) load() {
	if c.loading {
		return
	}
	c.loading = true
	c.background(func() {
		var device *store.Device
		err := c.db.insist(c.ctx, func() (err error) {
			device, err = c.loadDevice(c.ctx)
			return err
		})
		c.tell(loadDone{device, err})
	})
}

func (c *core) loadDevice(ctx context.Context) (*store.Device, error) {
	if err := keystore.Check(ctx, c.db.pool); err != nil {
		return nil, err
	}
	jid, err := c.db.deviceJID(ctx, c.boot.GetInstance())
	if err != nil {
		return nil, err
	}
	if err = c.mirror.Load(ctx); err != nil {
		return nil, err
	}
	if jid.IsEmpty() {
		return c.newDevice(), nil
	}
	device, err := c.container.GetDevice(ctx, jid)
	if err != nil {
		return nil, err
	}
	if device == nil {
		// Recorded, but its pairing was never completed.
		return c.newDevice(), nil
	}
	if device.Platform == "" {
		device.Platform = c.mirror.Account().Platform
	}
	return device, c.setAccount(ctx, device)
}

func (c *core) loadDone(m loadDone) {
	c.loading = false
	if m.err != nil {
		if c.ctx.Err() == nil {
			reason := "database"
			switch {
			case errors.Is(m.err, mirror.ErrFenced):
				reason = "fenced"
			case errors.Is(m.err, errNoInstance):
				reason = "unknown_instance"
			case errors.Is(m.err, sealedstore.ErrKey):
				reason = "secret_key"
			case errors.Is(m.err, keystore.ErrTooOld):
				reason = "old_database"
			}
			c.end(reason, m.err)
		}
		return
	}
	first := false
	select {
	case <-c.loaded:
	default:
		first = true
		c.board.raise(c.mirror.Head())
		close(c.loaded)
	}
	c.device = m.device.GetJID()
	c.profile = profileOf(m.device)
	paired := m.device.ID != nil
	smb := m.device.Platform == "smba" || m.device.Platform == "smbi"
	c.adopt(m.device)
	if first {
		c.step(started{paired: paired, smb: smb})
	} else if paired != c.link.paired {
		c.link.paired = paired
	}
}

// newDevice returns a device that is not paired, with the instance's pairs.
func (c *core) newDevice() *store.Device {
	device := c.container.NewDevice()
	device.LIDs = c.pairs
	return device
}
