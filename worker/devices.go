package worker

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"

	"github.com/jackc/pgx/v5"
	"go.mau.fi/whatsmeow/proto/waCompanionReg"
	"go.mau.fi/whatsmeow/store"
	"go.mau.fi/whatsmeow/types"

	"whatsapp-manager/worker/client"
	"whatsapp-manager/worker/keystore"
	"whatsapp-manager/worker/lidstore"
	"whatsapp-manager/worker/link"
	"whatsapp-manager/worker/mirror"
	"whatsapp-manager/worker/pgretry"
	"whatsapp-manager/worker/sealedstore"
	"whatsapp-manager/worker/signalcache"
)

// devices is where the instance's device is kept.
type devices struct {
	db        *pgretry.DB
	mirror    *mirror.Mirror
	container *sealedstore.Container
	pairs     *lidstore.Store
	cache     atomic.Pointer[signalcache.Cache] // of the device that got its stores last
	// unproven says that the device came in by a file and has not logged in yet.
	unproven atomic.Bool
}

// load reads the instance's device and all that the mirror needs to know. taken says that
// there is no device because another instance has paired it.
func (d *devices) load(ctx context.Context) (device *store.Device, taken bool, err error) {
	if err := keystore.Check(ctx, d.db.Pool); err != nil {
		return nil, false, err
	}
	standing, err := d.mirror.Standing(ctx)
	if err != nil {
		return nil, false, err
	}
	d.unproven.Store(standing == mirror.Unproven)
	device, err = d.read(ctx)
	return device, standing == mirror.Lost && err == nil && device.ID == nil, err
}

func (d *devices) read(ctx context.Context) (*store.Device, error) {
	jid, err := d.mirror.Device(ctx)
	if err != nil {
		return nil, err
	}
	if err = d.mirror.Load(ctx); err != nil {
		return nil, err
	}
	if jid.IsEmpty() {
		return d.unpaired(), nil
	}
	device, err := d.container.GetDevice(ctx, jid)
	if err != nil {
		return nil, err
	}
	if device == nil {
		// Recorded, but its pairing was never completed.
		return d.unpaired(), nil
	}
	if device.Platform == "" {
		device.Platform = d.mirror.Account().Platform
	}
	return device, nil
}

// unpaired returns a new device, with what the instance knows of ids.
func (d *devices) unpaired() *store.Device {
	device := d.container.NewDevice()
	device.LIDs = d.pairs
	return device
}

// claim records the device that is about to exist, so that a crash in the middle leaves
// something to find.
func (d *devices) claim(ctx context.Context, jid types.JID) error {
	err := d.db.RetryUntilAvailable(ctx, func() error { return d.mirror.ClaimDevice(ctx, jid) })
	if err == nil {
		d.unproven.Store(false)
	}
	return err
}

// prove records that WhatsApp has let the device in, however long the database takes.
func (d *devices) prove(ctx context.Context, jid types.JID) error {
	err := d.db.RetryUntilAvailable(ctx, func() error { return d.mirror.ProveDevice(ctx, jid) })
	if err == nil {
		d.unproven.Store(false)
	}
	return err
}

// taken says that another instance has paired the device. Only one that is not proven can
// be taken.
func (d *devices) taken(ctx context.Context) (bool, error) {
	if !d.unproven.Load() {
		return false, nil
	}
	standing, err := d.mirror.Standing(ctx)
	return standing == mirror.Lost, err
}

// remove deletes the keys of a device that is logged out and forgets it, however long the
// database takes. What its phone told about ids is trusted no more.
func (d *devices) remove(ctx context.Context, jid types.JID) error {
	err := d.db.RetryUntilAvailable(ctx, func() error { return d.mirror.ReleaseDevice(ctx, jid) })
	if err != nil {
		return err
	}
	return d.pairs.Distrust(ctx)
}

