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

func (l *link) keepAliveMissed(count int) []action {
	if l.socket != open || !l.wanted() || l.state == workerv1.LinkState_LINK_STATE_PAIRING {
		return nil
	}
	if count < keepAliveLimit {
		l.wa = waTimeout
		return nil
	}
	l.lose("keepalive_timeout", "WhatsApp does not answer")
	return append([]action{hangUp{}}, l.redial(0)...)
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
