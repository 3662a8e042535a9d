package link

import (
	"errors"
	"slices"
	"testing"
	"time"

	workerv1 "whatsapp-manager/proto/worker/v1"
)

// Each row is a story of a ceremony: where it stands in the end, what went wrong last and
// what the last event made us do.
func TestCeremonies(t *testing.T) {
	const rounds = 2
	refused := PasskeyRefused{Problem: Problem{Code: "passkey_refused"}, Again: true}
	lost := PasskeyRefused{Problem: Problem{Code: "passkey_failed"}}
	asked := []Event{Started{}, DialOpened{}, CodesShown{}, PasskeyRequired{}}
	after := func(story []Event, more ...Event) []Event { return append(slices.Clip(story), more...) }
	short := []Event{DialOpened{}, CodesShown{}, PasskeyRequired{For: time.Millisecond}, TimerEnded{TimerCeremony}}
	sent := after(asked, PasskeyAnswered{})
	compare := after(sent, PasskeyAccepted{}, CodeCame{Compare: true})

	for _, tc := range []struct {
		name    string
		events  []Event
		at      Ceremony
		state   workerv1.LinkState
		problem string
		last    string
	}{
		{"asked", asked, PasskeyAsked, pairing, "", "StopCodes"},
		{"asked before any code", []Event{Started{}, PasskeyRequired{}}, NoCeremony, connecting, "", ""},
		{"asked again by the server", after(asked, PasskeyRequired{}), PasskeyAsked, pairing, "", "StopCodes"},
		{"asked again while an answer is on its way", after(sent, PasskeyRequired{}), PasskeySent, pairing, "", ""},
		{"the codes' time ends meanwhile", after(asked, CodesSpent{}), PasskeyAsked, pairing, "", ""},
		{"silence meanwhile", after(asked, Silent{}), PasskeyAsked, pairing, "", ""},
		{"keep-alives missed meanwhile", after(asked, KeepAliveMissed{KeepAliveLimit + 3}), PasskeyAsked, pairing, "", ""},
		{"the database away meanwhile", after(asked, OutageLong{}), PasskeyAsked, pairing, "", ""},
		{"pairing asked for meanwhile", after(asked, PairAsked{}), PasskeyAsked, pairing, "", ""},
		{"new codes asked for meanwhile", after(asked, PairAsked{Renew: true}), PasskeyAsked, pairing, "", ""},
		{"nobody answers", after(asked, TimerEnded{TimerCeremony}), NoCeremony, connecting, "passkey_expired", "HangUp Renew Dial"},
		{"the timer of a ceremony that has ended", after(asked[:3], TimerEnded{TimerCeremony}), NoCeremony, pairing, "", ""},
		{"new codes say so", after(asked, TimerEnded{TimerCeremony}, DialOpened{}, CodesShown{}), NoCeremony, pairing, "passkey_expired", ""},
		{"until it is asked again", after(asked, TimerEnded{TimerCeremony}, DialOpened{}, CodesShown{}, PasskeyRequired{}), PasskeyAsked, pairing, "", "StopCodes"},
		{"also in the last round", after(asked[:3], CodesSpent{}, DialOpened{}, CodesShown{}, PasskeyRequired{}, TimerEnded{TimerCeremony}), NoCeremony, connecting, "passkey_expired", "HangUp Renew Dial"},
		{"but not without end", after(asked[:1], slices.Repeat(short, 2*rounds)...), NoCeremony, unpaired, "passkey_expired", "HangUp Renew"},
		{"the connection ends", after(asked, HungUp{time.Minute}), NoCeremony, connecting, "connection_lost", "HangUp Renew Dial"},
		{"the connection breaks", after(asked, DecryptFailed{}), NoCeremony, connecting, "connection_lost", "HangUp HangUp Renew Dial"},
		{"answered", sent, PasskeySent, pairing, "", ""},
		{"answered twice", after(sent, PasskeyAnswered{}), PasskeySent, pairing, "", ""},
		{"answered unasked", after(asked[:3], PasskeyAnswered{}), NoCeremony, pairing, "", ""},
		{"refused, may try again", after(sent, refused), PasskeyAsked, pairing, "passkey_refused", ""},
		{"and does", after(sent, refused, PasskeyAnswered{}), PasskeySent, pairing, "", ""},
		{
			"refused a third time, so the question may be stale",
			after(sent, refused, PasskeyAnswered{}, refused, PasskeyAnswered{}, refused), NoCeremony, connecting, "passkey_refused", "HangUp Renew Dial",
		},
		{
			"refused twice, asked anew, refused once",
			after(sent, refused, PasskeyAnswered{}, refused, PasskeyRequired{}, PasskeyAnswered{}, refused), PasskeyAsked, pairing, "passkey_refused", "",
		},
		{"refused for good", after(sent, lost), NoCeremony, connecting, "passkey_failed", "HangUp Renew Dial"},
		{"accepted", after(sent, PasskeyAccepted{}), PasskeyTaken, pairing, "", ""},
		{"the phone says nothing", after(sent, PasskeyAccepted{}, TimerEnded{TimerCeremony}), NoCeremony, connecting, "phone_silent", "HangUp Renew Dial"},
		{"a late refusal", after(sent, PasskeyAccepted{}, refused), PasskeyTaken, pairing, "", ""},
		{"a code to compare", compare, CodeToCompare, pairing, "", ""},
		{"which overtakes the acceptance", after(sent, CodeCame{Compare: true}, PasskeyAccepted{}), CodeToCompare, pairing, "", ""},
		{"a code unasked", after(asked[:3], CodeCame{}), NoCeremony, pairing, "", ""},
		{"a code that nobody has to compare", after(sent, PasskeyAccepted{}, CodeCame{}), CodeConfirmed, pairing, "", "ConfirmCode"},
		{"compared, the same", after(compare, CodeCompared{true}), CodeConfirmed, pairing, "", "ConfirmCode"},
		{"compared twice", after(compare, CodeCompared{true}, CodeCompared{false}), CodeConfirmed, pairing, "", ""},
		{"compared, another", after(compare, CodeCompared{false}), NoCeremony, unpaired, "confirmation_denied", "HangUp Renew"},
		{"and nothing goes on", after(compare, CodeCompared{false}, HungUp{}, CodesShown{}, Paired{}), NoCeremony, unpaired, "confirmation_denied", ""},
		{"until it is asked for", after(compare, CodeCompared{false}, PairAsked{}), NoCeremony, connecting, "", "Dial"},
		{"nobody compares", after(compare, TimerEnded{TimerCeremony}), NoCeremony, connecting, "confirmation_expired", "HangUp Renew Dial"},
		{"our keys are refused", after(compare, CodeCompared{true}, PasskeyBroken{Problem{Code: "rejected_on_phone"}}), NoCeremony, connecting, "rejected_on_phone", "HangUp Renew Dial"},
		{"paired", after(compare, CodeCompared{true}, Paired{}), NoCeremony, connecting, "", ""},
		{"pairing fails", after(compare, CodeCompared{true}, PairFailed{errors.New("x")}), NoCeremony, connecting, "pairing_failed", "HangUp Renew Dial"},
		{"banned meanwhile", after(asked, Banned{}), NoCeremony, refusedState, "", "HangUp"},
		{"cancelled", after(asked, LinkingCancelled{}), NoCeremony, unpaired, "", "HangUp Renew"},
		{"codes cancelled", after(asked[:3], LinkingCancelled{}), NoCeremony, unpaired, "", "HangUp Renew"},
		{"cancelled while paired", []Event{Started{Paired: true}, LinkingCancelled{}}, NoCeremony, connecting, "", ""},
		{"cancelled while refused", []Event{Started{}, DialOpened{}, Outdated{}, LinkingCancelled{}}, NoCeremony, refusedState, "", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var l Link
			var acts []Action
			for _, event := range tc.events {
				l, acts = Step(l, event, rounds, time.Now())
			}
			if l.Ceremony() != tc.at || l.State() != tc.state || l.Problem().Code != tc.problem {
				t.Errorf("at %d, %v, problem %q; want %d, %v, %q", l.Ceremony(), l.State(), l.Problem().Code, tc.at, tc.state, tc.problem)
			}
			if got := words(acts); got != tc.last {
				t.Errorf("does %q, want %q", got, tc.last)
			}
		})
	}
}

const refusedState = workerv1.LinkState_LINK_STATE_REFUSED

// The library keeps the secret of a ceremony for five minutes, and WhatsApp's challenge
// lives about ten.
func TestAPasskeyIsWaitedForAsLongAsWhatsAppSays(t *testing.T) {
	for _, tc := range []struct{ said, want time.Duration }{
		{0, 10 * time.Minute}, {-1, 10 * time.Minute}, {time.Minute, time.Minute}, {time.Hour, 10 * time.Minute},
	} {
		t.Run(tc.said.String(), func(t *testing.T) {
			l, _ := Step(Link{}, Started{}, 1, time.Now())
			l, _ = Step(l, DialOpened{}, 1, time.Now())
			l, _ = Step(l, CodesShown{}, 1, time.Now())
			_, acts := Step(l, PasskeyRequired{For: tc.said}, 1, time.Now())
			if !slices.Contains(acts, Action(SetTimer{TimerCeremony, tc.want})) {
				t.Errorf("does %v", acts)
			}
		})
	}
}
