package worker

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/types/events"

	workerv1 "whatsapp-manager/proto/worker/v1"
)

// Each row is a story: what happens to a new link, where it ends, what the last
// event made us do and what was announced over all.
func TestLinkStories(t *testing.T) {
	const rounds = 2
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	online := []any{started{paired: true}, dialOpened{}, &events.Connected{}, &events.OfflineSyncCompleted{}}
	showing := []any{started{}, dialOpened{}, &events.QR{}}
	dead := &events.KeepAliveTimeout{ErrorCount: keepAliveLimit}
	paired := append(showing[:len(showing):len(showing)], &events.PairSuccess{Platform: "android"})
	after := func(story []any, more ...any) []any { return append(story[:len(story):len(story)], more...) }

	for _, tc := range []struct {
		name   string
		events []any
		state  workerv1.LinkState
		reason string
		wa     string
		last   string // actions of the last event
		said   string // announced over all, change_state aside
	}{
		{"start unpaired", []any{started{}}, connecting, "", waOpening, "dial", ""},
		{"codes shown", showing, pairing, "", waUnpaired, "", ""},
		{"codes spent, another round", after(showing, codesSpent{}), connecting, "", waUnpaired, "hangUp dial", ""},
		{"codes spent, last round", after(showing, codesSpent{}, dialOpened{}, &events.QR{}, codesSpent{}), unpaired, "qr_expired", waUnpairedOld, "hangUp", "disconnected"},
		{"pair asked after that", after(showing, codesSpent{}, dialOpened{}, &events.QR{}, codesSpent{}, pairAsked{}), connecting, "", waOpening, "dial", "disconnected"},
		{"pair asked while codes show", after(showing, pairAsked{}), pairing, "", waUnpaired, "", ""},
		{"pair asked for new codes", after(showing, pairAsked{renew: true}), connecting, "", waOpening, "hangUp dial", ""},
		{"pair asked while paired", after(online, pairAsked{renew: true}), isOnline, "", waConnected, "", "authenticated ready"},
		{"server ends a round", after(showing, hungUp{}), connecting, "", waUnpaired, "dial", ""},
		{"server ends the last round", after(showing, hungUp{}, dialOpened{}, &events.QR{}, hungUp{}), unpaired, "qr_expired", waUnpairedOld, "", "disconnected"},
		{"phone without multi-device", after(showing, &events.QRScannedWithoutMultidevice{}), pairing, "multidevice_disabled", waUnpaired, "", "auth_failure"},
		{"phone wants a passkey", after(showing, &events.PairPasskeyRequest{}), pairing, "passkey_required", waUnpaired, "", "auth_failure"},
		{"pairing fails", after(showing, &events.PairError{Error: errors.New("bad signature")}), connecting, "", waUnpaired, "hangUp renew dial", "auth_failure"},
		{"paired", paired, connecting, "pairing", waPairing, "", "authenticated"},
		{"paired, 515", after(paired, &events.ManualLoginReconnect{}), connecting, "pairing", waPairing, "hangUp dial", "authenticated"},
		{"paired, 515 never comes", after(paired, timerEnded{timerRelogin}), connecting, "pairing", waPairing, "hangUp dial", "authenticated"},
		{"paired, logged in", after(paired, &events.ManualLoginReconnect{}, dialOpened{}, &events.Connected{}, &events.OfflineSyncCompleted{}), connecting, "syncing", waConnected, "", "authenticated"},
		{"paired, bootstrapped", after(paired, &events.ManualLoginReconnect{}, dialOpened{}, &events.Connected{}, gotReady{}), isOnline, "", waConnected, "", "authenticated ready"},
		{"paired, bootstrap late", after(paired, &events.ManualLoginReconnect{}, dialOpened{}, &events.Connected{}, timerEnded{timerCatchUp}), isOnline, "", waConnected, "", "authenticated ready"},
		{"login before the dialler's report", []any{started{paired: true}, &events.Connected{}, dialOpened{}, &events.OfflineSyncCompleted{}}, isOnline, "", waConnected, "", "authenticated ready"},
		{"online", online, isOnline, "", waConnected, "", "authenticated ready"},
		{"caught up before Connected", []any{started{paired: true}, dialOpened{}, &events.OfflineSyncCompleted{}, &events.Connected{}}, isOnline, "", waConnected, "", "authenticated ready"},
		{"caught up counts once", after(online, hungUp{}, dialOpened{}, &events.Connected{}), connecting, "syncing", waConnected, "", "authenticated ready"},
		{"bootstrapped before Connected", after(paired, &events.ManualLoginReconnect{}, dialOpened{}, gotReady{}, &events.Connected{}), isOnline, "", waConnected, "", "authenticated ready"},
		{"online, late to catch up", after(online[:3], timerEnded{timerCatchUp}), isOnline, "", waConnected, "", "authenticated ready"},
		{"first dial fails", []any{started{paired: true}, dialFailed{errors.New("refused")}}, connecting, "unreachable", waOpening, "dial", ""},
		{"dial fails later", after(online, hungUp{}, dialFailed{errors.New("refused")}), offline, "unreachable", waOpening, "dial 1s", "authenticated ready"},
		{"dropped in the handshake", after(online, hungUp{time.Hour}, dialStuck{}), offline, "unreachable", waOpening, "suspend resume dial 1s", "authenticated ready"},
		{"dropped", after(online, hungUp{time.Hour}), offline, "connection_lost", waOpening, "dial", "authenticated ready"},
		{"dropped again at once", after(online, hungUp{}, dialOpened{}, &events.Connected{}, hungUp{}), offline, "connection_lost", waOpening, "dial 1s", "authenticated ready"},
		{"back, ready is not said twice", after(online, hungUp{}, dialOpened{}, &events.Connected{}, &events.OfflineSyncCompleted{}), isOnline, "", waConnected, "", "authenticated ready"},
		{"dropped before the dialler's report", []any{started{paired: true}, hungUp{}, dialOpened{}}, connecting, "", waOpening, "dial", ""},
		{"login hangs", []any{started{paired: true}, dialOpened{}, timerEnded{timerLogin}}, connecting, "login_timeout", waOpening, "hangUp dial", ""},
		{"keep-alive missed once", after(online, &events.KeepAliveTimeout{ErrorCount: 1}), isOnline, "", waTimeout, "", "authenticated ready"},
		{"keep-alive restored", after(online, &events.KeepAliveTimeout{ErrorCount: 1}, &events.KeepAliveRestored{}), isOnline, "", waConnected, "", "authenticated ready"},
		{"keep-alive missed twice", after(online, &events.KeepAliveTimeout{ErrorCount: 2}), offline, "keepalive_timeout", waOpening, "hangUp dial", "authenticated ready"},
		{"deaf", after(online, wentDeaf{}), offline, "connection_lost", waOpening, "hangUp dial", "authenticated ready"},
		{"deaf before the dialler's report", []any{started{paired: true}, wentDeaf{}, dialOpened{}}, connecting, "", waOpening, "hangUp dial", ""},
		{"deaf again and again", after(online, wentDeaf{}, dialOpened{}, &events.Connected{}, wentDeaf{}), offline, "connection_lost", waOpening, "hangUp dial 1s", "authenticated ready"},
		{"deaf while codes show", after(showing, wentDeaf{}), connecting, "", waUnpaired, "hangUp dial", ""},
		{"keep-alive missed once while codes show", after(showing, &events.KeepAliveTimeout{ErrorCount: 1}), pairing, "", waUnpaired, "", ""},
		{"keep-alive missed and restored while codes show", after(showing, &events.KeepAliveTimeout{ErrorCount: 1}, &events.KeepAliveRestored{}), pairing, "", waUnpaired, "", ""},
		{"dead while codes show", after(showing, dead), connecting, "keepalive_timeout", waUnpaired, "hangUp dial", ""},
		{"dead before the codes come", []any{started{}, dialOpened{}, dead}, connecting, "keepalive_timeout", waOpening, "hangUp dial", ""},
		{"silent while codes show", after(showing, wentSilent{}), connecting, "silent", waUnpaired, "hangUp dial", ""},
		{"fresh codes after that", after(showing, dead, dialOpened{}, &events.QR{}), pairing, "", waUnpaired, "", ""},
		{"a round that died does not count", after(showing, dead, dialOpened{}, &events.QR{}, codesSpent{}), connecting, "", waUnpaired, "hangUp dial", ""},
		{"those behind it do", after(showing, dead, dialOpened{}, &events.QR{}, codesSpent{}, dialOpened{}, &events.QR{}, codesSpent{}), unpaired, "qr_expired", waUnpairedOld, "hangUp", "disconnected"},
		{"as many are spared as there are", after(showing, dead, dialOpened{}, &events.QR{}, dead, dialOpened{}, &events.QR{}, dead), connecting, "keepalive_timeout", waUnpaired, "hangUp dial", ""},
		{"and no more", after(showing, dead, dialOpened{}, &events.QR{}, dead, dialOpened{}, &events.QR{}, dead, dialOpened{}, &events.QR{}, dead), unpaired, "qr_expired", waUnpairedOld, "hangUp", "disconnected"},
		{"pair asked after that spares anew", after(showing, dead, dialOpened{}, &events.QR{}, dead, dialOpened{}, &events.QR{}, pairAsked{renew: true}, dialOpened{}, &events.QR{}, dead, dialOpened{}, &events.QR{}, codesSpent{}), connecting, "", waUnpaired, "hangUp dial", ""},
		{"dead while the phone pairs", after(paired, dead), connecting, "keepalive_timeout", waOpening, "hangUp dial", "authenticated"},
		{"deaf and refused", after(online, &events.StreamReplaced{}, wentDeaf{}), refused, "stream_replaced", waConflict, "", "authenticated ready disconnected"},
		{"silent", after(online, wentSilent{}), offline, "silent", waOpening, "hangUp dial", "authenticated ready"},
		{"stream error", after(online, &events.StreamError{Code: "500"}), isOnline, "", waConnected, "", "authenticated ready"},
		{"replaced", after(online, &events.StreamReplaced{}), refused, "stream_replaced", waConflict, "hangUp", "authenticated ready disconnected"},
		{"replaced is final", after(online, &events.StreamReplaced{}, hungUp{}, timerEnded{timerLogin}), refused, "stream_replaced", waConflict, "", "authenticated ready disconnected"},
		{"outdated", []any{started{paired: true}, dialOpened{}, &events.ClientOutdated{}}, refused, "client_outdated", waDeprecated, "hangUp", "disconnected"},
		{"outdated while unpaired, pair asked", []any{started{}, dialOpened{}, &events.ClientOutdated{}, pairAsked{}}, connecting, "", waOpening, "dial", "disconnected"},
		{"refused", []any{started{paired: true}, dialOpened{}, &events.ConnectFailure{Reason: 409}}, refused, "connect_failure", waOpening, "hangUp", "auth_failure disconnected"},
		{"banned", []any{started{paired: true}, dialOpened{}, &events.TemporaryBan{Expire: time.Hour}}, refused, "temporary_ban", waBanned, "hangUp", "disconnected"},
		{"banned business", []any{started{paired: true, smb: true}, dialOpened{}, &events.TemporaryBan{}}, refused, "temporary_ban", waBannedSMB, "hangUp", "disconnected"},
		{"ban over", []any{started{paired: true}, dialOpened{}, &events.TemporaryBan{Expire: time.Hour}, timerEnded{timerBan}}, connecting, "", waOpening, "dial", "disconnected"},
		{"logged out", after(online, &events.LoggedOut{Reason: events.ConnectFailureLoggedOut}), loggedOut, "logged_out", waUnpaired, "hangUp forget", "authenticated ready disconnected"},
		{"logged out, pair asked", after(online, &events.LoggedOut{}, pairAsked{}), connecting, "", waOpening, "dial", "authenticated ready disconnected"},
		{"logged out by ourselves", after(online, loggedOutBy{}), unpaired, "logged_out", waUnpaired, "hangUp forget", "authenticated ready disconnected"},
		{"database away for long", after(online, outageLong{}), offline, "database_unavailable", waOpening, "suspend", "authenticated ready"},
		{"nothing is dialled meanwhile", after(online, outageLong{}, hungUp{}), offline, "database_unavailable", waOpening, "", "authenticated ready"},
		{"database back", after(online, outageLong{}, outageOver{}), offline, "database_unavailable", waOpening, "resume dial", "authenticated ready"},
		{"database away while logged out", after(online, &events.LoggedOut{}, outageLong{}), loggedOut, "logged_out", waUnpaired, "", "authenticated ready disconnected"},
	} {
		var l link
		var acts []action
		var said []string
		for _, event := range tc.events {
			l, acts = step(l, event, rounds, now)
			for _, a := range acts {
				if a, ok := a.(announce); ok && a.event != "change_state" {
					said = append(said, a.event)
				}
			}
		}
		if l.state != tc.state || l.reason != tc.reason || l.wa != tc.wa {
			t.Errorf("%s: %v/%s/%s, want %v/%s/%s", tc.name, l.state, l.reason, l.wa, tc.state, tc.reason, tc.wa)
		}
		if got := words(acts); got != tc.last {
			t.Errorf("%s: does %q, want %q", tc.name, got, tc.last)
		}
		if got := strings.Join(said, " "); got != tc.said {
			t.Errorf("%s: announced %q, want %q", tc.name, got, tc.said)
		}
		if tc.name == "banned" && !l.until.Equal(now.Add(time.Hour)) {
			t.Errorf("%s: until %v", tc.name, l.until)
		}
	}
}

