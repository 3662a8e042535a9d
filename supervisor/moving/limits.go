package moving

import (
	"fmt"

	"whatsapp-manager/proto/fault"
)

// MaxSecrets is how many message secrets are taken; of more, the newest. Only polls,
// events and edits of messages that are still in use need theirs.
const MaxSecrets = 200_000

// maxBytes bounds all values of an account together.
const maxBytes = 256 << 20

// kinds are what an account has many of, as a report names them, with how many there may
// be. A bot that was busy for a year has about a third of that.
var kinds = []struct {
	name string
	most int
	of   func(*Account) int
}{
	{"preKeys", 50_000, func(a *Account) int { return len(a.PreKeys) }},
	{"identities", 300_000, func(a *Account) int { return len(a.Identities) }},
	{"sessions", 300_000, func(a *Account) int { return len(a.Sessions) }},
	{"senderKeys", 200_000, func(a *Account) int { return len(a.SenderKeys) }},
	{"appStateKeys", 10_000, func(a *Account) int { return len(a.SyncKeys) }},
	{"appStateVersions", 100, func(a *Account) int { return len(a.Collections) }},
	{"appStateEntries", 150_000, func(a *Account) (n int) {
		for _, c := range a.Collections {
			n += len(c.Macs)
		}
		return n
	}},
	{"contacts", 300_000, func(a *Account) int { return len(a.Contacts) }},
	{"chatSettings", 100_000, func(a *Account) int { return len(a.Chats) }},
	{"messageSecrets", MaxSecrets, func(a *Account) int { return len(a.Secrets) }},
	{"privacyTokens", 300_000, func(a *Account) int { return len(a.Tokens) }},
	{"lidPairs", 300_000, func(a *Account) int { return len(a.Pairs) }},
	{"receivedBuffer", 200_000, func(a *Account) int { return len(a.Received) }},
	{"sentBuffer", 200_000, func(a *Account) int { return len(a.Sent) }},
}

// Tally counts an account that comes in parts. The zero value has counted nothing.
type Tally struct {
	rows  [32]int // by kind
	bytes int64
}

// Add counts a part, and refuses what is more than an account may have. TooLarge, with
// Code account_too_large; the text names the kind and its limit.
func (t *Tally) Add(part *Account) error {
	for i, k := range kinds {
		if t.rows[i] += k.of(part); t.rows[i] > k.most {
			return tooLarge("the account has more than %d %s, and no more are taken", k.most, k.name)
		}
	}
	if t.bytes += part.size(); t.bytes > maxBytes {
		return tooLarge("the account has more than %d MiB of keys and values, and no more are taken", maxBytes>>20)
	}
	return nil
}

func tooLarge(format string, args ...any) error {
	return &fault.Error{Kind: fault.TooLarge, Op: "moving", Field: "file", Code: "account_too_large", Msg: fmt.Sprintf(format, args...)}
}

// Trim leaves out message secrets above MaxSecrets, those that stand first.
func (a *Account) Trim() {
	if over := len(a.Secrets) - MaxSecrets; over > 0 {
		a.Secrets, a.OldSecrets = a.Secrets[over:], a.OldSecrets+over
	}
}
