package inbound

import (
	"time"

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
