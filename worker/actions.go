package worker

import (
	"math/rand/v2"
	"time"

	"go.mau.fi/whatsmeow/store"
	"go.mau.fi/whatsmeow/types"
)

// What the main loop does when the pure function has decided. Nothing here
// waits: sessions, timers and background work report to the inbox.

func (c *core) do(act action) {
	switch a := act.(type) {
	case dial:
		after := a.after
		if after > 0 {
			after = after*3/4 + rand.N(after/2)
		}
		c.counts.dials.Add(1)
		c.dialTimer.Stop()
		c.dialTimer = time.AfterFunc(after, func() { c.tell(dialNow{}) })
	case hangUp:
		c.dialTimer.Stop()
		c.dialWanted = false
		if s := c.current.Load(); s != nil {
			s.hangUp()
		}
	case setTimer:
		which := a.which
		c.stopTimer(which)
		c.timers[which] = time.AfterFunc(a.after, func() { c.tell(timerEnded{which}) })
	case stopTimer:
		c.stopTimer(a.which)
	case announce:
		c.announce(a.event, a.args...)
	case forget:
		gone := c.device
		c.replace(c.newDevice())
		if !gone.IsEmpty() {
			c.background(func() { c.removeDevice(gone) })
		}
	case renew:
		c.replace(c.newDevice())
	case suspend:
		c.drop()
	case resume:
		c.load()
	}
}

// replace goes on with another device, unpaired.
func (c *core) replace(device *store.Device) {
	c.device, c.profile = types.EmptyJID, profile{}
	c.adopt(device)
}

// drop ends the present client. Handlers in progress see their context end and
// give their message back to WhatsApp by not acknowledging it.
func (c *core) drop() {
	s := c.current.Swap(nil)
	if s == nil {
		return
	}
	s.cancel()
	c.background(s.done.Wait)
}

func (c *core) adopt(device *store.Device) {
	c.drop()
	c.current.Store(c.newSession(device))
	if c.dialWanted {
		c.dialNow()
	}
}

func (c *core) dialNow() {
	s := c.current.Load()
	if s == nil {
		c.dialWanted = true
		return
	}
	c.dialWanted = false
	if c.link.socket == dialling {
		s.dial(c.tuning.HandlerLimit, func(result any) { c.tell(fromSession{s, result}) })
	}
}

func (c *core) stopTimer(which timerName) {
	if t := c.timers[which]; t != nil {
		t.Stop()
		delete(c.timers, which)
	}
}

func (c *core) background(fn func()) {
	c.running.Add(1)
	go func() { defer c.running.Done(); fn() }()
}
