package worker

import (
	"fmt"
	"time"

	"go.mau.fi/whatsmeow/types/events"

	workerv1 "whatsapp-manager/proto/worker/v1"
)

// The words of whatsapp-web.js for the state of the link.
const (
	waOpening     = "OPENING"
	waPairing     = "PAIRING"
	waUnpaired    = "UNPAIRED"
	waUnpairedOld = "UNPAIRED_IDLE" // the codes ran out
	waConnected   = "CONNECTED"
	waTimeout     = "TIMEOUT"
	waConflict    = "CONFLICT"
	waDeprecated  = "DEPRECATED_VERSION"
	waBanned      = "TOS_BLOCK"
	waBannedSMB   = "SMB_TOS_BLOCK"
)

const (
	reconnectFirst   = time.Second
	reconnectLast    = time.Minute
	steadyAfter      = 10 * time.Second // a connection that held this long was a good one
	failsAfterLogin  = 2                // who lets us in and drops us again is dialled every two seconds
	loginDeadline    = 100 * time.Second
	reloginDeadline  = 10 * time.Second // for the 515 that follows a pairing
	catchUpDeadline  = 30 * time.Second
	bootstrapPatient = 60 * time.Second // for app state and history after a pairing
	keepAliveLimit   = 2                // unanswered keep-alives in a row until the connection is reset
)

type socketPhase int

const (
	noSocket socketPhase = iota
	dialling
	open
)

// link is what the main loop knows of the connection to WhatsApp. Only step
// changes it; it is a plain value.
type link struct {
	state   workerv1.LinkState
	reason  string
	detail  string
	wa      string
	until   time.Time
	socket  socketPhase
	dropped bool // the connection ended before the dialler reported it open
	deaf    bool // it cannot be read any more, as was found before that
	paired  bool
	smb     bool // a business account
	fresh   bool // paired a moment ago, app state and history still to come
	handed  bool // they have come
	caught  bool // what queued up meanwhile has been delivered, on this connection
	settled bool // ready was announced since the start or the last pairing
	known   bool // authenticated was announced since then
	rounds  int  // of codes shown since pairing was asked for, spared ones aside
	spared  int  // rounds that do not count, because their connection died
	fails   int  // connections in a row that did not hold
	suspend bool // taken down because the database is away
}

// What happens to a link. Events of whatsmeow are taken as they are.
type (
	started     struct{ paired, smb bool }
	pairAsked   struct{ renew bool } // renew: the codes shown are too old to be useful
	dialOpened  struct{}
	dialFailed  struct{ err error }
	dialStuck   struct{} // the connection ended in the handshake; the client hangs in it
	codesSpent  struct{}
	hungUp      struct{ lasted time.Duration }
	timerEnded  struct{ which timerName }
	wentSilent  struct{}
	wentDeaf    struct{} // a frame did not decrypt, so none that follows on this connection will
	gotReady    struct{} // app state and first history are there
	loggedOutBy struct{} // by our own request
	outageLong  struct{}
	outageOver  struct{}
)

// What the loop has to do about it.
type action any

type (
	dial     struct{ after time.Duration }
	hangUp   struct{}
	forget   struct{} // remove the device and its keys, build a new one
	renew    struct{} // new client on a new device: the last one is of no use
	suspend  struct{} // end the client, so that nothing is received
	resume   struct{} // and build it again
	announce struct {
		event string
		args  []any
	}
	setTimer struct {
		which timerName
		after time.Duration
	}
	stopTimer struct{ which timerName }
)

type timerName int

const (
	timerLogin timerName = iota
	timerRelogin
	timerCatchUp
	timerBan
	timerCount
)

// step says what an event does to a link and what is to be done about it. It
// is pure; `now` is only used to compute the end of a ban.
func step(l link, event any, maxRounds int, now time.Time) (link, []action) {
	before := l.wa
	acts := l.apply(event, maxRounds, now)
	if l.wa != before {
		acts = append([]action{announce{"change_state", []any{l.wa}}}, acts...)
	}
	return l, acts
}

