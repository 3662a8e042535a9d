package link

import (
	"time"

	workerv1 "whatsapp-manager/proto/worker/v1"
)

// The ways in which a connection is lost, or found to be of no use.

func (e HungUp) apply(l *Link, r rules) []Action { return l.hungUp(e.Lasted, r.maxRounds) }

func (l *Link) hungUp(lasted time.Duration, maxRounds int) []Action {
	if l.socket == dialling {
		l.dropped = true
		return nil
	}
	l.socket = noSocket
	if !l.Wanted() {
		return nil
	}
	if l.ceremony != NoCeremony {
		return l.abandon(Problem{"connection_lost", "the connection to WhatsApp ended in the middle"}, maxRounds)
	}
	if l.state == workerv1.LinkState_LINK_STATE_PAIRING {
		return l.nextRound(maxRounds)
	}
	if lasted >= steadyAfter {
		l.fails = 0
	}
	l.lose("connection_lost", "")
	return l.redial(l.backOff())
}

func (e KeepAliveMissed) apply(l *Link, r rules) []Action {
	if l.socket != open || !l.Wanted() || l.ceremony != NoCeremony {
		return nil
	}
	if e.Count < KeepAliveLimit {
		if l.state != workerv1.LinkState_LINK_STATE_PAIRING {
			l.wa = waTimeout
		}
		return nil
	}
	return l.died("keepalive_timeout", "WhatsApp does not answer", r.maxRounds)
}

func (KeepAliveRestored) apply(l *Link, _ rules) []Action {
	if l.socket == open && l.wa == waTimeout {
		l.set(workerv1.LinkState_LINK_STATE_ONLINE, "", "", WAConnected)
	}
	return nil
}

func (Silent) apply(l *Link, r rules) []Action {
	if l.socket != open || l.ceremony != NoCeremony {
		return nil
	}
	return l.died("silent", "nothing was heard from WhatsApp", r.maxRounds)
}

// died replaces a connection that is open and dead. While codes show, they are of no
// use any more, and new ones are asked for. That round does not count, since nobody
// could have scanned its codes. But no more rounds are spared than there are in all, so
// that codes that nobody looks at come to their end on a bad line, too.
func (l *Link) died(reason, detail string, maxRounds int) []Action {
	acts := []Action{HangUp{}}
	if l.state != workerv1.LinkState_LINK_STATE_PAIRING {
		l.lose(reason, detail)
		return append(acts, l.redial(0)...)
	}
	if l.spared < maxRounds {
		l.spared++
		l.rounds--
	}
	acts = append(acts, l.nextRound(maxRounds)...)
	if l.detail = detail; l.socket != noSocket {
		l.reason = reason
	}
	return acts
}

func (DecryptFailed) apply(l *Link, r rules) []Action {
	if l.socket == dialling {
		l.unreadable = true
		return nil
	}
	acts := append([]Action{HangUp{}}, l.hungUp(0, r.maxRounds)...)
	if l.reason == "connection_lost" {
		l.detail = "WhatsApp sent what cannot be read"
	}
	return acts
}

func (StreamFailed) apply(*Link, rules) []Action { return nil }
