package phone

import (
	"time"

	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
)

// History is what the phone already holds when a companion is linked. Its chats are handed
// over as the initial history, its contacts as app state and push names.
type History struct {
	Conversations []Conversation
	Contacts      []Contact
	Claims        []Claim
}

// Claim is what the phone says of two addresses in its history: that they are one
// person. A phone that means harm claims what is not so.
type Claim struct{ LID, PN types.JID }

// Contact is an entry of the phone's address book or a person whose push name it knows.
type Contact struct {
	PN, LID             types.JID // LID is resolved through the Network when empty
	FullName, FirstName string    // both empty: not in the address book
	PushName            string
}

// Conversation is one chat of the history, its messages in any order.
type Conversation struct {
	Chat       types.JID // PN, LID or group
	Name       string
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
