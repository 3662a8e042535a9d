package moving

import "iter"

const (
	partRows  = 5000
	partBytes = 4 << 20
)

// Parts takes an account apart, so that nobody has to hold all of it: the first part has
// the device and what there is little of, the others some rows each. What is referred to
// comes before what refers to it, and pairs before people. The parts share the account's
// memory.
func (a *Account) Parts() iter.Seq[*Account] {
	return func(yield func(*Account) bool) {
		head := &Account{Device: a.Device, PreKeys: a.PreKeys, SyncKeys: a.SyncKeys, Salt: a.Salt, SharedPairs: a.SharedPairs, OldSecrets: a.OldSecrets}
		if !yield(head) {
			return
		}
		for _, c := range a.Collections {
			if !yield(&Account{SharedPairs: a.SharedPairs, Collections: []Collection{c}}) {
				return
			}
		}
		_ = cut(yield, a.Pairs, func(p *Account, rows []Pair) { p.Pairs, p.SharedPairs = rows, a.SharedPairs }) &&
			cut(yield, a.Identities, func(p *Account, rows []Identity) { p.Identities = rows }) &&
			cut(yield, a.Sessions, func(p *Account, rows []Session) { p.Sessions = rows }) &&
			cut(yield, a.SenderKeys, func(p *Account, rows []SenderKey) { p.SenderKeys = rows }) &&
			cut(yield, a.Contacts, func(p *Account, rows []Contact) { p.Contacts = rows }) &&
			cut(yield, a.Chats, func(p *Account, rows []Chat) { p.Chats = rows }) &&
			cut(yield, a.Secrets, func(p *Account, rows []Secret) { p.Secrets = rows }) &&
			cut(yield, a.Tokens, func(p *Account, rows []Token) { p.Tokens = rows }) &&
			cut(yield, a.Received, func(p *Account, rows []Received) { p.Received = rows }) &&
			cut(yield, a.Sent, func(p *Account, rows []Sent) { p.Sent = rows })
	}
}

// cut yields rows of one kind in parts. False when nobody wants more.
func cut[T any](yield func(*Account) bool, rows []T, put func(*Account, []T)) bool {
	for len(rows) > 0 {
		n, bytes := 0, int64(0)
		for n < len(rows) && n < partRows && bytes < partBytes {
			var one Account
			put(&one, rows[n:n+1])
			bytes += one.size()
			n++
		}
		part := &Account{}
		put(part, rows[:n])
		if !yield(part) {
			return false
		}
		rows = rows[n:]
	}
	return true
}
