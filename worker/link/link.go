package link

import (
	"time"

	workerv1 "whatsapp-manager/proto/worker/v1"
)

// The words of whatsapp-web.js for the state of the link.
const (
	waOpening     = "OPENING"
	waPairing     = "PAIRING"
	waUnpaired    = "UNPAIRED"
	waUnpairedOld = "UNPAIRED_IDLE" // the codes ran out
	// WAConnected is the word for a link that is logged in.
	WAConnected  = "CONNECTED"
	waTimeout    = "TIMEOUT"
	waConflict   = "CONFLICT"
	waDeprecated = "DEPRECATED_VERSION"
	waBanned     = "TOS_BLOCK"
	waBannedSMB  = "SMB_TOS_BLOCK"
)

const (
	reconnectFirst    = time.Second
	reconnectLast     = time.Minute
	steadyAfter       = 10 * time.Second // a connection that held this long was a good one
	failsAfterLogin   = 2                // a server that lets us in and drops us again is dialled every two seconds
	loginDeadline     = 100 * time.Second
	reloginDeadline   = 10 * time.Second // for the request to reconnect that follows a pairing
	catchUpDeadline   = 30 * time.Second
	bootstrapDeadline = 60 * time.Second // for app state and history after a pairing

	// KeepAliveLimit is how many keep-alives in a row go unanswered until the connection
	// is made anew.
	KeepAliveLimit = 2
)

type socketPhase int

const (
	noSocket socketPhase = iota
	dialling
	open
)

// Link is what the worker knows of the connection to WhatsApp. Its zero value is the
// link before Started. Only Step changes it; it is a plain value.
type Link struct {
	state        workerv1.LinkState
	reason       string
	detail       string
	wa           string
	until        time.Time
	socket       socketPhase
	dropped      bool // the connection ended before the dialler reported it open
	unreadable   bool // a frame did not decrypt before the dialler reported the connection open
	paired       bool
	business     bool // a business account
	fresh        bool // paired a moment ago, app state and history still to come
	bootstrapped bool // they have come
	caughtUp     bool // what queued up meanwhile has been delivered, on this connection
	ready        bool // "ready" was announced since the start or the last pairing
	known        bool // "authenticated" was announced since then
	rounds       int  // of codes shown since pairing was asked for, without the spared ones
	spared       int  // rounds that do not count, because their connection died
	retried      int  // ceremonies after whose end somebody gets another code
	fails        int  // connections in a row that did not hold
	suspended    bool // taken down because the database is away
	ceremony     Ceremony
	refusals     int // of answers, in this ceremony
	problem      Problem
}

// State is the state in our own words.
func (l Link) State() workerv1.LinkState { return l.state }

// Reason says in one word why the link is in its state, and is empty where that needs
// no reason. Detail says it in a sentence.
func (l Link) Reason() string { return l.reason }

// Detail is the reason as a sentence, and may quote an error.
func (l Link) Detail() string { return l.detail }

// WAState is the state in the words of whatsapp-web.js, empty before Started.
func (l Link) WAState() string { return l.wa }

// Until is when a ban ends, zero where there is none or its end is unknown.
func (l Link) Until() time.Time { return l.until }

// Open reports whether there is a connection.
func (l Link) Open() bool { return l.socket == open }

// Dialling reports whether a connection is being made.
func (l Link) Dialling() bool { return l.socket == dialling }

// Paired reports whether the device belongs to an account.
func (l Link) Paired() bool { return l.paired }

// Fresh reports whether the device was paired a moment ago and waits for its app state
// and history.
func (l Link) Fresh() bool { return l.fresh }

// Suspended reports whether the link is down because the database is away.
func (l Link) Suspended() bool { return l.suspended }

// Wanted reports whether a connection is to be kept in this state at all.
func (l Link) Wanted() bool {
	switch l.state {
	case workerv1.LinkState_LINK_STATE_UNPAIRED, workerv1.LinkState_LINK_STATE_LOGGED_OUT, workerv1.LinkState_LINK_STATE_REFUSED:
		return false
	}
	return !l.suspended
}

