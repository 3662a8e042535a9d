package worker

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"
	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/store"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"
	"golang.org/x/time/rate"

	workerv1 "whatsapp-manager/proto/worker/v1"
	"whatsapp-manager/worker/inbound"
	"whatsapp-manager/worker/lidstore"
	"whatsapp-manager/worker/mirror"
	"whatsapp-manager/worker/sealedstore"
	"whatsapp-manager/worker/spool"
)

const (
	silenceLimit  = time.Minute // two keep-alives; the answer to one comes within 40 s, or never
	silenceLooks  = 12          // within silenceLimit
	disconnectMax = 2 * time.Second
	resetFirst    = 10 * time.Second
	resetLast     = 15 * time.Minute
)

// core is the link and everything that moves it. Fields below "loop" belong to
// the goroutine of run.
type core struct {
	boot     *workerv1.Bootstrap
	tuning   Tuning
	onEvent  func(any)
	log      zerolog.Logger
	endpoint endpoint
	db       *database
	mirror   *mirror.Mirror
	board    *board
	idle     *idleFreer
	spool    *spool.Spool
	progress uint32 // of the history, in percent
	// readBlocklist is the method table's, which is made after the core.
	readBlocklist func(context.Context, *whatsmeow.Client) error
	counts        counters
	pace          *rate.Limiter // of messages
	courtesy      *courtesy
	// end makes the process end with these last words; only the first call counts.
	end func(reason string, cause error)

	ctx       context.Context // of everything the core has started
	stop      context.CancelFunc
	running   sync.WaitGroup
	quiet     atomic.Bool // shutdown saw everything end
	inbox     *mailbox[any]
	feed      *mailbox[mirror.FeedEvent]
	container *sealedstore.Container
	pairs     *lidstore.Store
	current   atomic.Pointer[session]
	account   atomic.Pointer[inbound.Account]
	frames    atomic.Int64
	loaded    chan struct{} // closed when the mirror has been loaded

	// loop
	link       link
	outage     bool // the database is away
	device     types.JID
	profile    profile
	timers     map[timerName]*time.Timer
	dialTimer  *time.Timer
	outageTime *time.Timer
	dialWanted bool // as soon as there is a session
	resetTimer *time.Timer
	resetAfter time.Duration
	resetAt    time.Time
	loading    bool
	openedAt   time.Time
	excused    int // keep-alives that were missed because nothing was read
	shownSince time.Time
	shownState workerv1.LinkState
	announced  uint64
	boots      bootstrapped
	codes      codes
	waiting    []*pairCall // calls of Pair that wait for codes to appear
}

// profile is what the link says about its account.
type profile struct {
	jid, lid       types.JID
	name, platform string
}

// What else the main loop is told.
type (
	fromSession struct {
		s   *session
		evt any
	}
	loadDone struct {
		device *store.Device
		err    error
	}
	dialNow  struct{}
	outageIs struct{ away bool }
	watchdog struct{}
	giveBack struct{} // a message could not be recorded, by no fault of its own
	pingCall struct{ answer chan struct{} }
	onLoop   struct{ fn func() } // for tests
)

// run is the main loop. The caller has counted it in c.running.
func (c *core) run() {
	defer c.running.Done()
	c.background(c.announceLoop)
	c.background(func() { c.idle.run(c.ctx) })
	c.background(func() { c.spool.Run(c.ctx) })
	c.load()
	dog := time.NewTicker(c.tuning.Silence / silenceLooks)
	defer dog.Stop()
	for {
		select {
		case <-c.ctx.Done():
			return
		case <-dog.C:
			c.handle(watchdog{})
		case <-c.inbox.wake:
			for _, msg := range c.inbox.take() {
				c.handle(msg)
			}
		}
		c.show()
	}
}

func (c *core) tell(msg any) { c.inbox.put(msg) }

func (c *core) handle(msg any) {
	switch m := msg.(type) {
	case fromSession:
		if m.s == c.current.Load() {
			c.fromSession(m.evt)
		}
	case loadDone:
		c.loadDone(m)
	case dialNow:
		c.dialNow()
	case outageIs:
		c.outageIs(m.away)
	case pingCall:
		close(m.answer)
	case onLoop:
		m.fn()
	case watchdog:
		if c.link.socket == open && time.Since(c.openedAt) > c.tuning.Silence && time.Since(c.heard()) > c.tuning.Silence && !c.current.Load().heldBack(c.tuning.Silence) {
			c.step(wentSilent{})
		}
	case codeTimer, *pairCall, codeDrawn:
		c.pairing(m)
	case outageLong:
		if c.outage {
			c.step(m)
		}
	case giveBack:
		c.giveBack()
	default:
		c.step(m)
	}
}

