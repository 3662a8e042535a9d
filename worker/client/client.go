package client

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"
	"go.mau.fi/whatsmeow"
	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/store"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"

	"whatsapp-manager/worker/mailbox"
)

// parallelRetries is how many retry receipts are answered at once. Two for the same
// group message write into the one message that whatsmeow keeps.
const parallelRetries = 1

// handshakeGrace is how long whatsmeow gets to notice by itself that the connection it
// dials has ended, as it does outside of the handshake.
const handshakeGrace = time.Second

// ErrStuck is the result of a dial whose connection ended in the middle of the
// handshake. whatsmeow does not notice that and waits for 20 s, in which the client is
// of no use.
var ErrStuck = errors.New("the connection ended during the handshake")

// Settings are what a client needs of its worker.
type Settings struct {
	Endpoint Endpoint
	Heard    *Heard
	Log      zerolog.Logger
	// HandlerLimit is how long a handler may take.
	HandlerLimit time.Duration
	// Receive is whatsmeow's handler. True means that the event is recorded.
	Receive func(c *Client, evt any) (recorded bool)
	// BeforePairing is called before a device comes into being. False cancels the pairing.
	BeforePairing func(c *Client, jid types.JID) bool
	// Leave is called before anything is written to WhatsApp, and holds it up. An error
	// keeps it from being written. It may be nil.
	Leave func(context.Context) error
	// DecryptFailed is called once for each connection that can no longer be read.
	DecryptFailed func(c *Client)
}

// Client is one whatsmeow client on one device, from its making until the device is of
// no use any more or the database went away. It is safe for concurrent use.
type Client struct {
	// WA is whatsmeow's client.
	WA *whatsmeow.Client

	ctx          context.Context // ends all that the client does in the background
	cancel       context.CancelFunc
	ops          *mailbox.Mailbox[func()]
	handlerLimit time.Duration
	leave        func() error
	unreadable   atomic.Bool          // a frame of the present connection did not decrypt
	flow         atomic.Pointer[flow] // of the present connection, nil before the first
	usernames    usernames
}

// New makes a client that connects to nothing by itself. It does what it is asked for
// while Run runs, and everything it does ends with ctx.
func New(ctx context.Context, device *store.Device, s Settings) *Client {
	c := &Client{ops: mailbox.New[func()](), handlerLimit: s.HandlerLimit}
	c.ctx, c.cancel = context.WithCancel(ctx)
	if s.Leave != nil {
		c.leave = func() error { return s.Leave(c.ctx) }
	}
	log := newTap(s.Log)
	log.onDecryptFailed = func() {
		if c.unreadable.CompareAndSwap(false, true) {
			s.DecryptFailed(c)
		}
	}
	log.onStanza = c.onStanza
	wa := whatsmeow.NewClient(device, log)
	c.WA = wa
	wa.BackgroundEventCtx = c.ctx
	wa.EnableAutoReconnect, wa.InitialAutoReconnect, wa.DisableLoginAutoReconnect = false, false, true
	// The receipt leaves when the handler has returned true. The event buffer is
	// signalcache's, which writes a decryption with its event.
	wa.SynchronousAck, wa.EnableDecryptedEventBuffer = true, true
	// History is downloaded in the handler, so that its receipt means it is in Postgres.
	wa.ManualHistorySyncDownload, wa.DisableManualHistorySyncReceipt = true, true
	// The mirror needs these: archived, pinned and muted chats, names of contacts.
	wa.EmitAppStateEventsOnFullSync = true
	wa.AutomaticMessageRerequestFromPhone = true
	wa.UseRetryMessageStore = true
	wa.SetForceActiveDeliveryReceipts(true)
	wa.SetMaxParallelRetryReceiptHandling(parallelRetries)
	wa.PrePairCallback = func(jid types.JID, _, _ string) bool { return s.BeforePairing(c, jid) }
	s.Endpoint.direct(wa, s.Heard)
	wa.AddEventHandlerWithSuccessStatus(func(evt any) bool { return s.Receive(c, evt) })
	return c
}

// Context ends when the client does.
func (c *Client) Context() context.Context { return c.ctx }

// Stop ends the client. Handlers in progress see their context end.
func (c *Client) Stop() { c.cancel() }

// Run does what the main loop asks of the client, in order, until the client ends. Any
// of it may take as long as a handshake.
func (c *Client) Run() {
	for {
		select {
		case <-c.ctx.Done():
			c.WA.Disconnect()
			return
		case <-c.ops.Wake():
		}
		for _, op := range c.ops.Take() {
			op()
		}
	}
}

// Dial connects and reports nil when the connection is open, ErrStuck, or why it could
// not be made.
func (c *Client) Dial(report func(error)) {
	c.ops.Put(func() {
		c.unreadable.Store(false)
		ended := make(chan struct{})
		this := &dial{ended: sync.OnceFunc(func() { close(ended) }), flow: &flow{patience: c.handlerLimit}, leave: c.leave}
		c.flow.Store(this.flow)
		dialled := make(chan error, 1)
		go func() { dialled <- c.WA.ConnectContext(context.WithValue(c.ctx, dialKey{}, this)) }()
		var err error
		select {
		case err = <-dialled:
		case <-ended:
			select {
			case err = <-dialled:
			case <-time.After(handshakeGrace):
				report(ErrStuck)
				<-dialled //nolint:errcheck // it was told to end
				return
			}
		}
		if errors.Is(err, whatsmeow.ErrAlreadyConnected) {
			err = nil
		}
		report(err)
	})
}

// HangUp ends the connection.
func (c *Client) HangUp() { c.ops.Put(c.WA.Disconnect) }

// Close ends the connection and closes the channel when it has ended.
func (c *Client) Close() <-chan struct{} {
	closed := make(chan struct{})
	c.ops.Put(func() { c.WA.Disconnect(); close(closed) })
	return closed
}

// onStanza is told of each stanza that whatsmeow reads and sends.
func (c *Client) onStanza(n *waBinary.Node, out bool) {
	if !out {
		c.usernames.read(n)
	}
	q := c.flow.Load()
	switch {
	case q == nil:
	case out:
		q.answered(n)
	default:
		q.arrived(n)
	}
}

// Handled says that whatsmeow's handler has come to an event's end, whatever the result.
func (c *Client) Handled(evt any) {
	q := c.flow.Load()
	if q == nil {
		return
	}
	switch e := evt.(type) {
	case *events.Message:
		q.handled(stanza{"message", e.Info.ID})
	case *events.UndecryptableMessage:
		q.handled(stanza{"message", e.Info.ID})
	case *events.Receipt:
		if len(e.MessageIDs) > 0 {
			q.handled(stanza{"receipt", e.MessageIDs[0]})
		}
	}
}

// HeldBack reports whether there was a moment within d in which the connection was not
// read. A nil client never holds back.
func (c *Client) HeldBack(d time.Duration) bool {
	if c == nil {
		return false
	}
	q := c.flow.Load()
	return q != nil && q.heldWithin(d)
}
