package wasim

import (
	"fmt"

	"go.mau.fi/libsignal/keys/prekey"
	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"

	"whatsapp-manager/worker/wasim/phone"
)

var _ phone.Network = (*Server)(nil)

// Devices implements phone.Network: the LID AD-JIDs of a user's devices, the
// phone first; none for an unknown user.
func (s *Server) Devices(user types.JID) []types.JID {
	account := s.account(user)
	if account == nil {
		return nil
	}
	return account.deviceJIDs(types.HiddenUserServer)
}

// deviceJIDs lists every device in the form of a server, the phone first.
func (a *Account) deviceJIDs(server string) []types.JID {
	numbers := a.numbers()
	jids := make([]types.JID, len(numbers))
	for i, number := range numbers {
		jids[i] = a.jid(server, number)
	}
	return jids
}

// Bundle implements phone.Network. A companion's one-time key is used up.
func (s *Server) Bundle(jid types.JID) (*prekey.Bundle, error) {
	account := s.account(jid)
	if account == nil {
		return nil, fmt.Errorf("bundle of %s: %w", jid, ErrNoAccount)
	}
	if jid.Device == 0 {
		return account.phone.Bundle()
	}
	device := account.Device(jid.Device)
	if device == nil {
		return nil, fmt.Errorf("bundle of %s: no such device", jid)
	}
	return device.bundle()
}

// Send implements phone.Network: it routes a stanza of an account's device 0
// like any client's. One from an unknown account is dropped.
func (s *Server) Send(from types.JID, node waBinary.Node) {
	if account := s.account(from); account != nil {
		s.handle(origin{account: account}, node)
	}
}

// Members implements phone.Network: the users of a group in its own addressing.
func (s *Server) Members(jid types.JID) (members []types.JID, lidMode bool, err error) {
	if jid == types.StatusBroadcastJID {
		return s.everybody(), true, nil
	}
	g := s.group(jid)
	if g == nil {
		return nil, false, fmt.Errorf("members of %s: %w", jid, ErrNoGroup)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, m := range g.members {
		members = append(members, m.account.jid(g.server(), 0))
	}
	return members, g.lidMode, nil
}

// Resolve implements phone.Network.
func (s *Server) Resolve(jid types.JID) (pn, lid types.JID, ok bool) {
	account := s.account(jid)
	if account == nil {
		return types.EmptyJID, types.EmptyJID, false
	}
	return account.pn, account.lid, true
}

// everybody is who sees a status message.
//
// guess: audiences are not played, so all accounts see every status.
func (s *Server) everybody() []types.JID {
	var all []types.JID
	for _, account := range s.Accounts() {
		all = append(all, account.lid)
	}
	return all
}