func (l *link) apply(event any, maxRounds int, now time.Time) []action {
	if !l.wanted() && late(event) {
		return nil
	}
	switch e := event.(type) {
	case started:
		l.paired, l.smb = e.paired, e.smb
		return l.begin()
	case pairAsked:
		return l.pairAsked(e.renew)
	case dialOpened:
		if l.socket != dialling {
			return nil
		}
		if l.deaf {
			return append([]action{hangUp{}}, l.redial(0)...)
		}
		if l.dropped {
			return l.redial(0)
		}
		l.socket = open
		if l.paired {
			return []action{setTimer{timerLogin, loginDeadline}}
		}
		return nil
	case dialFailed:
		if l.socket != dialling {
			return nil
		}
		l.socket = noSocket
		l.lose("unreachable", e.err.Error())
		return l.redial(l.backOff())
	case dialStuck:
		if l.socket != dialling {
			return nil
		}
		l.lose("unreachable", "the connection ended during the handshake")
		return append([]action{suspend{}, resume{}}, l.redial(l.backOff())...)
	case *events.QR:
		l.rounds++
		l.fails = 0
		l.set(workerv1.LinkState_LINK_STATE_PAIRING, "", "", waUnpaired)
		return nil
	case codesSpent:
		if l.state != workerv1.LinkState_LINK_STATE_PAIRING {
			return nil
		}
		l.socket = noSocket
		return append([]action{hangUp{}}, l.nextRound(maxRounds)...)
	case *events.PairPasskeyRequest, *events.QRScannedWithoutMultidevice:
		return l.pairingHint(event)
	case *events.PairSuccess:
		l.paired, l.fresh, l.known, l.settled, l.handed = true, true, true, false, false
		l.smb = e.Platform == "smba" || e.Platform == "smbi"
		l.set(workerv1.LinkState_LINK_STATE_CONNECTING, "pairing", "", waPairing)
		return []action{announce{"authenticated", nil}, setTimer{timerRelogin, reloginDeadline}}
	case *events.PairError:
		l.paired, l.socket = false, noSocket
		acts := []action{hangUp{}, renew{}, announce{"auth_failure", []any{e.Error.Error()}}}
		acts = append(acts, l.nextRound(maxRounds)...)
		l.detail = e.Error.Error()
		return acts
	case *events.ManualLoginReconnect:
		return append([]action{stopTimer{timerRelogin}, hangUp{}}, l.redial(0)...)
	case *events.Connected:
		return l.connected()
	case *events.OfflineSyncCompleted:
		// It may overtake Connected, which whatsmeow reports from another goroutine.
		l.caught = true
		return l.perhapsReady()
	case gotReady:
		l.handed = true
		return l.perhapsReady()
	case timerEnded:
		return l.timerEnded(e.which)
	case hungUp:
		return l.hungUp(e.lasted, maxRounds)
	case *events.KeepAliveTimeout:
		return l.keepAliveMissed(e.ErrorCount, maxRounds)
	case *events.KeepAliveRestored:
		if l.socket == open && l.wa == waTimeout {
			l.set(workerv1.LinkState_LINK_STATE_ONLINE, "", "", waConnected)
		}
		return nil
	case wentSilent:
		if l.socket != open {
			return nil
		}
		return l.died("silent", "nothing was heard from WhatsApp", maxRounds)
	case wentDeaf:
		return l.wentDeaf(maxRounds)
	case outageLong:
		return l.outageLong()
	case outageOver:
		if !l.suspend {
			return nil
		}
		l.suspend = false
		if !l.wanted() {
			return []action{resume{}}
		}
		return append([]action{resume{}}, l.redial(0)...)
	}
	return l.ended(event, now)
}

// late reports whether an event tells of a connection that goes well: when none
// is wanted any more, it was on its way while the link was taken down.
func late(event any) bool {
	switch event.(type) {
	case *events.QR, *events.PairSuccess, *events.PairError, *events.ManualLoginReconnect, *events.Connected, *events.OfflineSyncCompleted,
		*events.KeepAliveTimeout, *events.KeepAliveRestored, dialOpened, dialFailed, dialStuck, codesSpent, gotReady, wentSilent, wentDeaf:
		return true
	}
	return false
}

