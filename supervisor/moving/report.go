package moving

import (
	"cmp"
	"fmt"
	"strings"

	"whatsapp-manager/proto/fault"
)

// Report says what became of an account on its way.
type Report struct {
	Format string         `json:"format" doc:"The form that was read or written"`
	Device string         `json:"device" doc:"The linked device that moved, as WhatsApp writes it"`
	Name   string         `json:"name,omitempty" doc:"The account's own name"`
	Taken  map[string]int `json:"taken" doc:"How many of each kind were taken"`
	Lost   []Loss         `json:"lost" doc:"What could not be taken, and why"`
	Advice []string       `json:"advice" doc:"What to do next"`
}

// Loss is a kind of data that did not come along.
type Loss struct {
	What  string `json:"what"`
	Count int    `json:"count,omitempty" doc:"Absent where nobody can know"`
	Why   string `json:"why"`
}

// Lose notes a loss. Losses of the same kind for the same reason are counted together.
func (r *Report) Lose(what string, count int, why string) {
	for i, known := range r.Lost {
		if known.What == what && known.Why == why {
			r.Lost[i].Count += count
			return
		}
	}
	r.Lost = append(r.Lost, Loss{what, count, why})
}

// Advise adds a sentence about what to do next.
func (r *Report) Advise(format string, args ...any) {
	r.Advice = append(r.Advice, fmt.Sprintf(format, args...))
}

// NewReport returns a report without findings.
func NewReport(format string) *Report {
	return &Report{Format: format, Taken: map[string]int{}, Lost: []Loss{}, Advice: []string{}}
}

// Count fills in what the account holds.
func (r *Report) Count(a *Account) {
	r.Device, r.Name = a.Device.JID, a.Device.PushName
	macs := 0
	for _, c := range a.Collections {
		macs += len(c.Macs)
	}
	for what, n := range map[string]int{
		"preKeys": len(a.PreKeys), "identities": len(a.Identities), "sessions": len(a.Sessions), "senderKeys": len(a.SenderKeys),
		"appStateKeys": len(a.SyncKeys), "appStateVersions": len(a.Collections), "appStateEntries": macs,
		"contacts": len(a.Contacts), "chatSettings": len(a.Chats), "messageSecrets": len(a.Secrets),
		"privacyTokens": len(a.Tokens), "lidPairs": len(a.Pairs), "receivedBuffer": len(a.Received), "sentBuffer": len(a.Sent),
	} {
		if n > 0 {
			r.Taken[what] = n
		}
	}
	if a.OldSecrets > 0 {
		r.Lose("messageSecrets", a.OldSecrets, fmt.Sprintf("only the newest %d are taken; changes of the messages before and answers to polls in them cannot be read", MaxSecrets))
	}
}

// Choice is one of several accounts in one file.
type Choice struct {
	Device string `json:"device"`
	Name   string `json:"name,omitempty"`
}

// bad is the fault for a file that cannot be taken in. The text quotes no value.
func bad(format string, args ...any) error {
	return &fault.Error{Kind: fault.Invalid, Op: "moving", Field: "file", Code: "unreadable_account", Msg: fmt.Sprintf(format, args...)}
}

// Unreadable returns the fault for a file that is not what it is said to be, or holds
// what cannot be taken in. The text must quote no value of the file: they are secrets.
func Unreadable(format string, args ...any) error { return bad(format, args...) }

// NameFor returns the name of the instance that an account becomes: the one that was
// given, the account's own, or the form's.
func NameFor(given string, r *Report) string {
	name := cmp.Or(given, strings.TrimSpace(r.Name), r.Format)
	return string([]rune(name)[:min(len([]rune(name)), 100)])
}
