package link

import workerv1 "whatsapp-manager/proto/worker/v1"

// From the wish to pair to a linked device.

func (e PairAsked) apply(l *Link, _ rules) []Action {
	if l.paired && l.state != workerv1.LinkState_LINK_STATE_LOGGED_OUT {
		return nil
	}
	if l.ceremony != NoCeremony {
		return nil
	}
	l.paired, l.rounds, l.spared, l.retried, l.fails, l.problem = false, 0, 0, 0, 0, Problem{}
	if l.socket == noSocket {
		return l.begin()
	}
	if e.Renew && l.socket == open {
		l.set(workerv1.LinkState_LINK_STATE_CONNECTING, "", "", waOpening)
		return append([]Action{HangUp{}}, l.redial(0)...)
	}
	return nil
}

func (CodesShown) apply(l *Link, _ rules) []Action {
	l.rounds++
	l.fails = 0
	l.set(workerv1.LinkState_LINK_STATE_PAIRING, "", "", waUnpaired)
	return nil
}

func (CodesSpent) apply(l *Link, r rules) []Action {
	if l.state != workerv1.LinkState_LINK_STATE_PAIRING || l.ceremony != NoCeremony {
		return nil
	}
	l.socket = noSocket
	return append([]Action{HangUp{}}, l.nextRound(r.maxRounds)...)
}

func (PhoneOutdated) apply(l *Link, _ rules) []Action {
	return l.hint("multidevice_disabled", "the phone must be updated before it can link a device")
}

// hint says why the code that was just scanned does not pair. The codes stay.
func (l *Link) hint(reason, detail string) []Action {
	if l.state != workerv1.LinkState_LINK_STATE_PAIRING {
		return nil
	}
	l.reason, l.detail = reason, detail
	l.problem = Problem{reason, detail}
	return []Action{announce("auth_failure", detail)}
}

func (e Paired) apply(l *Link, _ rules) []Action {
	l.paired, l.fresh, l.known, l.ready, l.bootstrapped = true, true, true, false, false
	l.business = e.Business
	acts := l.endCeremony(Problem{})
	l.set(workerv1.LinkState_LINK_STATE_CONNECTING, "pairing", "", waPairing)
	return append(acts, Announce{Event: "authenticated"}, SetTimer{TimerRelogin, reloginDeadline})
}

func (e PairFailed) apply(l *Link, r rules) []Action {
	l.paired, l.socket = false, noSocket
	acts := []Action{HangUp{}, Renew{}, announce("auth_failure", e.Err.Error())}
	acts = append(acts, l.nextRound(r.maxRounds)...)
	l.detail = e.Err.Error()
	return append(acts, l.endCeremony(Problem{"pairing_failed", l.detail})...)
}

// nextRound asks for new codes, as long as there are rounds left.
func (l *Link) nextRound(maxRounds int) []Action {
	if l.rounds < maxRounds {
		l.set(workerv1.LinkState_LINK_STATE_CONNECTING, "", "", l.wa)
		return l.redial(l.backOff())
	}
	l.socket = noSocket
	l.set(workerv1.LinkState_LINK_STATE_UNPAIRED, "qr_expired", "nobody scanned the code", waUnpairedOld)
	return []Action{announce("disconnected", "Max qrcode retries reached")}
}
