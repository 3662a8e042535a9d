package link

import "time"

// Action is something that the worker has to do. The types of this file are all there
// are.
type Action interface{ isAction() }

type (
	// Dial connects, after a while.
	Dial struct{ After time.Duration }
	// HangUp ends the connection, or gives up a dial that has not begun.
	HangUp struct{}
	// Forget removes the device with its keys and goes on with a new one.
	Forget struct{}
	// Renew goes on with a new device, because the last one is of no use.
	Renew struct{}
	// Suspend ends the client, so that nothing is received.
	Suspend struct{}
	// Resume loads the device and makes a client again.
	Resume struct{}
	// StopCodes stops showing codes; the connection stays.
	StopCodes struct{}
	// ConfirmCode tells WhatsApp that the code of a passkey ceremony is right.
	ConfirmCode struct{}
	// Announce writes a link event of whatsapp-web.js to the feed.
	Announce struct {
		Event string
		Args  []any
	}
	// SetTimer starts a timer anew. Its end is the event TimerEnded.
	SetTimer struct {
		Timer Timer
		After time.Duration
	}
	// StopTimer stops a timer, if it runs.
	StopTimer struct{ Timer Timer }
)

func (Dial) isAction()        {}
func (HangUp) isAction()      {}
func (Forget) isAction()      {}
func (Renew) isAction()       {}
func (Suspend) isAction()     {}
func (Resume) isAction()      {}
func (StopCodes) isAction()   {}
func (ConfirmCode) isAction() {}
func (Announce) isAction()    {}
func (SetTimer) isAction()    {}
func (StopTimer) isAction()   {}

// Timer names one of a link's timers.
type Timer int

// The timers of a link.
const (
	TimerLogin    Timer = iota // a login has to be over
	TimerRelogin               // WhatsApp has to ask for the connection that follows a pairing
	TimerCatchUp               // what queued up, or the bootstrap, has to be there
	TimerBan                   // a ban is over
	TimerCeremony              // a passkey, the phone or a person has to answer
)

// announce makes the action for an event with one argument.
func announce(event string, arg any) Announce { return Announce{event, []any{arg}} }