// under puts the instance's own pairs and the Signal cache into a device that has
// whatsmeow's stores.
func (d *devices) under(device *store.Device) {
	d.pairs.Adopt(device)
	d.cache.Store(signalcache.New(signalcache.Settings{
		Pool: d.db.Pool, Device: device.ID.String(), Retry: d.db.RetryUntilAvailable, Origin: client.Connection,
	}, device))
}

// guard puts the cache's steps and the locks of Signal sessions in front of the device's
// stores. A device that is not paired yet has no stores; pairing gives it some, and then
// it comes here again.
func (d *devices) guard(device *store.Device) {
	if device.EventBuffer != nil && !signalcache.IsGuarded(device) {
		d.cache.Load().Guard(device)
	}
}

// flush writes what must be kept before a message leaves.
func (d *devices) flush(ctx context.Context) error {
	if cache := d.cache.Load(); cache != nil {
		return cache.Flush(ctx)
	}
	return nil
}

// Ride lets what waits to be written of the device go with a commit of the mirror.
func (d *devices) Ride(ctx context.Context, batch *pgx.Batch) (done func(error), err error) {
	if cache := d.cache.Load(); cache != nil {
		return cache.Ride(ctx, batch)
	}
	return func(error) {}, nil
}

// load reads from the database what a client needs, however long that takes, and reports
// loadDone.
func (c *core) load() {
	if c.loop.loading {
		return
	}
	c.loop.loading = true
	c.tasks.Go(func(ctx context.Context) {
		var device *store.Device
		var taken bool
		err := c.db.RetryUntilAvailable(ctx, func() (err error) {
			if device, taken, err = c.devices.load(ctx); err != nil {
				return err
			}
			return c.handler.setAccount(ctx, device)
		})
		c.tell(loadDone{device, taken, err})
	})
}

func (m loadDone) handle(c *core) {
	c.loop.loading = false
	if m.err != nil {
		if c.tasks.ctx.Err() == nil {
			c.end(loadFailure(m.err), m.err)
		}
		return
	}
	first := c.announcer.open()
	if first {
		c.status.Raise(c.mirror.Head())
	}
	c.loop.profile = profileOf(m.device)
	paired := m.device.ID != nil
	c.adopt(m.device)
	switch {
	case first:
		c.step(link.Started{Paired: paired, Business: isBusiness(m.device.Platform), Taken: m.taken})
	case m.taken && c.loop.link.Paired():
		c.step(link.DeviceTaken{})
	default:
		c.step(link.Reloaded{Paired: paired})
	}
}

// loadFailure is the reason of an end because the device could not be loaded.
func loadFailure(err error) string {
	switch {
	case errors.Is(err, mirror.ErrFenced):
		return "fenced"
	case errors.Is(err, mirror.ErrNoInstance):
		return "unknown_instance"
	case errors.Is(err, sealedstore.ErrKey):
		return "secret_key"
	case errors.Is(err, keystore.ErrTooOld):
		return "old_database"
	}
	return "database"
}

// profile is what the link says about its account.
type profile struct {
	jid, lid       types.JID
	name, platform string
}

func profileOf(device *store.Device) profile {
	return profile{jid: device.GetJID(), lid: device.GetLID(), name: device.PushName, platform: device.Platform}
}

// nameDevice sets how the phone lists this device. The properties are variables of the
// whole process and part of the registration. An empty name changes nothing; a browser
// that is not known becomes Chrome.
func nameDevice(name, browser string) {
	if name != "" {
		store.DeviceProps.Os = &name
	}
	platform, ok := platforms[strings.ToLower(browser)]
	if !ok {
		platform = waCompanionReg.DeviceProps_CHROME
	}
	store.DeviceProps.PlatformType = platform.Enum()
}

var platforms = map[string]waCompanionReg.DeviceProps_PlatformType{
	"firefox": waCompanionReg.DeviceProps_FIREFOX, "edge": waCompanionReg.DeviceProps_EDGE,
	"opera": waCompanionReg.DeviceProps_OPERA, "safari": waCompanionReg.DeviceProps_SAFARI,
	"ie": waCompanionReg.DeviceProps_IE,
}
