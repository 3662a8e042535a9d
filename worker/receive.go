package worker

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"
	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/store"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"

	"whatsapp-manager/proto/backoff"
	workerv1 "whatsapp-manager/proto/worker/v1"
	"whatsapp-manager/worker/client"
	"whatsapp-manager/worker/host"
	"whatsapp-manager/worker/inbound"
	"whatsapp-manager/worker/mirror"
	"whatsapp-manager/worker/pgretry"
	"whatsapp-manager/worker/rpc"
	"whatsapp-manager/worker/shape"
	"whatsapp-manager/worker/signalcache"
)

const (
	recordTries = 5
	recordPause = 50 * time.Millisecond // doubles with each try
)

// handler is whatsmeow's handler of events, and the work that follows from them. It
// records what comes and tells the main loop what that needs to know.
type handler struct {
	tuning    Tuning
	memory    uint64 // limit of the process, in bytes
	onEvent   func(any)
	log       zerolog.Logger
	db        *pgretry.DB
	mirror    *mirror.Mirror
	devices   *devices
	announcer *announcer
	tasks     *tasks
	counters  *rpc.Counters
	pace      *pace
	idle      *host.IdleFreer
	account   atomic.Pointer[inbound.Account]
	// readBlocklist is the method table's, which is made after the handler.
	readBlocklist func(context.Context, *whatsmeow.Client) error
	// tell and report hand the main loop a message; end ends the process.
	tell   func(message)
	report func(*client.Client, message)
	end    func(reason string, cause error)
}

// newHandler has to come before the confinement.
func newHandler(boot *workerv1.Bootstrap, onEvent func(any), c *core) *handler {
	return &handler{
		tuning: c.tuning, memory: boot.GetMemoryLimitBytes(), onEvent: onEvent, log: c.log, db: c.db, mirror: c.mirror,
		devices: c.devices, announcer: c.announcer, tasks: c.tasks, counters: c.counters,
		pace: newPace(boot.GetInboundPerSecond()), idle: &host.IdleFreer{}, tell: c.tell, report: c.report, end: c.end,
	}
}

// receive is whatsmeow's handler. True means that the event is in Postgres, or that there
// is nothing to write; only then does WhatsApp get our receipt. It runs on the receive
// loop, one event at a time, and holds that up while it waits for the database. A panic
// is a failure like any other: the message stays with WhatsApp and comes again with the
// next login.
func (h *handler) receive(cl *client.Client, evt any) (recorded bool) {
	defer func() {
		if p := recover(); p != nil {
			h.counters.HandlerFailures.Add(1)
			// The value of a panic may quote a message; its type and stack do not.
			h.log.Error().Str("event", fmt.Sprintf("%T", evt)).Str("panic", fmt.Sprintf("%T", p)).
				Bytes("stack", debug.Stack()).Msg("handler panicked")
			recorded = false
		}
	}()
	step := h.step(evt)
	if cl.Context().Err() != nil {
		step.Forget()
		return false
	}
	defer cl.Handled(evt)
	defer h.pace.wait(cl.Context(), evt) // afterwards: a message holds its session until it is recorded
	ctx, done := h.withDeadline(cl, evt)
	defer done()
	defer func() { recorded = h.settle(ctx, cl, step, recorded) }()
	h.idle.Touch()
	h.counters.Events.Add(1)
	h.counters.LastEvent.Store(time.Now().UnixNano())
	if h.onEvent != nil {
		h.onEvent(evt)
	}
	switch e := evt.(type) {
	case *events.PairSuccess:
		h.devices.guard(cl.WA.Store)
		h.learnProfile(ctx, cl)
	case *events.Connected:
		h.prove(cl)
		h.learnProfile(ctx, cl)
		h.tasks.Go(func(context.Context) { h.restorePresence(cl); h.refreshBlocklist(cl) })
	case *events.PushNameSetting, *events.AppStateSyncComplete:
		h.learnProfile(ctx, cl)
	case *events.Blocklist:
		h.tasks.Go(func(context.Context) { h.refreshBlocklist(cl) })
	case *events.Message:
		if !e.Info.IsFromMe {
			h.counters.MessagesIn.Add(1)
		}
		if notice := e.Message.GetProtocolMessage().GetHistorySyncNotification(); notice != nil && e.Info.IsFromMe {
			return h.receiveHistory(ctx, cl, e.Info.ID, notice)
		}
		if share := e.Message.GetProtocolMessage().GetAppStateSyncKeyShare(); share != nil && e.Info.IsFromMe {
			return h.judge(ctx, cl, "app state keys", h.retryRecord(ctx, func() error { return h.keepKeys(ctx, cl, share) }))
		}
	}
	if m := connectionMessage(evt); m != nil {
		h.report(cl, m)
		switch evt.(type) {
		case *events.Connected, *events.AppStateSyncComplete, *events.TemporaryBan:
		default:
			return true
		}
	}
	return h.record(ctx, cl, evt, step)
}

