package phone

import (
	"sync"
	"time"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"
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
	holders   map[types.JID]map[types.JID]struct{} // by group: the devices that have our sender key
	recent    recent
	failures  map[failure]int
	state     *appState
	answers   map[string]chan waBinary.Node // of iqs, by id
	link      *linkAttempt
	autoRead  bool
	autoReply func(Received) string

	ledger ledger
	inbox  inbox
}

// New returns a phone that owns no goroutine and has no keys yet; both come with the first use.
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

// AutoRead makes the phone send a read receipt for every incoming message, after the delivery receipt.
func (p *Phone) AutoRead(on bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.autoRead = on
}
