package link

import (
	"time"

	workerv1 "whatsapp-manager/proto/worker/v1"
)

// Ceremony is how far the linking with a passkey has come. No other timer than its own
// ends one, because a person is acting on a browser and a phone meanwhile.
type Ceremony int

// The steps of a ceremony, in their order.
const (
	NoCeremony    Ceremony = iota
	PasskeyAsked           // WhatsApp waits for an assertion
	PasskeySent            // an assertion is on its way
	PasskeyTaken           // WhatsApp took it, and asks the phone
	CodeToCompare          // a person has to compare the code with the phone's
	CodeConfirmed          // our keys are on their way to the phone
)

const (
	ceremonyAtMost = 10 * time.Minute
	phoneDeadline  = 5 * time.Minute // for the phone, and for the person who compares (a guess)
)

// Problem is what went wrong last while an account was linked. Its zero value is none.
type Problem struct {
	Code   string // for programs
	Detail string // for people
}

// Events of a ceremony.
type (
	// PasskeyRequired says that the account wants a passkey to link a device, and how
	// long WhatsApp waits for it.
	PasskeyRequired struct{ For time.Duration }
	// PasskeyAnswered says that an assertion is sent now.
	PasskeyAnswered struct{}
	// PasskeyAccepted says that WhatsApp took the assertion.
	PasskeyAccepted struct{}
	// PasskeyRefused says that WhatsApp did not take the assertion. Again tells whether it
	// would take another one.
	PasskeyRefused struct {
		Problem
		Again bool
	}
	// PasskeyBroken says that the ceremony cannot go on.
	PasskeyBroken struct{ Problem }
	// CodeCame says that there is a code to compare. Without Compare the proof that was
	// sent with the assertion is enough for WhatsApp.
	CodeCame struct{ Compare bool }
	// CodeCompared is what the person found.
	CodeCompared struct{ Matches bool }
	// LinkingCancelled says that nobody wants to link an account any more.
	LinkingCancelled struct{}
)

// Ceremony is how far the linking with a passkey has come.
func (l Link) Ceremony() Ceremony { return l.ceremony }

// Problem is what went wrong last while the account was linked.
func (l Link) Problem() Problem { return l.problem }

// Rounds is how many rounds of codes were shown since pairing was asked for, without
// those whose connection died.
func (l Link) Rounds() int { return l.rounds }

func (e PasskeyRequired) apply(l *Link, _ rules) []Action {
	if l.state != workerv1.LinkState_LINK_STATE_PAIRING || l.ceremony > PasskeyAsked {
		return nil
	}
	l.ceremony, l.problem = PasskeyAsked, Problem{}
	l.reason, l.detail = "passkey_required", "this account asks for a passkey to link a device"
	l.refusals = 0 // a new question
	return []Action{StopCodes{}, SetTimer{TimerCeremony, PasskeyWait(e.For)}}
}

// PasskeyWait is how long a passkey is waited for when WhatsApp says so much; zero or less
// is nothing said.
func PasskeyWait(said time.Duration) time.Duration {
	if said <= 0 {
		return ceremonyAtMost
	}
	return min(said, ceremonyAtMost)
}

func (PasskeyAnswered) apply(l *Link, _ rules) []Action {
	if l.ceremony == PasskeyAsked {
		l.ceremony, l.problem = PasskeySent, Problem{}
	}
	return nil
}

// PasskeyAccepted may come behind CodeCame, which whatsmeow reports from another
// goroutine.
func (PasskeyAccepted) apply(l *Link, _ rules) []Action {
	if l.ceremony != PasskeySent {
		return nil
	}
	l.ceremony = PasskeyTaken
	return []Action{SetTimer{TimerCeremony, phoneDeadline}}
}

func (e PasskeyRefused) apply(l *Link, r rules) []Action {
	if l.ceremony != PasskeySent {
		return nil
	}
	l.refusals++
	if !e.Again || l.refusals == maxRefusals {
		return l.abandon(e.Problem, r.maxRounds)
	}
	l.ceremony, l.problem = PasskeyAsked, e.Problem
	return nil
}

// maxRefusals is how many answers to one question WhatsApp may refuse. After that the
// question itself may be stale, as when a connection broke between two steps, and a new
// one is asked for.
const maxRefusals = 3

func (e PasskeyBroken) apply(l *Link, r rules) []Action {
	// WhatsApp may tell so instead of asking: then no ceremony has begun.
	if l.state != workerv1.LinkState_LINK_STATE_PAIRING {
		return nil
	}
	return l.abandon(e.Problem, r.maxRounds)
}

func (e CodeCame) apply(l *Link, _ rules) []Action {
	if l.ceremony != PasskeySent && l.ceremony != PasskeyTaken {
		return nil
	}
	if !e.Compare {
		return l.confirm()
	}
	l.ceremony = CodeToCompare
	return []Action{SetTimer{TimerCeremony, phoneDeadline}}
}

func (e CodeCompared) apply(l *Link, _ rules) []Action {
	switch {
	case l.ceremony != CodeToCompare:
		return nil
	case e.Matches:
		return l.confirm()
	}
	// Somebody else's phone may be at the other end. So nothing goes on by itself.
	return l.giveUp("confirmation_denied", Problem{"confirmation_denied", "the codes differ, so the linking was ended"})
}

func (LinkingCancelled) apply(l *Link, _ rules) []Action {
	if l.paired || !l.Wanted() {
		return nil
	}
	return l.giveUp("cancelled", Problem{})
}

// ceremonyEnded says that somebody took too long.
func (l *Link) ceremonyEnded(maxRounds int) []Action {
	switch l.ceremony {
	case NoCeremony:
		return nil
	case PasskeyAsked:
		return l.abandon(Problem{"passkey_expired", "nobody answered with the passkey in time"}, maxRounds)
	case CodeToCompare:
		return l.abandon(Problem{"confirmation_expired", "nobody compared the code in time"}, maxRounds)
	}
	return l.abandon(Problem{"phone_silent", "the phone did not answer in time"}, maxRounds)
}

func (l *Link) confirm() []Action {
	l.ceremony = CodeConfirmed
	return []Action{SetTimer{TimerCeremony, phoneDeadline}, ConfirmCode{}}
}

// giveUp ends the linking until somebody asks for it again.
func (l *Link) giveUp(reason string, p Problem) []Action {
	acts := []Action{HangUp{}, Renew{}}
	acts = append(acts, l.endCeremony(p)...)
	l.socket = noSocket
	l.set(workerv1.LinkState_LINK_STATE_UNPAIRED, reason, p.Detail, waUnpaired)
	return acts
}

// abandon ends a ceremony and goes on with new codes on a new connection, because the
// texts of the present ones carry a secret that the ceremony has replaced. Somebody was
// there, who gets another code even after the last round; but not without end, because
// the other side says how long a ceremony lasts.
func (l *Link) abandon(p Problem, maxRounds int) []Action {
	l.socket = noSocket
	if l.rounds >= maxRounds && l.retried < maxRounds {
		l.retried++
		l.rounds = maxRounds - 1
	}
	acts := append([]Action{HangUp{}, Renew{}}, l.nextRound(maxRounds)...)
	return append(acts, l.endCeremony(p)...)
}

// endCeremony notes the problem, and forgets the ceremony if there is one.
func (l *Link) endCeremony(p Problem) []Action {
	l.problem, l.refusals = p, 0
	if l.ceremony == NoCeremony {
		return nil
	}
	l.ceremony = NoCeremony
	return []Action{StopTimer{TimerCeremony}}
}
