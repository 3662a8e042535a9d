package supervisor

import workerv1 "whatsapp-manager/proto/worker/v1"

// StatusWord is what integrators read of a Status, in the words they know:
// created, connecting, qr_pending, authenticated, ready, disconnected, error
// or stopped. The link decides only while a worker is believed to live.
func StatusWord(s Status) string {
	switch s.State {
	case Stopped:
		switch {
		case s.Desired == Run && s.Generation == 0:
			return "connecting"
		case s.Generation == 0:
			return "created"
		default:
			return "stopped"
		}
	case Failed:
		return "error"
	case Backoff:
		return "disconnected"
	case Starting:
		return "connecting"
	case Stopping:
		if s.Desired == Run {
			return "connecting"
		}
		return "disconnected"
	}
	link := s.Link
	if link == nil {
		return "connecting"
	}
	switch link.GetState() {
	case workerv1.LinkState_LINK_STATE_PAIRING:
		return "qr_pending"
	case workerv1.LinkState_LINK_STATE_ONLINE:
		return "ready"
	case workerv1.LinkState_LINK_STATE_REFUSED:
		return "error"
	case workerv1.LinkState_LINK_STATE_OFFLINE, workerv1.LinkState_LINK_STATE_LOGGED_OUT:
		return "disconnected"
	case workerv1.LinkState_LINK_STATE_UNPAIRED:
		if link.GetReason() != "" {
			return "disconnected" // e.g. the codes ran out unread
		}
		return "connecting"
	case workerv1.LinkState_LINK_STATE_CONNECTING:
		if link.GetJid() != "" {
			return "authenticated" // the account is known, it is not caught up yet
		}
	}
	return "connecting"
}
