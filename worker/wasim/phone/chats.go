package phone

import (
	"cmp"
	"slices"
	"time"

	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
)

// chat is a conversation as the phone would show it: the History and what came since.
type chat struct {
	Conversation
	pn, lid types.JID // of a 1:1 chat
}

// chats merges the configured history with the ledger and the recently sent messages, newest
// message first. Each chat appears once, whichever identity its messages came under.
func (p *Phone) chats() []*chat {
	var order []*chat
	byKey := make(map[types.JID]*chat)
	find := func(jid types.JID) *chat {
		c := &chat{Conversation: Conversation{Chat: jid.ToNonAD()}}
		key := c.Chat
		if !isGroup(jid) {
			if pn, lid, ok := p.net.Resolve(c.Chat); ok {
				c.pn, c.lid, key = pn, lid, lid
			}
		}
		if known, ok := byKey[key]; ok {
			return known
		}
		byKey[key] = c
		order = append(order, c)
		return c
	}
	for _, conversation := range p.history.Conversations {
		c := find(conversation.Chat)
		conversation.Chat = c.Chat
		conversation.Messages = slices.Clone(conversation.Messages)
		c.Conversation = conversation
	}
	for _, r := range slices.Backward(p.Received()) { // newest first, also within one second
		if !lasting(r) {
			continue
		}
		c := find(r.Chat)
		c.Messages = append(c.Messages, HistoryMessage{
			ID: r.ID, FromMe: r.Own, Author: r.Sender.ToNonAD(), Name: r.PushName, Message: r.Message, Time: r.Time,
		})
	}
	for id, sent := range p.sentTexts() {
		c := find(sent.to)
		c.Messages = append(c.Messages, HistoryMessage{ID: id, FromMe: true, Message: sent.message, Time: sent.at})
	}
	for _, c := range order {
		slices.SortStableFunc(c.Messages, func(a, b HistoryMessage) int { return b.Time.Compare(a.Time) })
		c.Messages = slices.CompactFunc(c.Messages, func(a, b HistoryMessage) bool { return a.ID == b.ID })
	}
	slices.SortStableFunc(order, func(a, b *chat) int { return cmp.Compare(b.latest().UnixNano(), a.latest().UnixNano()) })
	return order
}

func (c *chat) latest() time.Time {
	if len(c.Messages) == 0 {
		return time.Unix(0, 0)
	}
	return c.Messages[0].Time
}

// lasting tells whether a message stands for itself and does not only change another one.
func lasting(r Received) bool {
	return r.Message != nil && r.Message.ProtocolMessage == nil && r.Message.EditedMessage == nil &&
		r.Message.ReactionMessage == nil
}

func (p *Phone) sentTexts() map[types.MessageID]sentMessage {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := make(map[types.MessageID]sentMessage)
	for id, sent := range p.recent.byID {
		if !sent.peer && lasting(Received{Message: sent.message}) {
			out[id] = *sent
		}
	}
	return out
}

// History is what the phone already holds when a companion is linked. Its chats are handed
// over as the initial history, its contacts as app state and push names.
type History struct {
	Conversations []Conversation
	Contacts      []Contact
	Claims        []Claim
}

// Claim is a statement in the history that two addresses are one person. A malicious phone
// makes false ones.
type Claim struct{ LID, PN types.JID }

// Contact is an entry of the phone's address book or a person whose push name it knows.
type Contact struct {
	PN, LID             types.JID // LID is resolved through the Network when empty
	FullName, FirstName string    // both empty: not in the address book
	PushName            string
	Username            string // empty: none is known
}

// Conversation is one chat of the history, its messages in any order.
type Conversation struct {
	Chat       types.JID // PN, LID or group
	Name       string
	Username   string // of a person; empty: none is known
	Unread     int
	Archived   bool
	Pinned     bool
	MutedUntil time.Time // zero: not muted
	Messages   []HistoryMessage
}

// HistoryMessage is one message of the history.
type HistoryMessage struct {
	ID      types.MessageID
	FromMe  bool
	Author  types.JID // in groups, of messages that are not from me
	Name    string    // the author's push name, may be empty
	Text    string
	Message *waE2E.Message // in place of Text
	Time    time.Time
}
