package link

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	workerv1 "whatsapp-manager/proto/worker/v1"
)

// Each row is a story: what happens to a new link, where it ends, what the last
// event made us do and what was announced over all.
func TestLinkStories(t *testing.T) {
	const rounds = 2
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	online := []Event{Started{Paired: true}, DialOpened{}, LoggedIn{}, CaughtUp{}}
	showing := []Event{Started{}, DialOpened{}, CodesShown{}}
	dead := KeepAliveMissed{KeepAliveLimit}
	paired := append(slices.Clip(showing), Paired{})
	after := func(story []Event, more ...Event) []Event { return append(slices.Clip(story), more...) }

	for _, tc := range []struct {
		name   string
		events []Event
		state  workerv1.LinkState
		reason string
		wa     string
		last   string // actions of the last event
		said   string // announced over all, change_state aside
	}{
		{"start unpaired", []Event{Started{}}, connecting, "", waOpening, "Dial", ""},
		{"codes shown", showing, pairing, "", waUnpaired, "", ""},
		{"codes spent, another round", after(showing, CodesSpent{}), connecting, "", waUnpaired, "HangUp Dial", ""},
		{"codes spent, last round", after(showing, CodesSpent{}, DialOpened{}, CodesShown{}, CodesSpent{}), unpaired, "qr_expired", waUnpairedOld, "HangUp", "disconnected"},
		{"pair asked after that", after(showing, CodesSpent{}, DialOpened{}, CodesShown{}, CodesSpent{}, PairAsked{}), connecting, "", waOpening, "Dial", "disconnected"},
		{"pair asked while codes show", after(showing, PairAsked{}), pairing, "", waUnpaired, "", ""},
		{"pair asked for new codes", after(showing, PairAsked{Renew: true}), connecting, "", waOpening, "HangUp Dial", ""},
		{"pair asked while paired", after(online, PairAsked{Renew: true}), isOnline, "", WAConnected, "", "authenticated ready"},
		{"server ends a round", after(showing, HungUp{}), connecting, "", waUnpaired, "Dial", ""},
		{"server ends the last round", after(showing, HungUp{}, DialOpened{}, CodesShown{}, HungUp{}), unpaired, "qr_expired", waUnpairedOld, "", "disconnected"},
		{"phone without multi-device", after(showing, PhoneOutdated{}), pairing, "multidevice_disabled", waUnpaired, "", "auth_failure"},
		{"pairing fails", after(showing, PairFailed{errors.New("bad signature")}), connecting, "", waUnpaired, "HangUp Renew Dial", "auth_failure"},
		{"paired", paired, connecting, "pairing", waPairing, "", "authenticated"},
		{"paired, 515", after(paired, ReconnectAsked{}), connecting, "pairing", waPairing, "HangUp Dial", "authenticated"},
		{"paired, 515 never comes", after(paired, TimerEnded{TimerRelogin}), connecting, "pairing", waPairing, "HangUp Dial", "authenticated"},
		{"paired, logged in", after(paired, ReconnectAsked{}, DialOpened{}, LoggedIn{}, CaughtUp{}), connecting, "syncing", WAConnected, "", "authenticated"},
		{"paired, bootstrapped", after(paired, ReconnectAsked{}, DialOpened{}, LoggedIn{}, BootstrapComplete{}), isOnline, "", WAConnected, "", "authenticated ready"},
		{"paired, bootstrap late", after(paired, ReconnectAsked{}, DialOpened{}, LoggedIn{}, TimerEnded{TimerCatchUp}), isOnline, "", WAConnected, "", "authenticated ready"},
		{"login before the dialler's report", []Event{Started{Paired: true}, LoggedIn{}, DialOpened{}, CaughtUp{}}, isOnline, "", WAConnected, "", "authenticated ready"},
		{"online", online, isOnline, "", WAConnected, "", "authenticated ready"},
		{"caught up before Connected", []Event{Started{Paired: true}, DialOpened{}, CaughtUp{}, LoggedIn{}}, isOnline, "", WAConnected, "", "authenticated ready"},
		{"caught up counts once", after(online, HungUp{}, DialOpened{}, LoggedIn{}), connecting, "syncing", WAConnected, "", "authenticated ready"},
		{"bootstrapped before Connected", after(paired, ReconnectAsked{}, DialOpened{}, BootstrapComplete{}, LoggedIn{}), isOnline, "", WAConnected, "", "authenticated ready"},
		{"online, late to catch up", after(online[:3], TimerEnded{TimerCatchUp}), isOnline, "", WAConnected, "", "authenticated ready"},
		{"first dial fails", []Event{Started{Paired: true}, DialFailed{errors.New("refused")}}, connecting, "unreachable", waOpening, "Dial", ""},
		{"dial fails later", after(online, HungUp{}, DialFailed{errors.New("refused")}), offline, "unreachable", waOpening, "Dial 1s", "authenticated ready"},
		{"dropped in the handshake", after(online, HungUp{time.Hour}, DialStuck{}), offline, "unreachable", waOpening, "Suspend Resume Dial 1s", "authenticated ready"},
		{"dropped", after(online, HungUp{time.Hour}), offline, "connection_lost", waOpening, "Dial", "authenticated ready"},
		{"dropped again at once", after(online, HungUp{}, DialOpened{}, LoggedIn{}, HungUp{}), offline, "connection_lost", waOpening, "Dial 1s", "authenticated ready"},
		{"back, ready is not said twice", after(online, HungUp{}, DialOpened{}, LoggedIn{}, CaughtUp{}), isOnline, "", WAConnected, "", "authenticated ready"},
		{"dropped before the dialler's report", []Event{Started{Paired: true}, HungUp{}, DialOpened{}}, connecting, "", waOpening, "Dial", ""},
		{"login hangs", []Event{Started{Paired: true}, DialOpened{}, TimerEnded{TimerLogin}}, connecting, "login_timeout", waOpening, "HangUp Dial", ""},
		{"keep-alive missed once", after(online, KeepAliveMissed{1}), isOnline, "", waTimeout, "", "authenticated ready"},
		{"keep-alive restored", after(online, KeepAliveMissed{1}, KeepAliveRestored{}), isOnline, "", WAConnected, "", "authenticated ready"},
		{"keep-alive missed twice", after(online, KeepAliveMissed{2}), offline, "keepalive_timeout", waOpening, "HangUp Dial", "authenticated ready"},
		{"unreadable", after(online, DecryptFailed{}), offline, "connection_lost", waOpening, "HangUp Dial", "authenticated ready"},
		{"unreadable before the dialler's report", []Event{Started{Paired: true}, DecryptFailed{}, DialOpened{}}, connecting, "", waOpening, "HangUp Dial", ""},
		{"unreadable again and again", after(online, DecryptFailed{}, DialOpened{}, LoggedIn{}, DecryptFailed{}), offline, "connection_lost", waOpening, "HangUp Dial 1s", "authenticated ready"},
		{"unreadable while codes show", after(showing, DecryptFailed{}), connecting, "", waUnpaired, "HangUp Dial", ""},
		{"keep-alive missed once while codes show", after(showing, KeepAliveMissed{1}), pairing, "", waUnpaired, "", ""},
		{"keep-alive missed and restored while codes show", after(showing, KeepAliveMissed{1}, KeepAliveRestored{}), pairing, "", waUnpaired, "", ""},
		{"dead while codes show", after(showing, dead), connecting, "keepalive_timeout", waUnpaired, "HangUp Dial", ""},
		{"dead before the codes come", []Event{Started{}, DialOpened{}, dead}, connecting, "keepalive_timeout", waOpening, "HangUp Dial", ""},
		{"silent while codes show", after(showing, Silent{}), connecting, "silent", waUnpaired, "HangUp Dial", ""},
		{"fresh codes after that", after(showing, dead, DialOpened{}, CodesShown{}), pairing, "", waUnpaired, "", ""},
		{"a round that died does not count", after(showing, dead, DialOpened{}, CodesShown{}, CodesSpent{}), connecting, "", waUnpaired, "HangUp Dial", ""},
		{"those behind it do", after(showing, dead, DialOpened{}, CodesShown{}, CodesSpent{}, DialOpened{}, CodesShown{}, CodesSpent{}), unpaired, "qr_expired", waUnpairedOld, "HangUp", "disconnected"},
		{"as many are spared as there are", after(showing, dead, DialOpened{}, CodesShown{}, dead, DialOpened{}, CodesShown{}, dead), connecting, "keepalive_timeout", waUnpaired, "HangUp Dial", ""},
		{"and no more", after(showing, dead, DialOpened{}, CodesShown{}, dead, DialOpened{}, CodesShown{}, dead, DialOpened{}, CodesShown{}, dead), unpaired, "qr_expired", waUnpairedOld, "HangUp", "disconnected"},
		{"pair asked after that spares anew", after(showing, dead, DialOpened{}, CodesShown{}, dead, DialOpened{}, CodesShown{}, PairAsked{Renew: true}, DialOpened{}, CodesShown{}, dead, DialOpened{}, CodesShown{}, CodesSpent{}), connecting, "", waUnpaired, "HangUp Dial", ""},
		{"dead while the phone pairs", after(paired, dead), connecting, "keepalive_timeout", waOpening, "HangUp Dial", "authenticated"},
		{"unreadable and refused", after(online, Replaced{}, DecryptFailed{}), refused, "stream_replaced", waConflict, "", "authenticated ready disconnected"},
		{"silent", after(online, Silent{}), offline, "silent", waOpening, "HangUp Dial", "authenticated ready"},
		{"stream error", after(online, StreamFailed{"500"}), isOnline, "", WAConnected, "", "authenticated ready"},
		{"replaced", after(online, Replaced{}), refused, "stream_replaced", waConflict, "HangUp", "authenticated ready disconnected"},
		{"replaced is final", after(online, Replaced{}, HungUp{}, TimerEnded{TimerLogin}), refused, "stream_replaced", waConflict, "", "authenticated ready disconnected"},
		{"outdated", []Event{Started{Paired: true}, DialOpened{}, Outdated{}}, refused, "client_outdated", waDeprecated, "HangUp", "disconnected"},
		{"outdated while unpaired, pair asked", []Event{Started{}, DialOpened{}, Outdated{}, PairAsked{}}, connecting, "", waOpening, "Dial", "disconnected"},
		{"refused", []Event{Started{Paired: true}, DialOpened{}, Refused{Code: 409}}, refused, "connect_failure", waOpening, "HangUp", "auth_failure disconnected"},
		{"banned", []Event{Started{Paired: true}, DialOpened{}, Banned{For: time.Hour}}, refused, "temporary_ban", waBanned, "HangUp", "disconnected"},
		{"banned business", []Event{Started{Paired: true, Business: true}, DialOpened{}, Banned{}}, refused, "temporary_ban", waBannedSMB, "HangUp", "disconnected"},
		{"ban over", []Event{Started{Paired: true}, DialOpened{}, Banned{For: time.Hour}, TimerEnded{TimerBan}}, connecting, "", waOpening, "Dial", "disconnected"},
		{"logged out", after(online, LoggedOut{Reason: "logged out from another device"}), loggedOut, "logged_out", waUnpaired, "HangUp Forget", "authenticated ready disconnected"},
		{"logged out, pair asked", after(online, LoggedOut{}, PairAsked{}), connecting, "", waOpening, "Dial", "authenticated ready disconnected"},
		{"logged out by ourselves", after(online, LoggedOutByUs{}), unpaired, "logged_out", waUnpaired, "HangUp Forget", "authenticated ready disconnected"},
		{"device taken", []Event{Started{Paired: true}, DialOpened{}, DeviceTaken{}}, loggedOut, "device_taken", waUnpaired, "HangUp Forget", "disconnected"},
		{"device taken before the start", []Event{Started{Taken: true}}, loggedOut, "device_taken", waUnpaired, "", ""},
		{"device taken, pair asked", []Event{Started{Taken: true}, PairAsked{}}, connecting, "", waOpening, "Dial", ""},
		{"database away for long", after(online, OutageLong{}), offline, "database_unavailable", waOpening, "Suspend", "authenticated ready"},
		{"nothing is dialled meanwhile", after(online, OutageLong{}, HungUp{}), offline, "database_unavailable", waOpening, "", "authenticated ready"},
		{"database back", after(online, OutageLong{}, OutageOver{}), offline, "database_unavailable", waOpening, "Resume Dial", "authenticated ready"},
		{"database away while logged out", after(online, LoggedOut{}, OutageLong{}), loggedOut, "logged_out", waUnpaired, "", "authenticated ready disconnected"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var l Link
			var acts []Action
			var said []string
			for _, event := range tc.events {
				l, acts = Step(l, event, rounds, now)
				for _, a := range acts {
					if a, ok := a.(Announce); ok && a.Event != "change_state" {
						said = append(said, a.Event)
					}
				}
			}
			if l.state != tc.state || l.reason != tc.reason || l.wa != tc.wa {
				t.Errorf("%v/%s/%s, want %v/%s/%s", l.state, l.reason, l.wa, tc.state, tc.reason, tc.wa)
			}
			if got := words(acts); got != tc.last {
				t.Errorf("does %q, want %q", got, tc.last)
			}
			if got := strings.Join(said, " "); got != tc.said {
				t.Errorf("announced %q, want %q", got, tc.said)
			}
			if tc.name == "banned" && !l.until.Equal(now.Add(time.Hour)) {
				t.Errorf("until %v", l.until)
			}
		})
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
func words(acts []Action) string {
	var out []string
	for _, act := range acts {
		switch a := act.(type) {
		case SetTimer, StopTimer, Announce:
		case Dial:
			if a.After > 0 {
				out = append(out, fmt.Sprintf("Dial %v", a.After))
			} else {
				out = append(out, "Dial")
			}
		default:
			out = append(out, strings.TrimPrefix(fmt.Sprintf("%T", act), "link."))
		}
	}
	return strings.Join(out, " ")
}

// Every event may come in every state: none may panic, and none may leave a
// link that waits for nothing.
func TestNoEventLeavesTheLinkStuck(t *testing.T) {
	all := []Event{
		Started{Paired: true},
		Started{},
		PairAsked{},
		PairAsked{Renew: true},
		DialOpened{},
		DialFailed{errors.New("x")},
		DialStuck{},
		CodesSpent{},
		HungUp{},
		TimerEnded{TimerLogin},
		TimerEnded{TimerRelogin},
		TimerEnded{TimerCatchUp},
		TimerEnded{TimerBan},
		Silent{},
		DecryptFailed{},
		BootstrapComplete{},
		OutageLong{},
		OutageOver{},
		DeviceTaken{},
		LoggedOutByUs{},
		CodesShown{},
		Paired{},
		PairFailed{errors.New("x")},
		ReconnectAsked{},
		LoggedIn{},
		CaughtUp{},
		KeepAliveMissed{2},
		Replaced{},
		LoggedOut{},
		PasskeyRequired{},
		PasskeyAnswered{},
		PasskeyAccepted{},
		PasskeyRefused{},
		PasskeyRefused{Again: true},
		PasskeyBroken{},
		CodeCame{},
		CodeCame{Compare: true},
		CodeCompared{},
		CodeCompared{Matches: true},
		TimerEnded{TimerCeremony},
		LinkingCancelled{},
		Banned{},
		Outdated{},
		Refused{},
	}
	for _, first := range all[:2] {
		for _, a := range all {
			for _, b := range all {
				for _, c := range all {
					var l Link
					for _, event := range []Event{first, a, b, c} {
						l, _ = Step(l, event, 2, time.Now())
					}
					if l.Wanted() && l.socket == noSocket {
						t.Fatalf("%T, %T, %T, %T: wanted, but nothing is dialled: %+v", first, a, b, c, l)
					}
				}
			}
		}
	}
}
