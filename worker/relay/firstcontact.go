package relay

import (
	"context"
	"fmt"
	"slices"
	"strings"
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
	if !approaches(to, msg) {
		return nil
	}
	refused, err := c.meet(ctx, []types.JID{to})
	if err != nil || len(refused) == 0 {
		return err
	}
	return c.tooMany("this person has never written to the number")
}

// Meet refuses to put people into a group, when there are more among them who have never
// written than the call may write to. It takes all or none, and nothing has been sent
// when it refuses. Where says how a caller finds somebody by the place in the list. It
// answers for the messages, too, that the call sends to these people afterwards.
func (c *Call) Meet(ctx context.Context, people []types.JID, where func(place int) string) error {
	refused, err := c.meet(ctx, people)
	if err != nil || len(refused) == 0 {
		return Unsent(err)
	}
	names := make([]string, 0, namedAtMost+1)
	for _, place := range refused {
		if len(names) == namedAtMost {
			names = append(names, fmt.Sprintf("%d more", len(refused)-namedAtMost))
			break
		}
		names = append(names, where(place))
	}
	return Unsent(c.tooMany("nobody was put into a group: " + strings.Join(names, ", ") + " have never written to the number"))
}

// namedAtMost bounds how many people an error names.
const namedAtMost = 20

// meet returns the places of those people who have never written and may not be written
// to now; none when the call may write to all.
func (c *Call) meet(ctx context.Context, people []types.JID) (refused []int, err error) {
	limit := c.contacts
	if limit == nil {
		return nil, nil
	}
	account := c.Account()
	ids, asked := make([]string, len(people)), make([]string, 0, len(people))
	for i, jid := range people {
		number, err := numberOf(ctx, c.Client, jid.ToNonAD())
		if err != nil {
			return nil, err
		}
		ids[i] = shape.ID(number)
		if id := ids[i]; id != shape.ID(account.JID) && id != shape.ID(account.LID) && !slices.Contains(c.met, id) && !slices.Contains(asked, id) {
			asked = append(asked, id)
		}
	}
	if len(asked) == 0 {
		return nil, nil
	}
	strange, err := c.Mirror.Strangers(ctx, asked)
	if err != nil || len(strange) == 0 {
		return nil, err
	}
	refusedIDs := strange
	if limit.GetMost() > 0 {
		refusedIDs, err = c.table.meeting.enter(strange, int(limit.GetMost()), func() ([]string, error) {
			return c.Mirror.FirstContacts(ctx, limit.GetSince().AsTime())
		})
		if err != nil {
			return nil, err
		}
	}
	if len(refusedIDs) == 0 {
		c.met = append(c.met, strange...)
		return nil, nil
	}
	for i, id := range ids {
		if slices.Contains(refusedIDs, id) {
			refused = append(refused, i)
		}
	}
	return refused, nil
}

func (c *Call) tooMany(who string) error {
	limit := c.contacts
	until := limit.GetUntil().AsTime()
	f := fault.New(fault.RateLimited, Op, "%s, and until %s it may not write to such people; the number's health tells why",
		who, until.UTC().Format(time.RFC3339))
	f.Code, f.RetryAfter = limit.GetReason(), max(time.Until(until), time.Second)
	return f
}

// NoteGrouped records whom the call has put into a group, as WhatsApp answered.
func (c *Call) NoteGrouped(ctx context.Context, answers []types.GroupParticipant) {
	people := make([]types.JID, 0, len(answers))
	for _, p := range answers {
		switch {
		case p.Error != 0:
		case !p.PhoneNumber.IsEmpty():
			people = append(people, p.PhoneNumber)
		default:
			people = append(people, p.JID)
		}
	}
	c.noteApproached(ctx, people)
}

// noteApproached records to whom the call has turned without a message that is recorded.
// That is done, so a failure is only logged.
func (c *Call) noteApproached(ctx context.Context, people []types.JID) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordTime)
	defer cancel()
	account := c.Account()
	ids := make([]string, 0, len(people))
	for _, jid := range people {
		number, err := numberOf(ctx, c.Client, jid.ToNonAD())
		if err != nil {
			number = jid.ToNonAD()
		}
		if id := shape.ID(number); id != shape.ID(account.JID) && id != shape.ID(account.LID) {
			ids = append(ids, id)
		}
	}
	if len(ids) == 0 {
		return
	}
	if err := c.Mirror.NoteApproached(ctx, ids); err != nil {
		c.Log.Warn().Err(err).Int("people", len(ids)).Msg("whom the account approached is not counted")
	}
}

// approaches tells whether a message turns to a person anew.
func approaches(to types.JID, msg *waE2E.Message) bool {
	return (to.Server == types.DefaultUserServer || to.Server == types.HiddenUserServer) && !amends(msg)
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
		case "protocolMessage":
			if kind := m.GetProtocolMessage().GetType(); kind != waE2E.ProtocolMessage_REVOKE && kind != waE2E.ProtocolMessage_MESSAGE_EDIT {
				return false // a timer, for one, is about the chat, and makes one where there is none
			}
			sign = true
		case "reactionMessage", "encReactionMessage", "pollUpdateMessage", "pinInChatMessage", "secretEncryptedMessage":
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

// enter lets people in, all or none, when those of them who are new and those of before
// and of other calls are together no more than most. Otherwise it returns those who
// are new. People who were let in are to leave.
func (m *meeting) enter(people []string, most int, before func() ([]string, error)) (refused []string, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	recorded, err := before()
	if err != nil {
		return nil, err
	}
	n := len(recorded)
	for other := range m.underway {
		if !slices.Contains(recorded, other) {
			n++
		}
	}
	for _, person := range people {
		if m.underway[person] == 0 && !slices.Contains(recorded, person) {
			refused = append(refused, person)
		}
	}
	if len(refused) > 0 && n+len(refused) > most {
		return refused, nil
	}
	if m.underway == nil {
		m.underway = map[string]int{}
	}
	for _, person := range people {
		m.underway[person]++
	}
	return nil, nil
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
