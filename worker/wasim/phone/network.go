package phone

import (
	"time"

	"go.mau.fi/libsignal/keys/prekey"
	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"

	"whatsapp-manager/worker/wasim/media"
)

// Network is what a phone asks of WhatsApp's servers. Its methods are called from several
// goroutines, never while the phone holds a lock that Receive, ApplyPatch or any getter needs;
// they must not call SendText or the other senders of the same phone before they return.
type Network interface {
	// Devices returns the LID AD-JIDs of every device of a user, device 0 first; the user may
	// be given by PN or by LID. An unknown user has none.
	Devices(user types.JID) []types.JID
	// Bundle returns the Signal keys to open a session with a device; a companion's one-time
	// key is used up by it.
	Bundle(device types.JID) (*prekey.Bundle, error)
	// Send takes a stanza as a client would write it, from device 0 of an account. It is
	// routed like any client's, in the order of the calls, and must not block for long.
	Send(from types.JID, node waBinary.Node)
	// Media is the media host on which phones put their attachments.
	Media() *media.Host
	// Members returns the users of a group, and whether the group addresses them by LID.
	Members(group types.JID) (members []types.JID, lidMode bool, err error)
	// Resolve gives both identities of a user known by either.
	Resolve(jid types.JID) (pn, lid types.JID, ok bool)
}

// Config describes one phone. PN, LID and Network are required; PN and LID carry no device number.
type Config struct {
	PN, LID  types.JID
	PushName string
	Network  Network
	History  History          // handed over to each new companion
	Now      func() time.Time // time.Now when nil
}
