package worker

import (
	"context"
	"strings"
	"time"

	"go.mau.fi/whatsmeow/appstate"
	"go.mau.fi/whatsmeow/store"
	"google.golang.org/protobuf/types/known/timestamppb"

	workerv1 "whatsapp-manager/proto/worker/v1"
	"whatsapp-manager/worker/inbound"
)

// show puts the present state on the board. The database being away is laid
// over what is otherwise the case, because without it the link is of no use.
func (c *core) show() {
	l := c.link
	state, reason, detail := l.state, l.reason, l.detail
	if l.wa == "" { // before the first load
		state = workerv1.LinkState_LINK_STATE_CONNECTING
	}
	if c.outage && (l.wanted() || l.suspend) {
		if state == workerv1.LinkState_LINK_STATE_ONLINE {
			state = workerv1.LinkState_LINK_STATE_OFFLINE
		}
		reason, detail = "database_unavailable", "the database cannot be reached"
	}
	if state != c.shownState {
		c.shownState, c.shownSince = state, time.Now()
	}
	link := &workerv1.Link{
		State: state, Reason: reason, Detail: withoutStanzas(detail),
		Since: timestamppb.New(c.shownSince), WaState: l.wa,
		PushName: c.profile.name, Platform: c.profile.platform, HistoryProgress: c.progress,
	}
	if !l.until.IsZero() {
		link.Until = timestamppb.New(l.until)
	}
	if !c.profile.jid.IsEmpty() {
		link.Jid = c.profile.jid.ToNonAD().String()
		link.Device = uint32(c.profile.jid.Device)
	}
	if !c.profile.lid.IsEmpty() {
		link.Lid = c.profile.lid.ToNonAD().String()
	}
	if state == workerv1.LinkState_LINK_STATE_PAIRING {
		c.codes.fill(link)
	}
	c.board.show(link)
}

func profileOf(device *store.Device) profile {
	return profile{jid: device.GetJID(), lid: device.GetLID(), name: device.PushName, platform: device.Platform}
}

// setAccount tells the mirror whose account this is.
func (c *core) setAccount(ctx context.Context, device *store.Device) error {
	acct := inbound.Account{JID: device.GetJID(), LID: device.GetLID(), PushName: device.PushName, Platform: device.Platform}
	if acct.JID.IsEmpty() {
		return nil
	}
	if err := c.mirror.SetAccount(ctx, acct); err != nil {
		return err
	}
	c.account.Store(&acct)
	return nil
}

func stateWord(s workerv1.LinkState) string {
	return strings.ToLower(strings.TrimPrefix(s.String(), "LINK_STATE_"))
}

// bootstrapped counts what the phone hands over after a pairing.
type bootstrapped struct {
	collections map[appstate.WAPatchName]bool
	history     bool
	logins      int
}

// collection reports whether this one made the bootstrap complete.
func (b *bootstrapped) collection(name appstate.WAPatchName) bool {
	if b.collections == nil {
		b.collections = make(map[appstate.WAPatchName]bool)
	}
	b.collections[name] = true
	return b.complete()
}

func (b *bootstrapped) firstHistory() bool {
	b.history = true
	return b.complete()
}

func (b *bootstrapped) complete() bool {
	return b.history && len(b.collections) == len(appstate.AllPatchNames)
}
