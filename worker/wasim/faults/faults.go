// Package faults holds the failures that are planned for the next few occasions.
// It keeps count only; the simulator asks it at each occasion and plays what it
// takes. It knows neither accounts nor connections.
package faults

import (
	"sync"
	"time"

	waBinary "go.mau.fi/whatsmeow/binary"
)

// Faults are failures planned for the next few occasions. The zero value plans
// nothing. All methods may be called at the same time.
type Faults struct {
	mu   sync.Mutex
	plan plan
}

type plan struct {
	logins      []Refusal
	iqs         map[string][]int // error codes, by namespace
	messages    []int            // error codes
	lostAcks    int
	lostRaces   int
	corruptions int
}

// Refusal is the failure that answers a login.
type Refusal struct {
	Reason int
	Ban    int           // code of a temporary ban, 0 for none
	Expire time.Duration // until the ban ends
}

// RefuseLogin answers the next n logins with a failure of the given reason.
// whatsmeow's reaction: 401, 403, 406 log out and delete the store; 405 raises
// ClientOutdated; 500 and 503 reconnect; others raise ConnectFailure.
func (f *Faults) RefuseLogin(reason, n int) { f.refuseLogin(Refusal{Reason: reason}, n) }

// TemporaryBan answers the next n logins with reason 402, a ban code and the
// time until it ends, in whole seconds.
func (f *Faults) TemporaryBan(code int, expire time.Duration, n int) {
	f.refuseLogin(Refusal{Reason: 402, Ban: code, Expire: expire}, n)
}

func (f *Faults) refuseLogin(r Refusal, n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for range n {
		f.plan.logins = append(f.plan.logins, r)
	}
}

// IQError refuses the next n requests of a namespace ("w:g2", "usync", …; ""
// means any) with an error code.
func (f *Faults) IQError(namespace string, code, n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
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
	f.mu.Lock()
	defer f.mu.Unlock()
	for range n {
		f.plan.messages = append(f.plan.messages, code)
	}
}

// LoseAcks delivers the next n sent messages without acknowledging them.
func (f *Faults) LoseAcks(n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.plan.lostAcks += n
}

// LoseRaces answers the next n writes of app state with a conflict, as if
// another device had been faster each time.
func (f *Faults) LoseRaces(n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.plan.lostRaces += n
}

// CorruptMessages breaks the ciphertexts of the next n sent messages, so that
// receivers ask for a retry.
func (f *Faults) CorruptMessages(n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.plan.corruptions += n
}

// Heal drops every failure that is planned and not used up.
func (f *Faults) Heal() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.plan = plan{}
}

// Chain are the plans that apply to an occasion; the first ones are used up first.
type Chain []*Faults

// TakeLogin uses up a planned refusal of a login; false when there is none.
func (c Chain) TakeLogin() (refusal Refusal, planned bool) {
	c.first(func(p *plan) bool {
		refusal, planned = pop(&p.logins)
		return planned
	})
	return refusal, planned
}

// TakeIQ uses up a planned error of a request; 0 when there is none.
func (c Chain) TakeIQ(namespace string) (code int) {
	c.first(func(p *plan) (planned bool) {
		for _, name := range []string{namespace, ""} {
			codes := p.iqs[name]
			if code, planned = pop(&codes); planned {
				p.iqs[name] = codes
				return true
			}
		}
		return false
	})
	return code
}

// TakeMessage uses up a planned error of a message; 0 when there is none.
func (c Chain) TakeMessage() (code int) {
	c.first(func(p *plan) (planned bool) {
		code, planned = pop(&p.messages)
		return planned
	})
	return code
}

// TakeAckLoss reports, and uses up, that an acknowledgement is to be lost.
func (c Chain) TakeAckLoss() bool { return c.takeOne(func(p *plan) *int { return &p.lostAcks }) }

// TakeLostRace reports, and uses up, that a write of app state is to conflict.
func (c Chain) TakeLostRace() bool { return c.takeOne(func(p *plan) *int { return &p.lostRaces }) }

// TakeCorruption reports, and uses up, that a message is to be corrupted.
func (c Chain) TakeCorruption() bool { return c.takeOne(func(p *plan) *int { return &p.corruptions }) }

func (c Chain) takeOne(counter func(*plan) *int) bool {
	return c.first(func(p *plan) bool { return takeOne(counter(p)) })
}

// first asks the plans in order until one has something planned.
func (c Chain) first(take func(*plan) bool) bool {
	for _, f := range c {
		f.mu.Lock()
		taken := take(&f.plan)
		f.mu.Unlock()
		if taken {
			return true
		}
	}
	return false
}

func takeOne(left *int) bool {
	if *left <= 0 {
		return false
	}
	*left--
	return true
}

func pop[T any](queue *[]T) (head T, ok bool) {
	if len(*queue) == 0 {
		return head, false
	}
	head = (*queue)[0]
	*queue = (*queue)[1:]
	return head, true
}

// Corrupt returns a copy of a message whose ciphertexts do not decrypt.
func Corrupt(node waBinary.Node) waBinary.Node {
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
			child = Corrupt(child)
		}
		broken[i] = child
	}
	node.Content = broken
	return node
}
