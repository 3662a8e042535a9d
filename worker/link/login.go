package link

import workerv1 "whatsapp-manager/proto/worker/v1"

// From the dial to "ready".

func (DialOpened) apply(l *Link, _ rules) []Action {
	if l.socket != dialling {
		return nil
	}
	if l.unreadable {
		return append([]Action{HangUp{}}, l.redial(0)...)
	}
	if l.dropped {
		return l.redial(0)
	}
	l.socket = open
	if l.paired {
		return []Action{SetTimer{TimerLogin, loginDeadline}}
	}
	return nil
}

func (e DialFailed) apply(l *Link, _ rules) []Action {
	if l.socket != dialling {
		return nil
	}
	l.socket = noSocket
	l.lose("unreachable", e.Err.Error())
	return l.redial(l.backOff())
}

func (DialStuck) apply(l *Link, _ rules) []Action {
	if l.socket != dialling {
		return nil
	}
	l.lose("unreachable", "the connection ended during the handshake")
	return append([]Action{Suspend{}, Resume{}}, l.redial(l.backOff())...)
}

func (ReconnectAsked) apply(l *Link, _ rules) []Action {
	return append([]Action{StopTimer{TimerRelogin}, HangUp{}}, l.redial(0)...)
}

func (LoggedIn) apply(l *Link, _ rules) []Action {
	l.socket = open // the dialler's report may come after this event
	l.paired = true
	l.fails = min(l.fails, failsAfterLogin)
	l.set(workerv1.LinkState_LINK_STATE_CONNECTING, "syncing", "", WAConnected)
	acts := []Action{StopTimer{TimerLogin}, StopTimer{TimerRelogin}}
	if !l.known {
		l.known = true
		acts = append(acts, Announce{Event: "authenticated"})
	}
	deadline := catchUpDeadline
	if l.fresh {
		deadline = bootstrapDeadline
	}
	acts = append(acts, SetTimer{TimerCatchUp, deadline})
	return append(acts, l.readyIfSynced()...)
}

// CaughtUp may overtake LoggedIn, which whatsmeow reports from another goroutine.
func (CaughtUp) apply(l *Link, _ rules) []Action {
	l.caughtUp = true
	return l.readyIfSynced()
}

func (BootstrapComplete) apply(l *Link, _ rules) []Action {
	l.bootstrapped = true
	return l.readyIfSynced()
}

// syncing reports whether the device is logged in and not ready yet.
func (l *Link) syncing() bool {
	return l.state == workerv1.LinkState_LINK_STATE_CONNECTING && l.socket == open && l.wa == WAConnected
}

// readyIfSynced completes a login once everything that belongs to it is there: after a
// pairing the bootstrap, otherwise what queued up meanwhile.
func (l *Link) readyIfSynced() []Action {
	synced := l.caughtUp
	if l.fresh {
		synced = l.bootstrapped
	}
	if !l.syncing() || !synced {
		return nil
	}
	return l.becomeReady()
}

func (l *Link) becomeReady() []Action {
	l.fresh = false
	l.set(workerv1.LinkState_LINK_STATE_ONLINE, "", "", WAConnected)
	acts := []Action{StopTimer{TimerCatchUp}}
	if !l.ready {
		l.ready = true
		acts = append(acts, Announce{Event: "ready"})
	}
	return acts
}
