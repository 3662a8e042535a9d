package inbound

import (
	"time"

	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/proto/waSyncAction"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"

	"whatsapp-manager/worker/shape"
)

// setting is a change of one chat that was made on another device, or by us: our own
// patches of the app state come back.
func (t *translator) setting(jid types.JID, state ChatState, at time.Time, quiet bool) Op {
	if jid.User == "" {
		return nil
	}
	state.ID = t.user(jid, types.EmptyJID)
	return &ChatSetting{State: state, At: at, Quiet: quiet}
}

// mutedUntil returns unix seconds; 0 means not muted, -1 for ever.
func mutedUntil(a *waSyncAction.MuteAction) int64 {
	switch {
	case !a.GetMuted():
		return 0
	case a.GetMuteEndTimestamp() <= 0:
		return -1
	}
	return a.GetMuteEndTimestamp() / 1000
}

// clear removes the messages that another device removed: up to the end of the range that
// it names, or up to the moment of the action if it names none.
func (t *translator) clear(jid types.JID, r *waSyncAction.SyncActionMessageRange, at time.Time, all, quiet bool) Op {
	if jid.User == "" {
		return nil
	}
	upTo := at
	if r.GetLastMessageTimestamp() > 0 {
		upTo = time.Unix(r.GetLastMessageTimestamp(), 0)
	}
	return &ClearChat{Chat: t.user(jid, types.EmptyJID), UpTo: upTo, Delete: all, Quiet: quiet}
}

// savedContact is an entry of the phone's address book.
func (t *translator) savedContact(e *events.Contact) {
	if e.JID.User == "" {
		return
	}
	var alt types.JID
	for _, other := range []string{e.Action.GetLidJID(), e.Action.GetPnJID()} {
		if jid, err := types.ParseJID(other); err == nil && jid.User != "" && jid.Server != plain(e.JID).Server {
			alt = jid
		}
	}
	t.contacts = append(t.contacts, Contact{
		ID:   t.user(e.JID, alt),
		Name: shape.Clean(e.Action.GetFullName()), ShortName: shape.Clean(e.Action.GetFirstName()), Saved: true,
		Username: username(e.Action.Username), Quiet: e.FromFullSync,
	})
}

// hiddenContact is an entry of the address book for somebody whose number is not known.
// whatsmeow does not say whether it comes from a full synchronisation.
func (t *translator) hiddenContact(address string, a *waSyncAction.LidContactAction) {
	if id := t.text(address); shape.IsUser(id) {
		t.contacts = append(t.contacts, Contact{
			ID: id, Name: shape.Clean(a.GetFullName()), ShortName: shape.Clean(a.GetFirstName()), Saved: true,
			Username: username(a.Username), Quiet: true,
		})
	}
}

// username returns nil where nothing is said.
func username(said *string) *string {
	if said == nil {
		return nil
	}
	clean := shape.Clean(*said)
	return &clean
}

// Timer says after how long the messages of a chat with one person disappear. Groups have
// theirs in their metadata.
type Timer struct {
	Seconds uint32 // 0: they stay
	SetAt   int64  // when that was set, unix seconds
}

// TimerSet says that either side set the timer of a chat. No event of upstream's tells it.
type TimerSet struct {
	Chat, ID string
	Timer    Timer
}

// Concerns returns the message that carried it.
func (o *TimerSet) Concerns() (chat, id string) { return o.Chat, o.ID }

func (*TimerSet) op() {}

// maxTimer bounds what strangers may say; WhatsApp's own clients set 90 days at most.
const maxTimer = 366 * 24 * 60 * 60

// newTimer is a timer as a message of the time told tells it. A timer that was set after
// that cannot be: it would never be replaced. Without the time at which it was set, it is
// what its teller believes then.
func newTimer(seconds uint32, setAt int64, told time.Time) *Timer {
	if setAt > 1<<36 { // milliseconds
		setAt /= 1000
	}
	if setAt <= 0 || setAt > told.Unix() {
		setAt = told.Unix()
	}
	return &Timer{Seconds: min(seconds, maxTimer), SetAt: setAt}
}

// timerIn returns what a message says about the timer of its chat; nil for nothing, and
// for a chat that is not with one person.
func timerIn(m *Message, about *waE2E.ContextInfo) *Timer {
	if !shape.IsUser(m.Chat) || m.Broadcast || about.GetExpiration() == 0 && about.GetEphemeralSettingTimestamp() == 0 {
		return nil
	}
	return newTimer(about.GetExpiration(), about.GetEphemeralSettingTimestamp(), m.At)
}