const (
	unpaired   = workerv1.LinkState_LINK_STATE_UNPAIRED
	pairing    = workerv1.LinkState_LINK_STATE_PAIRING
	connecting = workerv1.LinkState_LINK_STATE_CONNECTING
	isOnline   = workerv1.LinkState_LINK_STATE_ONLINE
	offline    = workerv1.LinkState_LINK_STATE_OFFLINE
	loggedOut  = workerv1.LinkState_LINK_STATE_LOGGED_OUT
	refused    = workerv1.LinkState_LINK_STATE_REFUSED
)

// words names actions; timers and announcements are left out.
func words(acts []action) string {
	var out []string
	for _, act := range acts {
		switch a := act.(type) {
		case setTimer, stopTimer, announce:
		case dial:
			if a.after > 0 {
				out = append(out, fmt.Sprintf("dial %v", a.after))
			} else {
				out = append(out, "dial")
			}
		default:
			out = append(out, strings.TrimPrefix(fmt.Sprintf("%T", act), "worker."))
		}
	}
	return strings.Join(out, " ")
}

// Every event may come in every state: none may panic, and none may leave a
// link that waits for nothing.
func TestNoEventLeavesTheLinkStuck(t *testing.T) {
	all := []any{
		started{paired: true}, started{}, pairAsked{}, pairAsked{renew: true}, dialOpened{}, dialFailed{errors.New("x")}, dialStuck{}, codesSpent{}, hungUp{},
		timerEnded{timerLogin}, timerEnded{timerRelogin}, timerEnded{timerCatchUp}, timerEnded{timerBan}, wentSilent{}, wentDeaf{}, gotReady{},
		outageLong{}, outageOver{}, loggedOutBy{}, &events.QR{}, &events.PairSuccess{}, &events.PairError{Error: errors.New("x")},
		&events.ManualLoginReconnect{}, &events.Connected{}, &events.OfflineSyncCompleted{}, &events.KeepAliveTimeout{ErrorCount: 2},
		&events.StreamReplaced{}, &events.LoggedOut{}, &events.TemporaryBan{}, &events.ClientOutdated{}, &events.ConnectFailure{},
	}
	for _, first := range all[:2] {
		for _, a := range all {
			for _, b := range all {
				for _, c := range all {
					var l link
					for _, event := range []any{first, a, b, c} {
						l, _ = step(l, event, 2, time.Now())
					}
					if l.wanted() && l.socket == noSocket {
						t.Fatalf("%T, %T, %T, %T: wanted, but nothing is dialled: %+v", first, a, b, c, l)
					}
				}
			}
		}
	}
}

