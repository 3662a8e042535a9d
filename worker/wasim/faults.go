package wasim

import (
	"sync"
	"time"

	waBinary "go.mau.fi/whatsmeow/binary"
)

// Faults are failures planned for the next few occasions. A Server, an Account
// and a Device have one each; the device's are used up first, then the
// account's, then the server's. The zero value plans nothing.
type Faults struct {
	faultsMu sync.Mutex
	plan     plan
}

type plan struct {
	logins      []refusal
	upgrades    []int
	handshakes  int
	iqs         map[string][]int
	messages    []int
	lostAcks    int
	lostRaces   int
	corruptions int
}

// refusal is the failure that answers a login.
type refusal struct {
	reason int
	ban    int
	expire time.Duration
}

// RefuseLogin answers the next n logins with a failure of the given reason.
// whatsmeow's reaction: 401, 403, 406 log out and delete the store; 405 raises
// ClientOutdated; 500 and 503 reconnect; others raise ConnectFailure.
func (f *Faults) RefuseLogin(reason, n int) {
	f.faultsMu.Lock()
	defer f.faultsMu.Unlock()
	for range n {
		f.plan.logins = append(f.plan.logins, refusal{reason: reason})
	}
}

// TemporaryBan answers the next n logins with reason 402, a ban code and the
// time until it ends, in whole seconds.
func (f *Faults) TemporaryBan(code int, expire time.Duration, n int) {
	f.faultsMu.Lock()
	defer f.faultsMu.Unlock()
	for range n {
		f.plan.logins = append(f.plan.logins, refusal{reason: 402, ban: code, expire: expire})
	}
}

// IQError refuses the next n requests of a namespace ("w:g2", "usync", …; ""
// means any) with an error code.
func (f *Faults) IQError(namespace string, code, n int) {
	f.faultsMu.Lock()
	defer f.faultsMu.Unlock()
	if f.plan.iqs == nil {
		f.plan.iqs = make(map[string][]int)
	}
	for range n {
		f.plan.iqs[namespace] = append(f.plan.iqs[namespace], code)
	}
}

// MessageError answers the next n sent messages with an error ack; they are not
// delivered.
func (f *Faults) MessageError(code, n int) {
	f.faultsMu.Lock()
	defer f.faultsMu.Unlock()
	for range n {
		f.plan.messages = append(f.plan.messages, code)
	}
}

// LoseAcks delivers the next n sent messages without acknowledging them.
func (f *Faults) LoseAcks(n int) {
	f.faultsMu.Lock()
	defer f.faultsMu.Unlock()
	f.plan.lostAcks += n
}

// LoseRaces answers the next n writes of app state with a conflict, as if
// another device had been faster each time.
func (f *Faults) LoseRaces(n int) {
	f.faultsMu.Lock()
	defer f.faultsMu.Unlock()
	f.plan.lostRaces += n
}

// CorruptMessages breaks the ciphertexts of the next n sent messages, so that
// receivers ask for a retry.
func (f *Faults) CorruptMessages(n int) {
	f.faultsMu.Lock()
	defer f.faultsMu.Unlock()
	f.plan.corruptions += n
}

// RefuseUpgrade answers the next n websocket upgrades with an HTTP status. The
// device is not known yet at that point, so only the server's counts.
func (s *Server) RefuseUpgrade(status, n int) {
	s.faultsMu.Lock()
	defer s.faultsMu.Unlock()
	for range n {
		s.plan.upgrades = append(s.plan.upgrades, status)
	}
}

// StallUpgrade leaves the next n websocket upgrades without an answer, until
// the client gives up.
func (s *Server) StallUpgrade(n int) { s.RefuseUpgrade(stalled, n) }

// stalled stands for no answer among HTTP statuses.
const stalled = -1

// DropHandshakes breaks the next n connections with a TCP reset when the
// client has said its hello. Whose they are is not known yet at that point, so
// only the server's count.
func (s *Server) DropHandshakes(n int) {
	s.faultsMu.Lock()
	defer s.faultsMu.Unlock()
	s.plan.handshakes += n
}

// Heal drops every failure that is planned and not used up.
func (f *Faults) Heal() {
	f.faultsMu.Lock()
	defer f.faultsMu.Unlock()
	f.plan = plan{}
}

func (s *Server) takeUpgradeRefusal() int {
	s.faultsMu.Lock()
	defer s.faultsMu.Unlock()
	status, _ := pop(&s.plan.upgrades)
	return status
}

func (s *Server) takeHandshake() bool {
	s.faultsMu.Lock()
	defer s.faultsMu.Unlock()
	if s.plan.handshakes == 0 {
		return false
	}
	s.plan.handshakes--
	return true
}

func (d *Device) takeRefusal() (refusal, bool) {
	for _, f := range []*Faults{&d.Faults, &d.account.Faults, &d.account.server.Faults} {
		f.faultsMu.Lock()
		r, ok := pop(&f.plan.logins)
		f.faultsMu.Unlock()
		if ok {
			return r, true
		}
	}
	return refusal{}, false
}

// faults are the plans that apply to a sender. A phone's own traffic only meets
// those that name its account.
func (o origin) faults() []*Faults {
	if device := o.device(); device != nil {
		return []*Faults{&device.Faults, &o.account.Faults, &o.account.server.Faults}
	}
	return []*Faults{&o.account.Faults}
}

func (o origin) takeIQError(namespace string) *iqError {
	if o.session == nil {
		return nil
	}
	for _, f := range o.faults() {
		f.faultsMu.Lock()
		for _, name := range []string{namespace, ""} {
			codes := f.plan.iqs[name]
			if code, ok := pop(&codes); ok {
				f.plan.iqs[name] = codes
				f.faultsMu.Unlock()
				return &iqError{code, iqErrorText(code)}
			}
		}
		f.faultsMu.Unlock()
	}
	return nil
}

func (o origin) takeMessageError() int {
	for _, f := range o.faults() {
		f.faultsMu.Lock()
		code, ok := pop(&f.plan.messages)
		f.faultsMu.Unlock()
		if ok {
			return code
		}
	}
	return 0
}

func (o origin) takeAckLoss() bool {
	return o.takeOne(func(p *plan) *int { return &p.lostAcks })
}

func (o origin) takeLostRace() bool {
	return o.takeOne(func(p *plan) *int { return &p.lostRaces })
}

func (o origin) takeCorruption() bool {
	return o.takeOne(func(p *plan) *int { return &p.corruptions })
}

func (o origin) takeOne(which func(*plan) *int) bool {
	for _, f := range o.faults() {
		f.faultsMu.Lock()
		left := which(&f.plan)
		taken := *left > 0
		if taken {
			*left--
		}
		f.faultsMu.Unlock()
		if taken {
			return true
		}
	}
	return false
}

func pop[T any](queue *[]T) (head T, ok bool) {
	if len(*queue) == 0 {
		return head, false
	}
	head = (*queue)[0]
	*queue = (*queue)[1:]
	return head, true
}

// corrupt returns a copy of a message whose ciphertexts do not decrypt.
func corrupt(node waBinary.Node) waBinary.Node {
	children := node.GetChildren()
	if len(children) == 0 {
		return node
	}
	broken := make([]waBinary.Node, len(children))
	for i, child := range children {
		if raw, ok := child.Content.([]byte); ok && child.Tag == "enc" && len(raw) > 0 {
			raw = append([]byte(nil), raw...)
			raw[len(raw)-1] ^= 0xff
			child.Content = raw
		} else {
			child = corrupt(child)
		}
		broken[i] = child
	}
	node.Content = broken
	return node
}
