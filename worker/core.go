package worker

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"
	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/store/sqlstore"

	"whatsapp-manager/proto/fault"
	"whatsapp-manager/proto/linking"
	workerv1 "whatsapp-manager/proto/worker/v1"
	"whatsapp-manager/worker/client"
	"whatsapp-manager/worker/host"
	"whatsapp-manager/worker/lidstore"
	"whatsapp-manager/worker/link"
	"whatsapp-manager/worker/mailbox"
	"whatsapp-manager/worker/mirror"
	"whatsapp-manager/worker/pgretry"
	"whatsapp-manager/worker/redact"
	"whatsapp-manager/worker/rpc"
	"whatsapp-manager/worker/sealedstore"
)

const (
	silenceLimit  = time.Minute // two keep-alives; the answer to one comes within 40 s, or never
	silenceLooks  = 12          // within silenceLimit
	disconnectMax = 2 * time.Second
)

// core is the main loop. It owns the link, asks the pure function of package link what
// an event means, and carries out what that says. Whatever blocks happens elsewhere and
// reports back by a message.
type core struct {
	tuning    Tuning
	log       zerolog.Logger
	endpoint  client.Endpoint
	db        *pgretry.DB
	mirror    *mirror.Mirror
	devices   *devices
	handler   *handler
	announcer *announcer
	status    *rpc.StatusBroadcaster
	counters  *rpc.Counters
	tasks     *tasks
	inbox     *mailbox.Mailbox[message]
	heard     *client.Heard
	current   atomic.Pointer[client.Client] // nil while there is none
	// end makes the process end with these last words; only the first call counts.
	end func(reason string, cause error)

	loop loopState
}

// loopState belongs to the goroutine of run.
type loopState struct {
	link       link.Link
	linkTimers timers[link.Timer]
	timers     timers[ownTimer]
	outage     bool // the database is away
	profile    profile
	dialWanted bool // as soon as there is a client
	loading    bool
	openedAt   time.Time // the present connection
	excused    int       // keep-alives that were missed because nothing was read
	shown      shown
	bootstrap  bootstrap
	codes      codes
	ceremony   ceremony
	linking    linking.LinkDocument // as it was announced last
	waiting    []*pairCall          // calls of Pair that wait for codes to appear
	redelivery redelivery
}

func newCore(
	ctx context.Context, boot *workerv1.Bootstrap, opts Options, log zerolog.Logger, end func(string, error),
) (*core, error) {
	endpoint, err := client.ParseEndpoint(boot.GetWhatsappEndpoint())
	if err != nil {
		return nil, err
	}
	endpoint.Trust()
	if every := opts.Tuning.KeepAlive; every > 0 {
		whatsmeow.KeepAliveIntervalMin, whatsmeow.KeepAliveIntervalMax = every, every+every/2
		whatsmeow.KeepAliveResponseDeadline = every
	}
	ring, err := host.Ring(boot)
	if err != nil {
		return nil, err
	}
	if ring == nil {
		log.Warn().Msg("the manager gave no key: what is kept of the device is not sealed")
	}
	c := &core{
		tuning: opts.Tuning.withDefaults(), log: log, endpoint: endpoint, end: end, tasks: newTasks(ctx),
		inbox: mailbox.New[message](), heard: &client.Heard{}, counters: &rpc.Counters{},
		loop: loopState{
			linkTimers: timers[link.Timer]{}, timers: timers[ownTimer]{}, redelivery: newRedelivery(),
		},
	}
	c.status = rpc.NewStatusBroadcaster(c.heard.At)
	c.db, err = pgretry.Open(c.tasks.ctx, pgretry.Settings{
		URL: boot.GetDatabaseUrl(), Log: log,
		OnOutage: func(away bool) { c.tell(outageIs{away}) }, OnBarred: func(err error) { end("barred", err) },
	})
	if err != nil {
		c.tasks.stop()
		return nil, err
	}
	c.mirror = mirror.New(c.db.Pool, boot.GetInstance(), boot.GetGeneration(), log)
	c.mirror.SetRawEvents(boot.GetRawEvents())
	c.mirror.OnHead(c.status.Raise)
	library := sqlstore.NewWithDB(c.db.Library, "postgres", client.NewLog(log))
	pairs := lidstore.New(c.db.Pool, boot.GetInstance(), c.db.RetryUntilAvailable)
	c.mirror.Consult(pairs)
	c.devices = &devices{db: c.db, mirror: c.mirror, pairs: pairs}
	c.devices.container = sealedstore.New(library, c.db.Pool, ring, c.devices.under)
	c.mirror.SetRider(c.devices)
	c.announcer = newAnnouncer(boot.GetGeneration(), c)
	c.handler = newHandler(boot, opts.OnEvent, c)
	return c, nil
}