// begin connects, to log in or to be shown codes.
func (l *link) begin() []action {
	l.set(workerv1.LinkState_LINK_STATE_CONNECTING, "", "", waOpening)
	return l.redial(0)
}

func (l *link) set(state workerv1.LinkState, reason, detail, wa string) {
	l.state, l.reason, l.detail, l.wa = state, reason, detail, wa
	l.until = time.Time{}
}

// lose says that there is no connection and that one is being made.
func (l *link) lose(reason, detail string) {
	state := workerv1.LinkState_LINK_STATE_CONNECTING
	if l.paired && l.settled {
		state = workerv1.LinkState_LINK_STATE_OFFLINE
	}
	l.set(state, reason, detail, waOpening)
}

func (l *link) redial(after time.Duration) []action {
	if l.suspend {
		l.socket = noSocket
		return nil
	}
	l.socket, l.dropped, l.deaf, l.caught = dialling, false, false, false
	return []action{stopTimer{timerLogin}, stopTimer{timerCatchUp}, dial{after}}
}

// backOff counts a failure and says how long to wait for it: not at all for
// the first, then doubling.
func (l *link) backOff() time.Duration {
	n := l.fails
	l.fails++
	if n == 0 {
		return 0
	}
	return min(reconnectFirst<<min(n-1, 10), reconnectLast)
}

// wanted says whether a connection is to be kept in this state at all.
func (l *link) wanted() bool {
	switch l.state {
	case workerv1.LinkState_LINK_STATE_UNPAIRED, workerv1.LinkState_LINK_STATE_LOGGED_OUT, workerv1.LinkState_LINK_STATE_REFUSED:
		return false
	}
	return !l.suspend
}

func (l *link) syncing() bool {
	return l.state == workerv1.LinkState_LINK_STATE_CONNECTING && l.socket == open && l.wa == waConnected
}

func (l *link) connected() []action {
	if l.socket != open {
		// The dialler's report comes right behind.
		l.socket = open
	}
	l.paired = true
	l.fails = min(l.fails, failsAfterLogin)
	l.set(workerv1.LinkState_LINK_STATE_CONNECTING, "syncing", "", waConnected)
	acts := []action{stopTimer{timerLogin}, stopTimer{timerRelogin}}
	if !l.known {
		l.known = true
		acts = append(acts, announce{"authenticated", nil})
	}
	patience := catchUpDeadline
	if l.fresh {
		patience = bootstrapPatient
	}
	acts = append(acts, setTimer{timerCatchUp, patience})
	return append(acts, l.perhapsReady()...)
}

// perhapsReady completes a login once everything that belongs to it is there.
func (l *link) perhapsReady() []action {
	if !l.syncing() || l.fresh && !l.handed || !l.fresh && !l.caught {
		return nil
	}
	return l.ready()
}

func (l *link) ready() []action {
	l.fresh = false
	l.set(workerv1.LinkState_LINK_STATE_ONLINE, "", "", waConnected)
	acts := []action{stopTimer{timerCatchUp}}
	if !l.settled {
		l.settled = true
		acts = append(acts, announce{"ready", nil})
	}
	return acts
}

func (l *link) timerEnded(which timerName) []action {
	switch which {
	case timerLogin:
		if l.socket == open && l.wa != waConnected && l.wanted() {
			l.lose("login_timeout", "WhatsApp did not finish the login")
			return append([]action{hangUp{}}, l.redial(l.backOff())...)
		}
	case timerRelogin:
		if l.wa == waPairing {
			return append([]action{hangUp{}}, l.redial(0)...)
		}
	case timerCatchUp:
		if l.syncing() {
			return l.ready()
		}
	case timerBan:
		if l.reason == "temporary_ban" {
			return l.begin()
		}
	}
	return nil
}

func refusal(code int, message string) string {
	if message == "" {
		return fmt.Sprintf("WhatsApp refused the connection (%d)", code)
	}
	return fmt.Sprintf("WhatsApp refused the connection (%d: %s)", code, message)
}