// step is what the decryption of this message changed, nil for what was not decrypted
// just now.
func (h *handler) step(evt any) *signalcache.Step {
	e, ok := evt.(*events.Message)
	cache := h.devices.cache.Load()
	if !ok || cache == nil || e.UnavailableRequestID != "" {
		return nil
	}
	return cache.Adopt()
}

// settle writes the step of a message that was recorded, unless it went with the record,
// and takes back the step of one that was not.
func (h *handler) settle(ctx context.Context, cl *client.Client, step *signalcache.Step, recorded bool) bool {
	if step == nil {
		return recorded
	}
	if recorded {
		recorded = h.judge(ctx, cl, "Signal state", step.Settle(ctx))
	}
	if !recorded {
		step.Forget()
	}
	return recorded
}

// beforePairing records the device that is about to exist. False cancels the pairing.
func (h *handler) beforePairing(cl *client.Client, jid types.JID) bool {
	err := h.devices.claim(cl.Context(), jid)
	if err == nil {
		return true
	}
	h.log.Error().Err(err).Msg("pairing cancelled: device not recorded")
	if errors.Is(err, mirror.ErrFenced) {
		h.end("fenced", err)
	}
	return false
}

// learnProfile reads whose account this is from the store, in the goroutine that has just
// changed it.
func (h *handler) learnProfile(ctx context.Context, cl *client.Client) {
	h.report(cl, profileOf(cl.WA.Store))
	err := h.db.RetryUntilAvailable(ctx, func() error { return h.setAccount(ctx, cl.WA.Store) })
	h.judge(ctx, cl, "account", err)
}

// setAccount tells the mirror whose account this is. An unpaired device changes nothing.
func (h *handler) setAccount(ctx context.Context, device *store.Device) error {
	acct := inbound.Account{
		JID: device.GetJID(), LID: device.GetLID(), PushName: device.PushName, Platform: device.Platform,
	}
	if acct.JID.IsEmpty() {
		return nil
	}
	if err := h.mirror.SetAccount(ctx, acct); err != nil {
		return err
	}
	h.account.Store(&acct)
	return nil
}

// directory answers inbound's questions from whatsmeow's store.
type directory struct {
	store.LIDStore
	store.MsgSecretStore
}