// Step returns what an event makes of a link, and what is to be done about it. Pairing
// shows at most maxRounds rounds of codes until it is asked for again. Step is pure; it
// uses now only to compute the end of a ban.
func Step(l Link, event Event, maxRounds int, now time.Time) (Link, []Action) {
	if !l.Wanted() && late(event) {
		return l, nil
	}
	before := l.wa
	acts := event.apply(&l, rules{maxRounds, now})
	if l.wa != before {
		acts = append([]Action{announce("change_state", l.wa)}, acts...)
	}
	return l, acts
}

func (e Started) apply(l *Link, _ rules) []Action {
	l.paired, l.business = e.Paired, e.Business
	if e.Taken {
		l.taken()
		return nil
	}
	return l.begin()
}

func (e Reloaded) apply(l *Link, _ rules) []Action {
	l.paired = e.Paired
	return nil
}

// begin connects, to log in or to be shown codes.
func (l *Link) begin() []Action {
	l.set(workerv1.LinkState_LINK_STATE_CONNECTING, "", "", waOpening)
	return l.redial(0)
}

func (l *Link) set(state workerv1.LinkState, reason, detail, wa string) {
	l.state, l.reason, l.detail, l.wa = state, reason, detail, wa
	l.until = time.Time{}
}

// lose says that there is no connection and that one is being made.
func (l *Link) lose(reason, detail string) {
	state := workerv1.LinkState_LINK_STATE_CONNECTING
	if l.paired && l.ready {
		state = workerv1.LinkState_LINK_STATE_OFFLINE
	}
	l.set(state, reason, detail, waOpening)
}

func (l *Link) redial(after time.Duration) []Action {
	if l.suspended {
		l.socket = noSocket
		return nil
	}
	l.socket, l.dropped, l.unreadable, l.caughtUp = dialling, false, false, false
	return []Action{StopTimer{TimerLogin}, StopTimer{TimerCatchUp}, Dial{after}}
}

// backOff counts a failure and returns how long to wait before the next dial: not at
// all after the first failure, then twice as long each time. The pause stays exact
// here, because Step is pure; the worker spreads it.
func (l *Link) backOff() time.Duration {
	n := l.fails
	l.fails++
	if n == 0 {
		return 0
	}
	return min(reconnectFirst<<min(n-1, 10), reconnectLast)
}

func (e TimerEnded) apply(l *Link, r rules) []Action {
	switch e.Timer {
	case TimerLogin:
		if l.socket == open && l.wa != WAConnected && l.Wanted() {
			l.lose("login_timeout", "WhatsApp did not finish the login")
			return append([]Action{HangUp{}}, l.redial(l.backOff())...)
		}
	case TimerRelogin:
		if l.wa == waPairing {
			return append([]Action{HangUp{}}, l.redial(0)...)
		}
	case TimerCatchUp:
		if l.syncing() {
			return l.becomeReady()
		}
	case TimerCeremony:
		return l.ceremonyEnded(r.maxRounds)
	case TimerBan:
		if l.reason == "temporary_ban" {
			return l.begin()
		}
	}
	return nil
}

func (OutageLong) apply(l *Link, _ rules) []Action {
	if !l.Wanted() || l.ceremony != NoCeremony {
		return nil
	}
	l.suspended = true
	l.socket = noSocket
	l.lose("database_unavailable", "")
	return []Action{StopTimer{TimerLogin}, StopTimer{TimerCatchUp}, Suspend{}}
}

func (OutageOver) apply(l *Link, _ rules) []Action {
	if !l.suspended {
		return nil
	}
	l.suspended = false
	if !l.Wanted() {
		return []Action{Resume{}}
	}
	return append([]Action{Resume{}}, l.redial(0)...)
}
