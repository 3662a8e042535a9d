package relay

import (
	"context"
	"slices"
	"sync"
	"time"

	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"

	"whatsapp-manager/proto/fault"
	"whatsapp-manager/worker/shape"
)

// approach refuses a message to somebody who has never written, when the call may not
// write to such people or has written to enough of them. It is the last check before a
// message goes out, because only here everybody's id is known in the form in which the
// mirror has it.
func (c *Call) approach(ctx context.Context, to types.JID, msg *waE2E.Message) error {
	limit := c.contacts
	if limit == nil || to.Server != types.DefaultUserServer && to.Server != types.HiddenUserServer || amends(msg) {
		return nil
	}
	number, err := numberOf(ctx, c.Client, to.ToNonAD())
	if err != nil {
		return err
	}
	account, person := c.Account(), shape.ID(number)
	if person == shape.ID(account.JID) || person == shape.ID(account.LID) || slices.Contains(c.met, person) {
		return nil
	}
	if written, err := c.Mirror.HasWritten(ctx, person); err != nil || written {
		return err
	}
	if limit.GetMost() > 0 {
		admitted, err := c.table.meeting.enter(person, int(limit.GetMost()), func() ([]string, error) {
			return c.Mirror.FirstContacts(ctx, limit.GetSince().AsTime())
		})
		if err != nil {
			return err
		}
		if admitted {
			c.met = append(c.met, person)
			return nil
		}
	}
	until := limit.GetUntil().AsTime()
	f := fault.New(fault.RateLimited, Op, "this person has never written to the number, and until %s it may not "+
		"write to such people; the number's health tells why", until.UTC().Format(time.RFC3339))
	f.Code, f.RetryAfter = limit.GetReason(), max(time.Until(until), time.Second)
	return f
}

// amends tells whether a message only changes an earlier one of its chat, or answers it
// with a sign. It opens no chat.
func amends(m *waE2E.Message) bool {
	if len(m.ProtoReflect().GetUnknown()) > 0 {
		return false
	}
	sign := false
	for field := range m.ProtoReflect().Range {
		switch field.Name() {
		case "protocolMessage", "reactionMessage", "encReactionMessage", "pollUpdateMessage", "pinInChatMessage", "secretEncryptedMessage":
			sign = true
		case "messageContextInfo": // no content
		default: // it says something, too
			return false
		}
	}
	return sign
}

// leave ends the call's first contacts: they are recorded, or came to nothing.
func (c *Call) leave() {
	if len(c.met) > 0 {
		c.table.meeting.leave(c.met)
	}
}

// meeting knows the people to whom calls write for the first time right now, so that
// calls at the same time count each other.
type meeting struct {
	mu       sync.Mutex
	underway map[string]int // calls, by person; guarded by mu
}

// enter lets a person in when they are among those that were written to before, or when
// these and those of other calls are fewer than most. A person who was let in is to leave.
func (m *meeting) enter(person string, most int, before func() ([]string, error)) (admitted bool, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	recorded, err := before()
	if err != nil {
		return false, err
	}
	n := len(recorded)
	for other := range m.underway {
		if !slices.Contains(recorded, other) {
			n++
		}
	}
	if n >= most && m.underway[person] == 0 && !slices.Contains(recorded, person) {
		return false, nil
	}
	if m.underway == nil {
		m.underway = map[string]int{}
	}
	m.underway[person]++
	return true, nil
}

func (m *meeting) leave(people []string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, person := range people {
		if m.underway[person]--; m.underway[person] <= 0 {
			delete(m.underway, person)
		}
	}
}
