package wasim

import (
	"fmt"

	"go.mau.fi/libsignal/keys/prekey"
	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"

	"whatsapp-manager/worker/wasim/channels"
	"whatsapp-manager/worker/wasim/groups"
	"whatsapp-manager/worker/wasim/media"
	"whatsapp-manager/worker/wasim/phone"
	"whatsapp-manager/worker/wasim/user"
)

// exchange is the server as its parts and the phones see it: who is who, and where
// stanzas go.
type exchange struct {
	server *Server
}

var (
	_ phone.Network      = exchange{}
	_ groups.Directory   = exchange{}
	_ groups.Delivery    = exchange{}
	_ channels.Directory = exchange{}
	_ channels.Delivery  = exchange{}
)

// Devices implements phone.Network: the LID AD-JIDs of a user's devices, the
// phone first; none for an unknown user.
func (e exchange) Devices(jid types.JID) []types.JID {
	account := e.server.account(jid)
	if account == nil {
		return nil
	}
	return account.deviceJIDs(types.HiddenUserServer)
}

// Bundle implements phone.Network.
func (e exchange) Bundle(jid types.JID) (*prekey.Bundle, error) {
	return e.server.router.signalBundle(jid)
}

// Send implements phone.Network: it routes a stanza of an account's device 0
// like any client's. One from an unknown account is dropped.
func (e exchange) Send(from types.JID, node waBinary.Node) {
	if account := e.server.account(from); account != nil {
		e.server.router.handle(origin{account: account}, node)
	}
}

// Media implements phone.Network.
func (e exchange) Media() *media.Host { return &e.server.host }

// Members implements phone.Network: the users of a group in its own addressing.
func (e exchange) Members(jid types.JID) (members []types.JID, lidMode bool, err error) {
	if jid == types.StatusBroadcastJID {
		return e.everybody(), true, nil
	}
	users, server, ok := e.server.groups.Members(jid)
	if !ok {
		return nil, false, fmt.Errorf("members of %s: %w", jid, ErrNoGroup)
	}
	for _, u := range users {
		members = append(members, u.JID(server, 0))
	}
	return members, server == types.HiddenUserServer, nil
}

// everybody is who sees a status message.
//
// guess: audiences are not played, so all accounts see every status.
func (e exchange) everybody() []types.JID {
	var all []types.JID
	for _, account := range e.server.Accounts() {
		all = append(all, account.user.LID)
	}
	return all
}

// Resolve implements phone.Network.
func (e exchange) Resolve(jid types.JID) (pn, lid types.JID, ok bool) {
	u, ok := e.Find(jid)
	return u.PN, u.LID, ok
}

// Find implements the Directory of groups and channels.
func (e exchange) Find(jid types.JID) (user.User, bool) {
	account := e.server.account(jid)
	if account == nil {
		return user.User{}, false
	}
	return account.user, true
}

// accountOf is the account of a user whom Find returned.
func (e exchange) accountOf(u user.User) *Account { return e.server.account(u.LID) }

// PushName implements the Directory of groups and channels.
func (e exchange) PushName(u user.User) string { return e.accountOf(u).phone.PushName() }

// Username implements groups.Directory.
func (e exchange) Username(u user.User) user.Username { return e.accountOf(u).Username() }

// DeviceNumbers implements groups.Directory.
func (e exchange) DeviceNumbers(u user.User) []uint16 { return e.accountOf(u).numbers() }

// OnlyInvited implements groups.Directory.
func (e exchange) OnlyInvited(u user.User) bool { return e.accountOf(u).onlyInvited() }

// Deliver implements groups.Delivery.
func (e exchange) Deliver(to user.Device, node waBinary.Node) {
	e.accountOf(to.User).deliver(to.Number, node)
}

// Broadcast implements groups.Delivery.
func (e exchange) Broadcast(to user.User, node waBinary.Node) { e.accountOf(to).broadcast(node, -1) }

// Notify implements the Delivery of groups and channels.
func (e exchange) Notify(to user.User, node waBinary.Node) { e.accountOf(to).notify(node, -1) }

// Notification implements groups.Delivery.
func (e exchange) Notification(
	kind string, from types.JID, extra waBinary.Attrs, content ...waBinary.Node,
) waBinary.Node {
	return e.server.router.notification(kind, from, extra, content...)
}
