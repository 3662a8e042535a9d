package phone

import (
	"sync"
	"time"

	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
)

// Received is one message that reached the phone and was decrypted.
type Received struct {
	ID       types.MessageID
	Chat     types.JID // the group, or the peer as the stanza named it (without device number)
	Sender   types.JID // LID AD-JID of the sending device
	PN       types.JID // the sender's phone number JID, empty when unknown
	PushName string
	Text     string // conversation, extended text, caption or reaction
	Message  *waE2E.Message
	Time     time.Time // the server's
	Own      bool      // sent by a companion of this account
	Retry    int       // 0, or the number of the retry that brought it
}

// Receipt is one receipt for something the phone sent or, from an own device, for what it received.
type Receipt struct {
	IDs  []types.MessageID
	Chat types.JID
	From types.JID // the reader's AD-JID
	// Type is empty for "delivered", else "inactive", "read", "read-self", "played",
	// "sender", "retry", "peer_msg", "hist_sync" or "server-error".
	Type string
	Time time.Time
}

// ledger keeps what arrived and tells subscribers. Subscribers are called in the order of
// arrival on the phone's own goroutine, without any lock of the phone.
type ledger struct {
	mu        sync.Mutex
	limit     int // 0: unbounded, negative: nothing is kept
	received  []Received
	receipts  []Receipt
	nextID    int
	onMessage map[int]func(Received)
	onReceipt map[int]func(Receipt)
}

func (l *ledger) addMessage(r Received) {
	l.mu.Lock()
	if l.limit >= 0 {
		l.received = append(l.received, r)
		if l.limit > 0 && len(l.received) > l.limit {
			l.received = l.received[len(l.received)-l.limit:]
		}
	}
	call := make([]func(Received), 0, len(l.onMessage))
	for _, f := range l.onMessage {
		call = append(call, f)
	}
	l.mu.Unlock()
	for _, f := range call {
		f(r)
	}
}

func (l *ledger) addReceipt(r Receipt) {
	l.mu.Lock()
	if l.limit >= 0 {
		l.receipts = append(l.receipts, r)
		if l.limit > 0 && len(l.receipts) > l.limit {
			l.receipts = l.receipts[len(l.receipts)-l.limit:]
		}
	}
	call := make([]func(Receipt), 0, len(l.onReceipt))
	for _, f := range l.onReceipt {
		call = append(call, f)
	}
	l.mu.Unlock()
	for _, f := range call {
		f(r)
	}
}

// Received returns a copy of the ledger of decrypted messages, oldest first.
func (p *Phone) Received() []Received {
	p.ledger.mu.Lock()
	defer p.ledger.mu.Unlock()
	return append([]Received(nil), p.ledger.received...)
}

// Receipts returns a copy of the ledger of receipts, oldest first.
func (p *Phone) Receipts() []Receipt {
	p.ledger.mu.Lock()
	defer p.ledger.mu.Unlock()
	return append([]Receipt(nil), p.ledger.receipts...)
}

// Forget empties both ledgers and keeps at most limit entries of each from now on: 0 keeps
// everything (the default), a negative limit keeps nothing. Subscribers hear of all either way.
func (p *Phone) Forget(limit int) {
	p.ledger.mu.Lock()
	defer p.ledger.mu.Unlock()
	p.ledger.limit = limit
	p.ledger.received, p.ledger.receipts = nil, nil
}

// Subscribe calls f for every message from now on, in the order of arrival; f must not block.
// Entries are in the ledger before f hears of them. After cancel has returned no new call begins.
func (p *Phone) Subscribe(f func(Received)) (cancel func()) {
	l := &p.ledger
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.onMessage == nil {
		l.onMessage = make(map[int]func(Received))
	}
	l.nextID++
	id := l.nextID
	l.onMessage[id] = f
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		delete(l.onMessage, id)
	}
}

// SubscribeReceipts is Subscribe for receipts.
func (p *Phone) SubscribeReceipts(f func(Receipt)) (cancel func()) {
	l := &p.ledger
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.onReceipt == nil {
		l.onReceipt = make(map[int]func(Receipt))
	}
	l.nextID++
	id := l.nextID
	l.onReceipt[id] = f
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		delete(l.onReceipt, id)
	}
}
