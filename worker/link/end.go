package link

import (
	"fmt"

	workerv1 "whatsapp-manager/proto/worker/v1"
)

// The ends of a connection after which nothing is dialled until somebody acts.

func (Replaced) apply(l *Link, _ rules) []Action {
	l.refuse("stream_replaced", "another client took over this device's connection", waConflict)
	return l.finish(waConflict)
}

func (Outdated) apply(l *Link, _ rules) []Action {
	l.refuse("client_outdated", "WhatsApp no longer accepts this version of the client", waDeprecated)
	return l.finish(waDeprecated)
}

func (e Banned) apply(l *Link, r rules) []Action {
	l.refuse("temporary_ban", e.Reason, waBanned)
	if l.business {
		l.wa = waBannedSMB
	}
	if e.For <= 0 {
		return l.finish(l.wa)
	}
	l.until = r.now.Add(e.For)
	return l.finish(l.wa, SetTimer{TimerBan, e.For})
}

func (e Refused) apply(l *Link, _ rules) []Action {
	l.refuse("connect_failure", refusal(e.Code, e.Message), waOpening)
	return l.finish(l.wa, announce("auth_failure", l.detail))
}

func (e LoggedOut) apply(l *Link, _ rules) []Action {
	l.set(workerv1.LinkState_LINK_STATE_LOGGED_OUT, "logged_out", e.Reason, waUnpaired)
	return l.finish("LOGOUT", l.unpair())
}

func (DeviceTaken) apply(l *Link, _ rules) []Action {
	l.taken()
	return l.finish("LOGOUT", l.unpair())
}

func (l *Link) taken() {
	l.set(workerv1.LinkState_LINK_STATE_LOGGED_OUT, "device_taken",
		"the device came in by a file, and another instance has paired it before it logged in here", waUnpaired)
}

func (LoggedOutByUs) apply(l *Link, _ rules) []Action {
	l.set(workerv1.LinkState_LINK_STATE_UNPAIRED, "logged_out", "", waUnpaired)
	return l.finish("LOGOUT", l.unpair())
}

func (l *Link) refuse(reason, detail, wa string) {
	l.set(workerv1.LinkState_LINK_STATE_REFUSED, reason, detail, wa)
}

// finish ends the connection and announces its end with that word, after the actions
// that are particular to this end.
func (l *Link) finish(word string, particular ...Action) []Action {
	l.socket = noSocket
	acts := []Action{StopTimer{TimerLogin}, StopTimer{TimerRelogin}, StopTimer{TimerCatchUp}, HangUp{}}
	acts = append(append(acts, l.endCeremony(Problem{})...), particular...)
	return append(acts, announce("disconnected", word))
}

func (l *Link) unpair() Action {
	l.paired, l.fresh, l.known, l.ready = false, false, false, false
	l.rounds, l.spared, l.retried, l.fails = 0, 0, 0, 0
	return Forget{}
}

func refusal(code int, message string) string {
	if message == "" {
		return fmt.Sprintf("WhatsApp refused the connection (%d)", code)
	}
	return fmt.Sprintf("WhatsApp refused the connection (%d: %s)", code, message)
}
