package worker

import (
	"time"

	"go.mau.fi/whatsmeow/types/events"

	workerv1 "whatsapp-manager/proto/worker/v1"
)

// Pairing and the events after which nothing is dialled again by itself.

func (l *link) pairAsked(renewCodes bool) []action {
	if l.paired && l.state != workerv1.LinkState_LINK_STATE_LOGGED_OUT {
		return nil
	}
	l.paired, l.rounds, l.spared, l.fails = false, 0, 0, 0
	if l.socket == noSocket {
		return l.begin()
	}
	if renewCodes && l.socket == open {
		l.set(workerv1.LinkState_LINK_STATE_CONNECTING, "", "", waOpening)
		return append([]action{hangUp{}}, l.redial(0)...)
	}
	return nil
}

func (l *link) pairingHint(event any) []action {
	if l.state != workerv1.LinkState_LINK_STATE_PAIRING {
		return nil
	}
	if _, ok := event.(*events.PairPasskeyRequest); ok {
		l.reason, l.detail = "passkey_required", "this account asks for a passkey to link a device, which is not supported"
	} else {
		l.reason, l.detail = "multidevice_disabled", "the phone must be updated before it can link a device"
	}
	return []action{announce{"auth_failure", []any{l.detail}}}
}

// nextRound asks for new codes, as long as there are rounds left.
func (l *link) nextRound(maxRounds int) []action {
	if l.rounds < maxRounds {
		l.set(workerv1.LinkState_LINK_STATE_CONNECTING, "", "", l.wa)
		return l.redial(l.backOff())
	}
	l.socket = noSocket
	l.set(workerv1.LinkState_LINK_STATE_UNPAIRED, "qr_expired", "nobody scanned the code", waUnpairedOld)
	return []action{announce{"disconnected", []any{"Max qrcode retries reached"}}}
}

// ended handles what ends the connection for good, until somebody acts.
func (l *link) ended(event any, now time.Time) []action {
	var said any
	acts := []action{stopTimer{timerLogin}, stopTimer{timerRelogin}, stopTimer{timerCatchUp}, hangUp{}}
	switch e := event.(type) {
	case *events.StreamReplaced:
		l.refuse("stream_replaced", "another client took over this device's connection", waConflict)
		said = waConflict
	case *events.ClientOutdated:
		l.refuse("client_outdated", "WhatsApp no longer accepts this version of the client", waDeprecated)
		said = waDeprecated
	case *events.TemporaryBan:
		l.refuse("temporary_ban", e.Code.String(), waBanned)
		if l.smb {
			l.wa = waBannedSMB
		}
		if e.Expire > 0 {
			l.until = now.Add(e.Expire)
			acts = append(acts, setTimer{timerBan, e.Expire})
		}
		said = l.wa
	case *events.ConnectFailure:
		l.refuse("connect_failure", refusal(int(e.Reason), e.Message), waOpening)
		acts = append(acts, announce{"auth_failure", []any{l.detail}})
		said = l.wa
	case *events.LoggedOut:
		l.set(workerv1.LinkState_LINK_STATE_LOGGED_OUT, "logged_out", e.Reason.String(), waUnpaired)
		acts = append(acts, l.unpair())
		said = "LOGOUT"
	case loggedOutBy:
		l.set(workerv1.LinkState_LINK_STATE_UNPAIRED, "logged_out", "", waUnpaired)
		acts = append(acts, l.unpair())
		said = "LOGOUT"
	default:
		return nil
	}
	l.socket = noSocket
	return append(acts, announce{"disconnected", []any{said}})
}

func (l *link) refuse(reason, detail, wa string) {
	l.set(workerv1.LinkState_LINK_STATE_REFUSED, reason, detail, wa)
}

func (l *link) unpair() action {
	l.paired, l.fresh, l.known, l.settled = false, false, false, false
	l.rounds, l.spared, l.fails = 0, 0, 0
	return forget{}
}
