package loginguard

import (
	"sync"
	"time"
)

// noted is how many pairs of account and address are told apart between two
// calls of Flush. More than that is a flood, of which the number counts.
const noted = 64

// Failure is that the password was wrong, so many times.
type Failure struct {
	User    string // id of the account, empty when there is none
	Address string // from where, empty: from many
	Count   int
	Since   time.Time // of the first
}

// Ledger gathers failed logins, so that a flood of them becomes a few records.
// Safe for use at the same time.
type Ledger struct {
	mu     sync.Mutex
	seen   map[Failure]*Failure // guarded by mu; by User and Address
	others Failure              // guarded by mu
}

// Note counts a failure. It returns true for one that shall be recorded at
// once; Flush tells of the others.
func (l *Ledger) Note(user, address string, at time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	key := Failure{User: user, Address: address}
	f, ok := l.seen[key]
	switch {
	case ok:
	case len(l.seen) < noted:
		if l.seen == nil {
			l.seen = map[Failure]*Failure{}
		}
		l.seen[key] = &Failure{User: user, Address: address}
		return true
	default:
		f = &l.others
	}
	if f.Count++; f.Count == 1 {
		f.Since = at
	}
	return false
}

// Flush returns what was counted since the last Flush and not recorded at once.
func (l *Ledger) Flush() []Failure {
	l.mu.Lock()
	defer l.mu.Unlock()
	var all []Failure
	for _, f := range l.seen {
		if f.Count > 0 {
			all = append(all, *f)
		}
	}
	if l.others.Count > 0 {
		all = append(all, l.others)
	}
	l.seen, l.others = nil, Failure{}
	return all
}
