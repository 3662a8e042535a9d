package worker

import (
	"context"
	"time"

	"go.mau.fi/whatsmeow/store"

	"whatsapp-manager/proto/backoff"
	"whatsapp-manager/worker/client"
	"whatsapp-manager/worker/link"
)

// do carries out what the pure function has decided. It does not wait: clients, timers
// and background work report to the inbox.
func (c *core) do(act link.Action) {
	l := &c.loop
	switch a := act.(type) {
	case link.Dial:
		after := a.After
		if after > 0 {
			after = backoff.New(after, after).Next()
		}
		c.counters.Dials.Add(1)
		l.timers.set(timerDial, after, func() { c.tell(dialNow{}) })
	case link.HangUp:
		l.timers.stop(timerDial)
		l.dialWanted = false
		if cl := c.current.Load(); cl != nil {
			cl.HangUp()
		}
	case link.SetTimer:
		l.linkTimers.set(a.Timer, a.After, func() { c.tell(happened{link.TimerEnded{Timer: a.Timer}}) })
	case link.StopTimer:
		l.linkTimers.stop(a.Timer)
	case link.StopCodes:
		c.stopCodes()
	case link.ConfirmCode:
		c.confirmCode()
	case link.Announce:
		c.announcer.announce(a.Event, a.Args...)
	case link.Forget:
		gone := l.profile.jid
		c.replace(c.devices.unpaired())
		if !gone.IsEmpty() {
			c.tasks.Go(func(ctx context.Context) {
				if err := c.devices.remove(ctx, gone); err != nil && ctx.Err() == nil {
					c.log.Error().Err(err).Msg("device not removed")
				}
			})
		}
	case link.Renew:
		c.replace(c.devices.unpaired())
	case link.Suspend:
		c.drop()
	case link.Resume:
		c.load()
	}
}

// replace goes on with another device, unpaired.
func (c *core) replace(device *store.Device) {
	c.loop.profile = profile{}
	c.adopt(device)
}

// drop ends the present client. Handlers in progress see their context end and give their
// message back to WhatsApp by not acknowledging it.
func (c *core) drop() {
	if cl := c.current.Swap(nil); cl != nil {
		cl.Stop()
	}
}

// adopt goes on with a client on that device.
func (c *core) adopt(device *store.Device) {
	c.drop()
	c.devices.guard(device)
	cl := client.New(c.tasks.ctx, device, client.Settings{
		Endpoint: c.endpoint, Heard: c.heard, Log: c.log, HandlerLimit: c.tuning.HandlerLimit,
		Receive: c.handler.receive, BeforePairing: c.handler.beforePairing, Leave: c.devices.flush,
		DecryptFailed: func(cl *client.Client) { c.report(cl, happened{link.DecryptFailed{}}) },
	})
	c.current.Store(cl)
	c.tasks.Go(func(context.Context) { cl.Run() })
	if c.loop.dialWanted {
		c.dialNow()
	}
}

func (c *core) dialNow() {
	cl := c.current.Load()
	if cl == nil {
		c.loop.dialWanted = true
		return
	}
	c.loop.dialWanted = false
	if c.loop.link.Dialling() {
		cl.Dial(func(err error) { c.report(cl, dialled{err}) })
	}
}

// ownTimer names a timer of the main loop that is not the link's.
type ownTimer int

const (
	timerDial ownTimer = iota
	timerOutage
	timerRedelivery
	timerCode
)

// timers run a function each, after a while.
type timers[K comparable] map[K]*time.Timer

// set starts a timer anew.
func (t timers[K]) set(which K, after time.Duration, fn func()) {
	t.stop(which)
	t[which] = time.AfterFunc(after, fn)
}

// stop stops a timer, if it runs.
func (t timers[K]) stop(which K) {
	if timer := t[which]; timer != nil {
		timer.Stop()
		delete(t, which)
	}
}

// The pauses between logins that are made only so that WhatsApp delivers again.
const (
	redeliveryFirst = 10 * time.Second
	redeliveryLast  = 15 * time.Minute
)

// redelivery says when to log in again after a message could not be recorded. Failures
// in a row make that rarer.
type redelivery struct {
	pause *backoff.Backoff
	at    time.Time // of the newest one
}

func newRedelivery() redelivery {
	return redelivery{pause: backoff.New(redeliveryFirst, redeliveryLast)}
}

// next returns how long to wait for the next login; due is false when one is on its way
// already.
func (r *redelivery) next(now time.Time) (after time.Duration, due bool) {
	if now.Before(r.at) {
		return 0, false
	}
	if now.Sub(r.at) > redeliveryLast {
		r.pause.Reset()
	}
	after = r.pause.Next()
	r.at = now.Add(after)
	return after, true
}
