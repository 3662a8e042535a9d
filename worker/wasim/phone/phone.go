package phone

import (
	"sync"
	"time"

	"go.mau.fi/libsignal/keys/prekey"
	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"

	"whatsapp-manager/worker/wasim/media"
)

// Phone is device 0 of an account. All methods may be called at the same time.
type Phone struct {
	pn, lid types.JID
	net     Network
	now     func() time.Time
	history History

	// outMu serialises what this phone sends, so that the order of encryption is the order on
	// the wire. It is held across calls to the Network; mu never is.
	outMu sync.Mutex

	changeMu sync.Mutex // one app-state change at a time; held across calls to the Network

	mu        sync.Mutex // keys, sessions, app state, settings
	pushName  string
	keys      *accountKeys
	store     signalStore
	played    map[uint16]*signalStore              // of other devices, by number; see Compose
	holders   map[types.JID]map[types.JID]struct{} // by group: the devices that have our sender key
	recent    recent
	failures  map[failure]int
	state     *appState
	answers   map[string]chan waBinary.Node // of iqs, by id
	link      *pendingLink
	autoRead  bool
	autoReply func(Received) string

	ledger ledger
	inbox  inbox
}

// New returns a phone. It starts no goroutine and makes no keys; the first use does.
func New(c Config) *Phone {
	now := c.Now
	if now == nil {
		now = time.Now
	}
	return &Phone{
		pn: c.PN.ToNonAD(), lid: c.LID.ToNonAD(),
		net: c.Network, now: now, history: c.History, pushName: c.PushName,
	}
}

// PN returns the account's phone number JID.
func (p *Phone) PN() types.JID { return p.pn }

// LID returns the account's hidden identity.
func (p *Phone) LID() types.JID { return p.lid }

// PushName returns the name the account shows to others; a companion may change it.
func (p *Phone) PushName() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.pushName
}

// AutoReply makes the phone answer every incoming 1:1 or group message that has a text with
// what f returns, in the chat it came from; an empty answer sends nothing, a nil f switches
// it off. Reactions, receipts and messages of own companions are not answered.
func (p *Phone) AutoReply(f func(Received) string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.autoReply = f
}

// AutoRead makes the phone send a read receipt for every incoming message, after the delivery
// receipt.
func (p *Phone) AutoRead(on bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.autoRead = on
}

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
