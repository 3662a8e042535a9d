package phone

import (
	"cmp"
	"slices"
	"time"

	"go.mau.fi/whatsmeow/types"
)

// chat is a conversation as the phone would show it: the History and what came since.
type chat struct {
	Conversation
	pn, lid types.JID // of a 1:1 chat
}

// chats merges the configured history with the ledger and the recently sent messages, newest
// message first, each chat once whichever identity its parts were booked under.
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
	for _, r := range slices.Backward(p.Received()) { // of one second the newest first, too
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

// lasting tells messages from what only changes others.
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