// fromSession sorts events of the present client.
func (c *core) fromSession(evt any) {
	switch e := evt.(type) {
	case profile:
		c.profile = e
		c.device = e.jid
		return
	case dialOpened:
		c.openedAt, c.excused = time.Now(), 0
	case *events.KeepAliveTimeout:
		if c.current.Load().heldBack(whatsmeow.KeepAliveResponseDeadline) {
			c.excused = e.ErrorCount // the answer waits behind what was not read
			return
		}
		evt = &events.KeepAliveTimeout{ErrorCount: e.ErrorCount - c.excused, LastSuccess: e.LastSuccess}
	case *events.KeepAliveRestored:
		c.excused = 0
	case *events.Disconnected:
		evt = hungUp{time.Since(c.openedAt)}
	case *events.QR:
		c.step(evt)
		if c.link.state == workerv1.LinkState_LINK_STATE_PAIRING {
			c.showCodes(e.Codes)
		}
		return
	case *events.PairSuccess:
		c.boots, c.progress = bootstrapped{}, 0
		c.stopCodes()
	case *events.AppStateSyncComplete:
		if c.boots.collection(e.Name) {
			evt = gotReady{}
		}
	case historyStored:
		// A part that was broken off by a restart may come behind later ones, and
		// history on demand tells of no progress.
		c.progress = max(c.progress, min(e.progress, 100))
		if c.link.fresh {
			c.announce("loading_screen", int(e.progress), "WhatsApp")
		}
		if c.boots.firstHistory() {
			evt = gotReady{}
		}
	case *events.Connected:
		c.boots.logins++
	case *events.OfflineSyncCompleted:
		// At the first login after a pairing the phone's keys are yet to come.
		if !c.link.fresh || c.boots.logins > 1 {
			c.repair()
		}
	}
	c.step(evt)
}

// step lets the pure function decide and carries out what it says.
func (c *core) step(event any) {
	before := c.link
	var acts []action
	c.link, acts = step(c.link, event, c.tuning.PairingRounds, time.Now())
	if _, spent := event.(timerEnded); spent && before.fresh && !c.link.fresh {
		c.repair()
	}
	if before.state != c.link.state || before.reason != c.link.reason {
		c.log.Info().Str("from", stateWord(before.state)).Str("to", stateWord(c.link.state)).
			Str("reason", c.link.reason).Str("detail", withoutStanzas(c.link.detail)).Msg("link")
	}
	if before.state == workerv1.LinkState_LINK_STATE_PAIRING && c.link.state != before.state {
		c.stopCodes()
	}
	for _, act := range acts {
		c.do(act)
	}
}

func (c *core) outageIs(away bool) {
	c.outage = away
	c.outageTime.Stop()
	if away {
		c.outageTime = time.AfterFunc(c.tuning.OutageLimit, func() { c.tell(outageLong{}) })
		return
	}
	c.step(outageOver{})
}

// giveBack has WhatsApp deliver again what a handler failed to record: that
// happens with the next login only. Failures in a row make it rarer.
func (c *core) giveBack() {
	if time.Now().Before(c.resetAt) {
		return
	}
	if time.Since(c.resetAt) > resetLast {
		c.resetAfter = resetFirst
	}
	c.resetAt = time.Now().Add(c.resetAfter)
	c.resetTimer.Stop()
	c.resetTimer = time.AfterFunc(c.resetAfter, func() { c.tell(wentSilent{}) })
	c.resetAfter = min(c.resetAfter*2, resetLast)
}

// born is what moments are counted from that are compared with each other: the
// wall clock may be set in between.
var born = time.Now()

// moment is now, in nanoseconds since born.
func moment() int64 { return int64(time.Since(born)) }

// heard is when WhatsApp last sent a byte, zero when it never did.
func (c *core) heard() time.Time {
	at := c.frames.Load()
	if at == 0 {
		return time.Time{}
	}
	return born.Add(time.Duration(at))
}

// client returns the present client for calls, nil while there is none.
func (c *core) client() *whatsmeow.Client {
	if s := c.current.Load(); s != nil {
		return s.cli
	}
	return nil
}

// shutdown ends everything and returns when it has ended, or a little later
// than that when whatsmeow hangs in a handshake.
func (c *core) shutdown() {
	if s := c.current.Load(); s != nil {
		// A proper end of the connection, before contexts tear it.
		closed := make(chan struct{})
		s.ops.put(func() { s.cli.Disconnect(); close(closed) })
		select {
		case <-closed:
		case <-time.After(disconnectMax):
		}
	}
	c.stop()
	ended := make(chan struct{})
	go func() {
		if s := c.current.Load(); s != nil {
			s.done.Wait()
		}
		c.running.Wait()
		close(ended)
	}()
	select {
	case <-ended:
		c.quiet.Store(true)
	case <-time.After(disconnectMax):
	}
}

// ended reports whether shutdown left nothing running.
func (c *core) ended() bool { return c.quiet.Load() }