// How long a connection that is open and dead can look alive, with the times
// that are shipped. Closing it and dialling again takes whatsmeow ten seconds
// at most, since the other end does not answer the close.
func TestADeadConnectionIsFoundInTime(t *testing.T) {
	const bound, mending = 90 * time.Second, 10 * time.Second
	silence := Tuning{}.withDefaults().Silence
	if worst := silence + silence/silenceLooks + mending; worst > bound {
		t.Errorf("nothing is heard: mended after %v, want %v", worst, bound)
	}
	if worst := keepAliveLimit*(whatsmeow.KeepAliveIntervalMax+whatsmeow.KeepAliveResponseDeadline) + mending; worst > bound {
		t.Errorf("nothing is answered: mended after %v, want %v", worst, bound)
	}
	// A healthy connection is not taken for a dead one, although its answers are slow.
	if quiet := whatsmeow.KeepAliveIntervalMax + whatsmeow.KeepAliveResponseDeadline; quiet >= silence {
		t.Errorf("%v pass without a byte on a healthy connection, and it is given up after %v", quiet, silence)
	}
}

// whatsmeow goes on after five minutes with what came behind.
func TestAHandlerEndsInTime(t *testing.T) {
	limit := Tuning{}.withDefaults().HandlerLimit
	if limit+limit/stuckShare > 5*time.Minute {
		t.Errorf("a handler may take %v, and more until the worker ends", limit)
	}
}
