package link

import "time"

// Event is something that happens to a link. The types of this file are all there are.
type Event interface {
	// apply changes the link and returns what is to be done about it.
	apply(l *Link, r rules) []Action
}

// rules are what an event needs to know besides the link.
type rules struct {
	maxRounds int // of codes
	now       time.Time
}

// Events of the worker itself.
type (
	// Started is the first event: the device has been loaded. Taken says that there is
	// none, because another instance has paired it.
	Started struct{ Paired, Business, Taken bool }
	// Reloaded says that the device was loaded again after an outage.
	Reloaded struct{ Paired bool }
	// DeviceTaken says that another instance has paired this device.
	DeviceTaken struct{}
	// PairAsked says that somebody wants to pair. With Renew the codes that are shown
	// are of no use to them, for example because they are too old.
	PairAsked struct{ Renew bool }
	// CodesSpent says that the last code of a round has expired.
	CodesSpent struct{}
	// TimerEnded says that a timer of SetTimer has ended.
	TimerEnded struct{ Timer Timer }
	// OutageLong says that the database has been away for long.
	OutageLong struct{}
	// OutageOver says that the database is back.
	OutageOver struct{}
	// LoggedOutByUs says that the account was unlinked at our own request.
	LoggedOutByUs struct{}
)

// Events of the connection.
type (
	// DialOpened says that a dial has succeeded.
	DialOpened struct{}
	// DialFailed says that a dial has failed.
	DialFailed struct{ Err error }
	// DialStuck says that the connection ended in the handshake. The client hangs in it.
	DialStuck struct{}
	// HungUp says that the connection has ended, and how long it lasted.
	HungUp struct{ Lasted time.Duration }
	// Silent says that nothing was heard from WhatsApp for too long.
	Silent struct{}
	// DecryptFailed says that a frame did not decrypt. No later frame of the connection will.
	DecryptFailed struct{}
	// KeepAliveMissed says how many keep-alives in a row had no answer.
	KeepAliveMissed struct{ Count int }
	// KeepAliveRestored says that a keep-alive was answered again.
	KeepAliveRestored struct{}
	// StreamFailed is an error that WhatsApp sends before it ends the connection. The
	// link waits for that end, which says more.
	StreamFailed struct{ Code string }
)

// Events of pairing and login.
type (
	// CodesShown says that WhatsApp gave a round of codes to scan.
	CodesShown struct{}
	// PhoneOutdated says that the phone which scanned the code is too old to link a device.
	PhoneOutdated struct{}
	// Paired says that the phone has linked this device.
	Paired struct{ Business bool }
	// PairFailed says that the pairing broke off. The device is of no use any more.
	PairFailed struct{ Err error }
	// ReconnectAsked is WhatsApp's wish for a new connection that follows a pairing.
	ReconnectAsked struct{}
	// LoggedIn says that WhatsApp has let the device in.
	LoggedIn struct{}
	// CaughtUp says that WhatsApp has delivered what queued up while we were away.
	CaughtUp struct{}
	// BootstrapComplete says that app state and the first history are there.
	BootstrapComplete struct{}
)

// Events after which nothing is dialled until somebody acts.
type (
	// Replaced says that another client uses this device's connection.
	Replaced struct{}
	// Outdated says that WhatsApp no longer accepts this version of the client.
	Outdated struct{}
	// Banned says that the account may not log in for a while; zero is an unknown time.
	Banned struct {
		Reason string
		For    time.Duration
	}
	// Refused says that WhatsApp refused the login for another reason.
	Refused struct {
		Code    int
		Message string
	}
	// LoggedOut says that the account's owner or WhatsApp unlinked this device.
	LoggedOut struct{ Reason string }
)

// late reports whether an event tells of a connection that works. When no connection is
// wanted any more, such an event was on its way while the link was taken down.
func late(event Event) bool {
	switch event.(type) {
	case CodesShown, Paired, PairFailed, ReconnectAsked, LoggedIn, CaughtUp, KeepAliveMissed, KeepAliveRestored,
		DialOpened, DialFailed, DialStuck, CodesSpent, BootstrapComplete, Silent, DecryptFailed,
		PasskeyRequired, PasskeyAnswered, PasskeyAccepted, PasskeyRefused, PasskeyBroken, CodeCame:
		return true
	}
	return false
}
