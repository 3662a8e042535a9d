package worker

import (
	"strings"
	"time"

	"go.mau.fi/whatsmeow/appstate"
	"google.golang.org/protobuf/types/known/timestamppb"

	workerv1 "whatsapp-manager/proto/worker/v1"
	"whatsapp-manager/worker/redact"
)

// shown is the state that watchers see, and since when.
type shown struct {
	state workerv1.LinkState
	since time.Time
}

// showStatus publishes the present state of the link. An outage of the database hides
// the state of the link, because without the database the link is of no use.
func (c *core) showStatus() {
	l := &c.loop
	state, reason, detail := l.link.State(), l.link.Reason(), l.link.Detail()
	if l.link.WAState() == "" { // before the first load
		state = workerv1.LinkState_LINK_STATE_CONNECTING
	}
	if l.outage && (l.link.Wanted() || l.link.Suspended()) {
		if state == workerv1.LinkState_LINK_STATE_ONLINE {
			state = workerv1.LinkState_LINK_STATE_OFFLINE
		}
		reason, detail = "database_unavailable", "the database cannot be reached"
	}
	if state != l.shown.state {
		l.shown = shown{state, time.Now()}
	}
	status := &workerv1.Link{
		State: state, Reason: reason, Detail: redact.Text(detail),
		Since: timestamppb.New(l.shown.since), WaState: l.link.WAState(),
		PushName: l.profile.name, Platform: l.profile.platform, HistoryProgress: l.bootstrap.progress,
	}
	if until := l.link.Until(); !until.IsZero() {
		status.Until = timestamppb.New(until)
	}
	if !l.profile.jid.IsEmpty() {
		status.Jid = l.profile.jid.ToNonAD().String()
		status.Device = uint32(l.profile.jid.Device)
	}
	if !l.profile.lid.IsEmpty() {
		status.Lid = l.profile.lid.ToNonAD().String()
	}
	if state == workerv1.LinkState_LINK_STATE_PAIRING {
		l.codes.fill(status)
	}
	status.Linking = c.linkingNow()
	c.announceLinking(status)
	c.status.Show(status)
}

func stateWord(s workerv1.LinkState) string {
	return strings.ToLower(strings.TrimPrefix(s.String(), "LINK_STATE_"))
}

// bootstrap counts what the phone hands over after a pairing.
type bootstrap struct {
	collections map[appstate.WAPatchName]bool
	history     bool
	progress    uint32 // of the history, in percent
	logins      int
	chats       uint64 // of the history, with those that came twice
	messages    uint64
}

// collection reports whether this collection made the bootstrap complete.
func (b *bootstrap) collection(name appstate.WAPatchName) bool {
	if b.collections == nil {
		b.collections = make(map[appstate.WAPatchName]bool)
	}
	b.collections[name] = true
	return b.complete()
}

// historyPart reports whether this part of the history made the bootstrap complete. A
// part that a restart interrupted may come behind later ones, and a history on demand
// reports no progress, so the progress never falls.
func (b *bootstrap) historyPart(progress uint32) bool {
	b.history = true
	b.progress = max(b.progress, min(progress, 100))
	return b.complete()
}

func (b *bootstrap) complete() bool {
	return b.history && len(b.collections) == len(appstate.AllPatchNames)
}
