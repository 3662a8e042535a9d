package inbound

import (
	"time"

	"go.mau.fi/whatsmeow/types/events"

	"whatsapp-manager/proto/standing"
	"whatsapp-manager/worker/shape"
)

// timelock is WhatsApp's word that the number may open no new chats for a while, or that
// it may again.
func timelock(e *events.NotifyAccountReachoutTimelock, now time.Time) Op {
	at := e.Mex.Timestamp
	if at.IsZero() {
		at = now
	}
	return &NumberNotice{standing.Notice{
		Kind: standing.LockStated, Active: e.IsActive, Type: shape.Clean(e.EnforcementType),
		Until: e.TimeEnforcementEnds.Time, At: at,
	}}
}

// ban is a login that WhatsApp refused for a while.
func ban(e *events.TemporaryBan, now time.Time) Op {
	n := standing.Notice{Kind: standing.Banned, Type: shape.Clean(e.Code.String()), At: now}
	if e.Expire > 0 {
		n.Until = now.Add(e.Expire)
	}
	return &NumberNotice{n}
}
