package worker

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/proto/waCompanionReg"
	"go.mau.fi/whatsmeow/store"
	"go.mau.fi/whatsmeow/types"

	"whatsapp-manager/worker/mirror"
)

// parallelRetries is how many retry receipts are answered at once. Two for the same
// group message write into the one message that whatsmeow keeps.
const parallelRetries = 1

// session is one whatsmeow client on one device, from its making until the
// device is of no use any more or the database went away. Its context ends
// everything the client does in the background.
type session struct {
	cli    *whatsmeow.Client
	ctx    context.Context
	cancel context.CancelFunc
	ops    *mailbox[func()]
	deaf   atomic.Bool            // the present connection cannot be read any more
	intake atomic.Pointer[intake] // of the present connection, nil before the first
	done   sync.WaitGroup
}

// newSession makes a client that connects to nothing by itself: when to dial is
// decided by the main loop alone.
func (c *core) newSession(device *store.Device) *session {
	s := &session{ops: newMailbox[func()]()}
	s.ctx, s.cancel = context.WithCancel(c.ctx)
	log := newLibraryLog(c.log)
	log.onDeaf = func() {
		if s.deaf.CompareAndSwap(false, true) {
			c.tell(fromSession{s, wentDeaf{}})
		}
	}
	log.onStanza = s.saw
	cli := whatsmeow.NewClient(device, log)
	s.cli = cli
	cli.BackgroundEventCtx = s.ctx
	cli.EnableAutoReconnect, cli.InitialAutoReconnect, cli.DisableLoginAutoReconnect = false, false, true
	// The receipt leaves when the handler has returned true, and what was
	// decrypted is kept until then.
	cli.SynchronousAck, cli.EnableDecryptedEventBuffer = true, true
	// History is downloaded in the handler, so that its receipt means it is in Postgres.
	cli.ManualHistorySyncDownload, cli.DisableManualHistorySyncReceipt = true, true
	// The mirror lives on these: archived, pinned and muted chats, names of contacts.
	cli.EmitAppStateEventsOnFullSync = true
	cli.AutomaticMessageRerequestFromPhone = true
	cli.UseRetryMessageStore = true
	cli.SetForceActiveDeliveryReceipts(true)
	cli.SetMaxParallelRetryReceiptHandling(parallelRetries)
	cli.PrePairCallback = func(jid types.JID, _, _ string) bool { return c.beforePairing(s, jid) }
	c.endpoint.direct(cli, &c.frames)
	c.guardStores(device)
	cli.AddEventHandlerWithSuccessStatus(func(evt any) bool { return c.receive(s, evt) })
	s.done.Add(1)
	go func() {
		defer s.done.Done()
		s.work()
	}()
	return s
}

// work runs what the main loop asks of the client, in order. Any of it may take
// as long as a handshake.
func (s *session) work() {
	for {
		select {
		case <-s.ctx.Done():
			s.cli.Disconnect()
			return
		case <-s.ops.wake:
		}
		for _, op := range s.ops.take() {
			op()
		}
	}
}

// handshakeGrace is how long whatsmeow gets to notice itself that the
// connection it dials has ended, as it does outside of the handshake.
const handshakeGrace = time.Second

// dial reports dialOpened, dialFailed or, when the connection ends in the middle
// of the handshake, dialStuck: whatsmeow does not notice that and waits for 20 s,
// in which the client is of no use.
func (s *session) dial(patience time.Duration, report func(any)) {
	s.ops.put(func() {
		s.deaf.Store(false)
		ended := make(chan struct{})
		of := &attempt{ended: sync.OnceFunc(func() { close(ended) }), intake: &intake{patience: patience}}
		s.intake.Store(of.intake)
		dialled := make(chan error, 1)
		go func() { dialled <- s.cli.ConnectContext(context.WithValue(s.ctx, dialKey{}, of)) }()
		var err error
		select {
		case err = <-dialled:
		case <-ended:
			select {
			case err = <-dialled:
			case <-time.After(handshakeGrace):
				report(dialStuck{})
				<-dialled
				return
			}
		}
		if err == nil || errors.Is(err, whatsmeow.ErrAlreadyConnected) {
			report(dialOpened{})
			return
		}
		report(dialFailed{err})
	})
}

func (s *session) hangUp() { s.ops.put(s.cli.Disconnect) }

// guardStores puts the patient event buffer in front of the device's, and the
// turns in front of its sessions. A device that is not paired yet has no stores;
// pairing gives it some, and the reconnect after pairing comes here again.
func (c *core) guardStores(device *store.Device) {
	if device.EventBuffer == nil {
		return
	}
	if _, done := device.EventBuffer.(patientBuffer); !done {
		turns := newTurns()
		device.EventBuffer = patientBuffer{EventBuffer: device.EventBuffer, db: c.db, turns: turns}
		device.Sessions = sessionStore{device.Sessions, turns}
	}
}

// beforePairing records the device that is about to exist, so that a crash in
// the middle leaves something to find. False cancels the pairing.
func (c *core) beforePairing(s *session, jid types.JID) bool {
	err := c.db.insist(s.ctx, func() error {
		return c.db.claimDevice(s.ctx, c.boot.GetInstance(), c.boot.GetGeneration(), jid)
	})
	if err == nil {
		return true
	}
	c.log.Error().Err(err).Msg("pairing cancelled: device not recorded")
	if errors.Is(err, mirror.ErrFenced) {
		c.end("fenced", err)
	}
	return false
}

// nameDevice sets how the phone lists this device. The properties are variables
// of the whole process and part of the registration. An empty name stays as it
// is; a browser that is not known is Chrome.
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
	"firefox": waCompanionReg.DeviceProps_FIREFOX, "edge": waCompanionReg.DeviceProps_EDGE, "opera": waCompanionReg.DeviceProps_OPERA,
	"safari": waCompanionReg.DeviceProps_SAFARI, "ie": waCompanionReg.DeviceProps_IE,
}

// removeDevice deletes the keys of a device that is logged out and forgets it,
// however long the database takes. What its phone told about who is who is
// believed no more.
func (c *core) removeDevice(jid types.JID) {
	err := c.db.insist(c.ctx, func() error { return c.db.releaseDevice(c.ctx, c.boot.GetInstance(), jid) })
	if err == nil {
		err = c.pairs.Distrust(c.ctx)
	}
	if err != nil && c.ctx.Err() == nil {
		c.log.Error().Err(err).Msg("device not removed")
	}
}
