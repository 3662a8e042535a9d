package worker

import (
	"time"

	workerv1 "whatsapp-manager/proto/worker/v1"
)

// The ways in which a connection is lost, or found to be of no use.

func (l *link) hungUp(lasted time.Duration, maxRounds int) []action {
	if l.socket == dialling {
		l.dropped = true
		return nil
	}
	l.socket = noSocket
	if !l.wanted() {
		return nil
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

func (l *link) keepAliveMissed(count, maxRounds int) []action {
	if l.socket != open || !l.wanted() {
		return nil
	}
	if count < keepAliveLimit {
		if l.state != workerv1.LinkState_LINK_STATE_PAIRING {
			l.wa = waTimeout
		}
		return nil
	}
	return l.died("keepalive_timeout", "WhatsApp does not answer", maxRounds)
}

// died makes a connection anew that is open and dead. While codes show, they are
// of no use any more and others are asked for. That round does not count, since
// nobody could have scanned its codes; but no more rounds are spared than there
// are, so that codes that nobody looks at come to their end on a bad line, too.
func (l *link) died(reason, detail string, maxRounds int) []action {
	acts := []action{hangUp{}}
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

func (l *link) wentDeaf(maxRounds int) []action {
	if l.socket == dialling {
		l.deaf = true
		return nil
	}
	acts := append([]action{hangUp{}}, l.hungUp(0, maxRounds)...)
	if l.reason == "connection_lost" {
		l.detail = "WhatsApp sent what cannot be read"
	}
	return acts
}

func (l *link) outageLong() []action {
	if !l.wanted() {
		return nil
	}
	l.suspend = true
	l.socket = noSocket
	l.lose("database_unavailable", "")
	return []action{stopTimer{timerLogin}, stopTimer{timerCatchUp}, suspend{}}
}