// run is the main loop.
func (c *core) run(ctx context.Context) {
	c.tasks.Go(c.announcer.run)
	c.tasks.Go(c.handler.idle.Run)
	c.tasks.Go(c.handler.tellIdentities)
	c.load()
	look := time.NewTicker(c.tuning.Silence / silenceLooks)
	defer look.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-look.C:
			c.lookForSilence()
			c.lookForDevice()
		case <-c.inbox.Wake():
			for _, m := range c.inbox.Take() {
				m.handle(c)
			}
		}
		c.showStatus()
	}
}

// tell hands the main loop a message. It never blocks.
func (c *core) tell(m message) { c.inbox.Put(m) }

// report hands the main loop what happened to a client. The loop ignores it when that
// client is not the present one any more.
func (c *core) report(cl *client.Client, m message) { c.tell(fromClient{cl, m}) }

// lookForSilence gives up a connection on which nothing came for long, unless nothing
// was read.
func (c *core) lookForSilence() {
	l, limit := &c.loop, c.tuning.Silence
	silent := time.Since(l.openedAt) > limit && time.Since(c.heard.At()) > limit
	if l.link.Open() && silent && !c.current.Load().HeldBack(limit) {
		c.step(link.Silent{})
	}
}

// step lets the pure function decide and carries out what it says.
func (c *core) step(event link.Event) {
	l := &c.loop
	before := l.link
	var acts []link.Action
	l.link, acts = link.Step(before, event, c.tuning.PairingRounds, time.Now())
	if _, spent := event.(link.TimerEnded); spent && before.Fresh() && !l.link.Fresh() {
		c.repair()
	}
	if before.State() != l.link.State() || before.Reason() != l.link.Reason() {
		c.log.Info().Str("from", stateWord(before.State())).Str("to", stateWord(l.link.State())).
			Str("reason", l.link.Reason()).Str("detail", redact.Text(l.link.Detail())).Msg("link")
	}
	if before.State() == workerv1.LinkState_LINK_STATE_PAIRING && l.link.State() != before.State() {
		c.stopCodes()
	}
	for _, act := range acts {
		c.do(act)
	}
}

// Ping returns when the loop has come to it.
func (c *core) Ping(ctx context.Context) error {
	call := pingCall{make(chan struct{})}
	c.tell(call)
	select {
	case <-call.answered:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// client returns the present client for calls, nil while there is none.
func (c *core) client() *whatsmeow.Client {
	if cl := c.current.Load(); cl != nil {
		return cl.WA
	}
	return nil
}

// shutdown ends everything and returns when it has ended, or a little later when
// whatsmeow hangs in a handshake.
func (c *core) shutdown() {
	if cl := c.current.Load(); cl != nil {
		// A proper end of the connection, before contexts tear it.
		select {
		case <-cl.Close():
		case <-time.After(disconnectMax):
		}
	}
	c.tasks.Stop(disconnectMax)
}

// errStarting refuses a call that comes before the first load.
func errStarting(op string) error {
	return &fault.Error{Kind: fault.Starting, Op: op, Msg: "the worker is still starting", RetryAfter: time.Second}
}
