package wasim

import (
	"container/list"
	"context"
	"sync"
	"time"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/proto/waCompanionReg"
	"go.mau.fi/whatsmeow/types"
	"google.golang.org/protobuf/proto"

	"whatsapp-manager/worker/wasim/prekeys"
	"whatsapp-manager/worker/wasim/wire"
)

// Device is one linked companion, connected or not.
type Device struct {
	// Faults that apply to this device only.
	Faults

	account  *Account
	number   uint16
	noise    [32]byte
	identity []byte
	linked   time.Time
	prekeys  prekeys.Store

	// mu also orders delivery: a stanza is appended to pending and pushed to the
	// connection under it, so nothing overtakes the flush of the offline queue.
	mu             sync.Mutex
	connection     *connection
	active         bool
	booted         bool
	logins         int
	delay          time.Duration
	pending        list.List // of *waiting, in the order of sending
	changed        chan struct{}
	removed        bool
	last           *waBinary.Node // the last message
	watched        map[string]*Delivery
	name, platform string // as it registered
}

// JID is the device's phone number JID with its device number.
func (d *Device) JID() types.JID { return d.account.user.JID(types.DefaultUserServer, d.number) }

// LID is the device's hidden identity with its device number.
func (d *Device) LID() types.JID { return d.account.user.JID(types.HiddenUserServer, d.number) }

// props keeps how the companion wants to be listed; nothing if that cannot be read.
func (d *Device) props(raw []byte) {
	var p waCompanionReg.DeviceProps
	if proto.Unmarshal(raw, &p) != nil {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.name, d.platform = p.GetOs(), p.GetPlatformType().String()
}

// Listed is how the phone lists the companion: its name, and the kind of browser that
// it says it is (CHROME, FIREFOX, …).
func (d *Device) Listed() (name, platform string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.name, d.platform
}

// Account is the account that the device is linked to.
func (d *Device) Account() *Account { return d.account }

// Number is the device number, from 1.
func (d *Device) Number() uint16 { return d.number }

// Connected tells whether the device is logged in and takes stanzas. During a
// BlackHole it still counts as connected, as it would for the real servers.
func (d *Device) Connected() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.active
}

// ConnectionID numbers connections over the server's life; 0 while the device
// has none. Two equal ids mean the same, unbroken connection.
func (d *Device) ConnectionID() uint64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.connection == nil {
		return 0
	}
	return d.connection.conn.ID
}

// Logins counts the successful logins since pairing.
func (d *Device) Logins() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.logins
}

// Pending is the number of stanzas sent or queued that the device has not
// acknowledged.
func (d *Device) Pending() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.pending.Len()
}

// Removed tells whether the device has been logged out.
func (d *Device) Removed() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.removed
}

// WaitConnected returns when the device is logged in and active.
func (d *Device) WaitConnected(ctx context.Context) error {
	return d.wait(ctx, func() bool { return d.active })
}

// WaitDisconnected returns when the device has no connection.
func (d *Device) WaitDisconnected(ctx context.Context) error {
	return d.wait(ctx, func() bool { return d.connection == nil })
}

// WaitLogins returns when the device has logged in at least n times and is active.
func (d *Device) WaitLogins(ctx context.Context, n int) error {
	return d.wait(ctx, func() bool { return d.logins >= n && d.active })
}

// WaitIdle returns when the device's phone has handled everything it got and
// nothing sent to the device is unacknowledged.
func (d *Device) WaitIdle(ctx context.Context) error {
	for {
		if err := d.account.phone.Wait(ctx); err != nil {
			return err
		}
		if d.Pending() == 0 {
			return nil
		}
		if err := d.wait(ctx, func() bool { return d.pending.Len() == 0 }); err != nil {
			return err
		}
	}
}

// wait returns when a condition on the fields under mu holds.
func (d *Device) wait(ctx context.Context, holds func() bool) error {
	for {
		d.mu.Lock()
		if holds() {
			d.mu.Unlock()
			return nil
		}
		if d.changed == nil {
			d.changed = make(chan struct{})
		}
		changed := d.changed
		d.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// announce wakes those who wait for a change. The caller holds d.mu.
func (d *Device) announce() {
	if d.changed != nil {
		close(d.changed)
		d.changed = nil
	}
}

// attach makes a connection the device's connection and returns the one it replaces.
func (d *Device) attach(next *connection) (previous *connection, ok bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.removed {
		return nil, false
	}
	previous = d.connection
	d.connection, d.active = next, false
	d.logins++
	next.conn.Delay(d.delay)
	d.announce()
	return previous, true
}

func (d *Device) detach(old *connection) {
	d.mu.Lock()
	was := d.connection == old
	if was {
		d.connection, d.active = nil, false
		d.announce()
	}
	d.mu.Unlock()
	if was {
		d.account.setAvailable(old, false)
	}
}

// wireConn is the transport of the present connection, nil without one.
func (d *Device) wireConn() *wire.Conn {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.connection == nil {
		return nil
	}
	return d.connection.conn
}

// Prekeys is how many one-time keys of the device are left to hand out.
func (d *Device) Prekeys() int { return d.prekeys.Count() }
