package worker

import (
	"errors"
	"time"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/appstate"
	"go.mau.fi/whatsmeow/store"
	"go.mau.fi/whatsmeow/types/events"

	workerv1 "whatsapp-manager/proto/worker/v1"
	"whatsapp-manager/worker/client"
	"whatsapp-manager/worker/link"
)

// message is something that the main loop is told, with what the loop does about it.
type message interface{ handle(c *core) }

// happened is an event of the link that the loop adds nothing to.
type happened struct{ event link.Event }

func (m happened) handle(c *core) { c.step(m.event) }

// fromClient is a message about one client, which counts only while that is the present
// one.
type fromClient struct {
	client *client.Client
	message
}

func (m fromClient) handle(c *core) {
	if m.client == c.current.Load() {
		m.message.handle(c)
	}
}

// connectionMessage translates whatsmeow's events about connection, login and pairing;
// nil for all others. Here, and nowhere else, they become events of the link.
func connectionMessage(evt any) message {
	switch e := evt.(type) {
	case *events.QR:
		return codesCame{e.Codes}
	case *events.PairSuccess:
		return paired{business: isBusiness(e.Platform)}
	case *events.PairError:
		return happened{link.PairFailed{Err: e.Error}}
	case *events.QRScannedWithoutMultidevice:
		return happened{link.PhoneOutdated{}}
	case *events.ManualLoginReconnect:
		return happened{link.ReconnectAsked{}}
	case *events.Connected:
		return loggedIn{}
	case *events.OfflineSyncCompleted:
		return caughtUp{}
	case *events.AppStateSyncComplete:
		return collectionSynced{e.Name}
	case *events.Disconnected:
		return disconnected{}
	case *events.KeepAliveTimeout:
		return keepAliveMissed{e.ErrorCount}
	case *events.KeepAliveRestored:
		return keepAliveRestored{}
	case *events.StreamError:
		return happened{link.StreamFailed{Code: e.Code}}
	case *events.StreamReplaced:
		return happened{link.Replaced{}}
	case *events.ClientOutdated:
		return happened{link.Outdated{}}
	case *events.TemporaryBan:
		return happened{link.Banned{Reason: e.Code.String(), For: e.Expire}}
	case *events.ConnectFailure:
		return happened{link.Refused{Code: int(e.Reason), Message: e.Message}}
	case *events.LoggedOut:
		return happened{link.LoggedOut{Reason: e.Reason.String()}}
	}
	return ceremonyMessage(evt)
}

// isBusiness reports whether a platform is a WhatsApp Business app.
func isBusiness(platform string) bool { return platform == "smba" || platform == "smbi" }

// dialled is the result of a dial.
type dialled struct{ err error }

func (m dialled) handle(c *core) {
	switch {
	case m.err == nil:
		c.loop.openedAt, c.loop.excused = time.Now(), 0
		c.step(link.DialOpened{})
	case errors.Is(m.err, client.ErrStuck):
		c.step(link.DialStuck{})
	default:
		c.step(link.DialFailed{Err: m.err})
	}
}

// codesCame are the codes of a round.
type codesCame struct{ list []string }

func (m codesCame) handle(c *core) {
	c.step(link.CodesShown{})
	if c.loop.link.State() == workerv1.LinkState_LINK_STATE_PAIRING {
		c.showCodes(m.list)
	}
}

// paired says that the phone has linked the device.
type paired struct{ business bool }

func (m paired) handle(c *core) {
	c.loop.bootstrap = bootstrap{}
	c.stopCodes()
	c.step(link.Paired{Business: m.business})
}

// loggedIn says that WhatsApp has let the device in.
type loggedIn struct{}

func (loggedIn) handle(c *core) {
	c.loop.bootstrap.logins++
	c.step(link.LoggedIn{})
}

// caughtUp says that WhatsApp has delivered what queued up meanwhile.
type caughtUp struct{}

func (caughtUp) handle(c *core) {
	// At the first login after a pairing the phone's keys are yet to come.
	if !c.loop.link.Fresh() || c.loop.bootstrap.logins > 1 {
		c.repair()
	}
	c.step(link.CaughtUp{})
}

// collectionSynced says that a collection of app state is there.
type collectionSynced struct{ name appstate.WAPatchName }

func (m collectionSynced) handle(c *core) {
	if c.loop.bootstrap.collection(m.name) {
		c.step(link.BootstrapComplete{})
	}
}

// historyStored says that a part of the history is in Postgres.
type historyStored struct {
	progress        uint32
	chats, messages int
}

func (m historyStored) handle(c *core) {
	c.loop.bootstrap.chats += uint64(m.chats)
	c.loop.bootstrap.messages += uint64(m.messages)
	complete := c.loop.bootstrap.historyPart(m.progress)
	if c.loop.link.Fresh() {
		c.announcer.announce("loading_screen", int(m.progress), "WhatsApp")
	}
	if complete {
		c.step(link.BootstrapComplete{})
	}
}

// disconnected says that the connection has ended.
type disconnected struct{}

func (disconnected) handle(c *core) { c.step(link.HungUp{Lasted: time.Since(c.loop.openedAt)}) }

// keepAliveMissed counts the keep-alives in a row that had no answer.
type keepAliveMissed struct{ count int }

func (m keepAliveMissed) handle(c *core) {
	if c.current.Load().HeldBack(whatsmeow.KeepAliveResponseDeadline) {
		c.loop.excused = m.count // the answer waits behind bytes that were not read
		return
	}
	c.step(link.KeepAliveMissed{Count: m.count - c.loop.excused})
}

// keepAliveRestored says that a keep-alive was answered again.
type keepAliveRestored struct{}

func (keepAliveRestored) handle(c *core) {
	c.loop.excused = 0
	c.step(link.KeepAliveRestored{})
}

func (p profile) handle(c *core) { c.loop.profile = p }

// outageIs says that the database went away, or that it is back.
type outageIs struct{ away bool }

func (m outageIs) handle(c *core) {
	c.loop.outage = m.away
	c.loop.timers.stop(timerOutage)
	if m.away {
		c.loop.timers.set(timerOutage, c.tuning.OutageLimit, func() { c.tell(outageLong{}) })
		return
	}
	c.step(link.OutageOver{})
}

// outageLong says that the limit of an outage has passed.
type outageLong struct{}

func (outageLong) handle(c *core) {
	if c.loop.outage {
		c.step(link.OutageLong{})
	}
}

// notRecorded says that a message could not be recorded, by no fault of its own.
type notRecorded struct{}

// handle has WhatsApp deliver the message again, which happens with the next login only.
func (notRecorded) handle(c *core) {
	if after, due := c.loop.redelivery.next(time.Now()); due {
		c.loop.timers.set(timerRedelivery, after, func() { c.tell(happened{link.Silent{}}) })
	}
}

// dialNow says that the pause before a dial is over.
type dialNow struct{}

func (dialNow) handle(c *core) { c.dialNow() }

// loadDone is the result of a load.
type loadDone struct {
	device *store.Device
	taken  bool // by another instance
	err    error
}

// pingCall asks whether the loop runs.
type pingCall struct{ answered chan struct{} }

func (m pingCall) handle(*core) { close(m.answered) }

// onLoop has the loop run something that does not block.
type onLoop struct{ fn func() }

func (m onLoop) handle(*core) { m.fn() }
