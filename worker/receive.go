package worker

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync/atomic"
	"time"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/store"
	"go.mau.fi/whatsmeow/types/events"

	"whatsapp-manager/worker/inbound"
	"whatsapp-manager/worker/mirror"
	"whatsapp-manager/worker/shape"
)

const translateTries = 5

// counters are what Stats reports.
type counters struct {
	in, out, events, failures, dials atomic.Uint64
	lastEvent                        atomic.Int64 // unix nanoseconds
}

// receive is whatsmeow's handler. True means that the event is in Postgres, or
// that there is nothing to write; only then does WhatsApp hear our receipt. It
// runs on the receive loop, one event at a time, and holds it up while it waits
// for the database. A panic is a failure like any other: the message stays
// with WhatsApp and comes again with the next login.
func (c *core) receive(s *session, evt any) (stored bool) {
	defer func() {
		if p := recover(); p != nil {
			c.counts.failures.Add(1)
			// The value of a panic may quote a message; its type and stack do not.
			c.log.Error().Str("event", fmt.Sprintf("%T", evt)).Str("panic", fmt.Sprintf("%T", p)).
				Bytes("stack", debug.Stack()).Msg("handler panicked")
			stored = false
		}
	}()
	if s.ctx.Err() != nil {
		return false
	}
	defer s.handled(evt)
	c.wait(s, evt)
	ctx, done := c.limited(s, evt)
	defer done()
	c.idle.touch()
	c.counts.events.Add(1)
	c.counts.lastEvent.Store(time.Now().UnixNano())
	if c.onEvent != nil {
		c.onEvent(evt)
	}
	switch e := evt.(type) {
	case *events.PairSuccess:
		c.guardStores(s.cli.Store)
		c.learn(ctx, s)
		c.tell(fromSession{s, evt})
		return true
	case *events.Connected, *events.PushNameSetting:
		c.learn(ctx, s)
		if _, ok := e.(*events.Connected); ok {
			c.background(func() { c.restorePresence(s); c.refreshBlocklist(s) })
		}
		c.tell(fromSession{s, evt})
	case *events.QR, *events.PairError, *events.PairPasskeyRequest, *events.QRScannedWithoutMultidevice,
		*events.ManualLoginReconnect, *events.Disconnected, *events.LoggedOut, *events.StreamReplaced,
		*events.TemporaryBan, *events.ClientOutdated, *events.ConnectFailure, *events.StreamError,
		*events.KeepAliveTimeout, *events.KeepAliveRestored, *events.OfflineSyncCompleted:
		c.tell(fromSession{s, evt})
		return true
	case *events.Blocklist:
		c.background(func() { c.refreshBlocklist(s) })
	case *events.AppStateSyncComplete:
		c.learn(ctx, s)
		c.tell(fromSession{s, evt})
	case *events.Message:
		if !e.Info.IsFromMe {
			c.counts.in.Add(1)
		}
		if notice := e.Message.GetProtocolMessage().GetHistorySyncNotification(); notice != nil && e.Info.IsFromMe {
			return c.receiveHistory(ctx, s, e.Info.ID, notice)
		}
		if share := e.Message.GetProtocolMessage().GetAppStateSyncKeyShare(); share != nil && e.Info.IsFromMe {
			return c.judge(ctx, s, "app state keys", c.repeat(ctx, func() error { return c.keepKeys(ctx, s, share) }))
		}
	}
	return c.record(ctx, s, evt)
}

// learn reads who we are from the store, in the goroutine that has just changed it.
func (c *core) learn(ctx context.Context, s *session) {
	c.tell(fromSession{s, profileOf(s.cli.Store)})
	err := c.db.insist(ctx, func() error { return c.setAccount(ctx, s.cli.Store) })
	c.judge(ctx, s, "account", err)
}

// directory answers inbound's questions from whatsmeow's store.
type directory struct {
	store.LIDStore
	*whatsmeow.Client
}

// record translates an event and writes it.
func (c *core) record(ctx context.Context, s *session, evt any) bool {
	if id, known := s.cli.Store.GetJID(), c.account.Load(); !id.IsEmpty() && (known == nil || known.JID != id) {
		// whatsmeow raises PairSuccess and Connected in goroutines of their own, so
		// that what WhatsApp sends next may come first.
		c.learn(ctx, s)
	}
	acct := inbound.Account{}
	if known := c.account.Load(); known != nil {
		acct = *known
	}
	var change inbound.Change
	var any bool
	err := c.repeat(ctx, func() (err error) {
		change, any, err = inbound.Translate(ctx, acct, directory{s.cli.Store.LIDs, s.cli}, evt)
		return err
	})
	if err == nil && !any {
		return true
	}
	if err == nil {
		err = c.repeat(ctx, func() error { return c.mirror.Apply(ctx, change) })
	}
	if m, ok := change.Op.(*inbound.Message); ok && err == nil && m.Type == shape.TypeCiphertext {
		if e, ok := evt.(*events.UndecryptableMessage); ok && !e.IsUnavailable {
			c.expectContent(m)
		}
	}
	return c.judge(ctx, s, fmt.Sprintf("%T", evt), err)
}

// repeat is insist for what Postgres may also refuse for a moment without an outage.
func (c *core) repeat(ctx context.Context, fn func() error) error {
	var err error
	for try := range translateTries {
		if err = c.db.insist(ctx, fn); err == nil || !passing(err) {
			return err
		}
		if !sleep(ctx, outageFirstWait<<try) {
			return err
		}
	}
	return err
}

// judge turns the outcome of a write into what whatsmeow is told.
func (c *core) judge(ctx context.Context, s *session, what string, err error) bool {
	switch {
	case err == nil:
		return true
	case errors.Is(err, mirror.ErrFenced):
		c.end("fenced", err)
	case s.ctx.Err() != nil:
		// Taken down: the next client gets it again.
	default:
		if passing(err) || ctx.Err() != nil {
			c.tell(giveBack{})
		}
		c.counts.failures.Add(1)
		c.log.Error().Err(err).Str("event", what).Msg("event not recorded")
	}
	return false
}