// record translates an event and writes it, with the step of its decryption.
func (h *handler) record(ctx context.Context, cl *client.Client, evt any, step *signalcache.Step) bool {
	if id, known := cl.WA.Store.GetJID(), h.account.Load(); !id.IsEmpty() && (known == nil || known.JID != id) {
		// whatsmeow raises PairSuccess and Connected in goroutines of their own, so a
		// later event may come first.
		h.learnProfile(ctx, cl)
	}
	acct := inbound.Account{}
	if known := h.account.Load(); known != nil {
		acct = *known
	}
	if !h.judge(ctx, cl, "usernames", h.keepUsernames(ctx, cl, acct)) {
		return false
	}
	var change inbound.Change
	var says bool
	err := h.retryRecord(ctx, func() (err error) {
		change, says, err = inbound.Translate(ctx, acct, directory{cl.WA.Store.LIDs, cl.WA.Store.MsgSecrets}, evt)
		return err
	})
	if err == nil && !says {
		h.unreadable(change)
		return true
	}
	if err == nil {
		with := ctx
		if step != nil {
			with = mirror.Riding(ctx, step)
		}
		if err = h.retryRecord(ctx, func() error { return h.mirror.Apply(with, change) }); err == nil {
			h.unreadable(change)
		}
	}
	if m, ok := change.Op.(*inbound.Message); ok && err == nil && m.Type == shape.TypeCiphertext {
		if e, ok := evt.(*events.UndecryptableMessage); ok && !e.IsUnavailable {
			h.expectContent(m)
		}
	}
	return h.judge(ctx, cl, fmt.Sprintf("%T", evt), err)
}

// keepUsernames writes down the usernames that stanzas told, so that the event of such a
// stanza has them. What cannot be written is told with a later stanza again.
func (h *handler) keepUsernames(ctx context.Context, cl *client.Client, acct inbound.Account) error {
	named := cl.TakeUsernames()
	if len(named) == 0 || acct.JID.IsEmpty() {
		return nil
	}
	told := make([]inbound.Named, len(named))
	for i, n := range named {
		told[i] = inbound.Named(n)
	}
	return h.retryRecord(ctx, func() error {
		change, err := inbound.Usernames(ctx, acct, cl.WA.Store.LIDs, told)
		if err != nil {
			return err
		}
		return h.mirror.LearnUsernames(ctx, change)
	})
}

// unreadable counts a sealed part that nothing opens, so that it is not lost in silence.
func (h *handler) unreadable(change inbound.Change) {
	if change.Unreadable == "" {
		return
	}
	h.counters.Unreadable.Count(change.Unreadable)
	h.log.Warn().Str("kind", change.Unreadable).Msg("part of a message cannot be opened: no secret fits")
}

// expectContent announces after a while that a message has not become readable:
// whatsapp-web.js waits 15 s for the copy that its sender is asked for. A worker that
// ends meanwhile announces nothing; the message stays of type ciphertext.
func (h *handler) expectContent(m *inbound.Message) {
	id := m.ID
	h.tasks.Go(func(ctx context.Context) {
		if backoff.Sleep(ctx, h.tuning.CiphertextWait) != nil {
			return
		}
		record, err := h.mirror.Message(ctx, id)
		if err != nil || record.Shape.Type != shape.TypeCiphertext {
			return // readable, deleted, or the database is away
		}
		h.announcer.put(mirror.FeedEvent{
			Key: "ciphertext_failed:" + record.Shape.ID.Serialized, Type: "message_ciphertext_failed",
			Lane: record.Shape.ID.Remote, Args: []any{record.Shape}, At: time.Now(),
		})
	})
}

// retryRecord repeats fn during an outage, and a few times when Postgres refuses for a
// moment.
func (h *handler) retryRecord(ctx context.Context, fn func() error) error {
	pause := backoff.New(recordPause, time.Second)
	var err error
	for range recordTries {
		if err = h.db.RetryUntilAvailable(ctx, fn); err == nil || !pgretry.IsTransient(err) {
			return err
		}
		if pause.Wait(ctx) != nil {
			return err
		}
	}
	return err
}

// judge makes of the result of a write what whatsmeow is told.
func (h *handler) judge(ctx context.Context, cl *client.Client, what string, err error) bool {
	switch {
	case err == nil:
		return true
	case errors.Is(err, mirror.ErrFenced):
		h.end("fenced", err)
	case cl.Context().Err() != nil:
		// The client was ended: the next one gets the event again.
	default:
		if pgretry.IsTransient(err) || ctx.Err() != nil {
			h.tell(notRecorded{})
		}
		h.counters.HandlerFailures.Add(1)
		h.log.Error().Err(err).Str("event", what).Msg("event not recorded")
	}
	return false
}
