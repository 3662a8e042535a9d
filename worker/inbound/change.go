package inbound

import (
	"context"
	"time"

	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"

	"whatsapp-manager/proto/standing"
	"whatsapp-manager/worker/addon"
	"whatsapp-manager/worker/shape"
)

// Account is the WhatsApp account of the worker. JID and LID may have a device, which is
// ignored.
type Account struct {
	JID, LID types.JID
	PushName string
	Platform string // android, iphone, smba, smbi
}

// ID returns the account's serialised id (…@c.us), empty before pairing.
func (a Account) ID() string { return shape.ID(a.JID) }

// IDs knows which hidden id belongs to which phone number, as far as WhatsApp has told.
// For an unknown one it returns the empty JID and no error. The store of a whatsmeow
// client (Store.LIDs) is one.
type IDs interface {
	GetPNForLID(ctx context.Context, lid types.JID) (types.JID, error)
	GetLIDForPN(ctx context.Context, pn types.JID) (types.JID, error)
}

// Secrets keeps the secrets of messages, with which reactions, edits, comments, answers and
// votes are sealed. IDs that are also Secrets make these readable; otherwise they are not
// recorded.
type Secrets = addon.Secrets

// Change is the whole meaning of one event of WhatsApp. All ids in it are serialised and
// canonical: they have the phone-number form where it is known.
type Change struct {
	Account  Account
	Aliases  []Alias   // hidden ids with their phone numbers, from this event
	Contacts []Contact // names from this event; empty fields change nothing
	Op       Op        // nil when there are only aliases and contacts
	// Unreadable is the kind of a sealed part that no known secret opens: vote, reaction,
	// comment, event_response, edit. Empty: there was none.
	Unreadable string
}

// Op is the one thing that happened. The types of this package are all there are.
type Op interface {
	// Concerns returns the chat that the Op changes, and the message in it. Both are
	// empty when it concerns more than one chat, or something else; id is empty when it
	// concerns the chat as a whole.
	Concerns() (chat, id string)
	op()
}

// Alias says that two ids are the same person.
type Alias struct{ LID, ID string }

// Contact is what an event says about a person. An empty field changes nothing.
type Contact struct {
	ID           string
	LID          string
	PushName     string
	BusinessName string
	// Name and ShortName come from the phone's address book. With Saved they replace the
	// known names even when they are empty.
	Name, ShortName string
	Saved           bool
	// Username is nil where the event does not tell it, and empty where it tells that
	// there is none. A Quiet one makes no event unless another one was known.
	Username *string
	Quiet    bool
}

// Message is a new message of either direction.
type Message struct {
	Chat     string
	ID       string // WhatsApp's id
	FromMe   bool
	Sender   string // author
	At       time.Time
	PushName string
	Raw      *waE2E.Message // as sent, wrappers included; nil when it could not be decrypted
	Type     string         // where Raw does not say it: ciphertext, call_log, gp2, ...
	Subtype  string         // only with Type: why there is no content
	Body     string         // only with Type
	ServerID int            // channels
	// Sent says that this device sent the message and the server has acknowledged it.
	Sent bool
	// Fresh says that nothing can be known of a sent message but what this process has
	// told the mirror.
	Fresh bool
	// Recipients is how many others a group message went to; 0 when not known.
	Recipients int
	Broadcast  bool
	Timer      *Timer // of its chat, as the message tells it; nil: it says nothing
	// The following fields are set for messages of the past only.
	Ack       int
	Starred   bool
	Reactions []Reaction
	Receipts  []ReceiptOf
	Votes     []Vote
	Answers   []EventResponse
	Pin       *Pinned
	Keep      *Keep
	RevokedAt int64
}

// Reaction is a reaction to an earlier message. An empty Text removes it.
type Reaction struct {
	Chat   string
	Target string // WhatsApp's id of the message that was reacted to
	// TargetFromMe and TargetSender identify the target when the mirror does not have it.
	TargetFromMe bool
	TargetSender string
	ID           string
	FromMe       bool
	Sender       string
	Text         string
	AtMs         int64
	Unread       bool // past only
}

// Edit replaces the text or caption of an earlier message by the same author.
type Edit struct {
	Chat   string
	Target string
	ID     string // of the message that carried the edit
	FromMe bool
	Sender string
	AtMs   int64
	Raw    *waE2E.Message // new content
	// At is when the edit was made, for an edit whose message the mirror lacks.
	At time.Time
}

// Revoke deletes an earlier message for everyone.
type Revoke struct {
	Chat         string
	Target       string
	TargetFromMe bool
	TargetSender string
	ID           string // of the message that carried it
	By           string // who revoked: the author or an admin
	Admin        bool   // WhatsApp calls it an admin's revocation
	FromMe       bool
	At           time.Time
	Raw          *waE2E.Message // as it was written
}

// Vote is a vote on an earlier poll. Hashes are the SHA-256 of the names of the chosen
// options.
type Vote struct {
	Chat         string
	Target       string
	TargetFromMe bool
	TargetSender string
	ID           string
	FromMe       bool
	Voter        string
	Hashes       [][]byte
	AtMs         int64
	Unreadable   bool // somebody voted, and what for cannot be read
	// Raw is how it was written, the choice still sealed; nil for votes of the past.
	Raw *waE2E.Message
}

// Level is how far an own message has come. The values are those of `ack`.
type Level int

// The levels, from the lowest to the highest.
const (
	LevelPending   Level = 0
	LevelServer    Level = 1
	LevelDelivered Level = 2
	LevelRead      Level = 3
	LevelPlayed    Level = 4
)

// Receipt says that By has received, read or played own messages. With Self, we have read
// messages of others on another device.
type Receipt struct {
	Chat  string
	IDs   []string
	By    string
	Level Level
	At    time.Time
	Self  bool
}

// ReceiptOf is one person's receipt of a message of the past. Times are in seconds; zero
// means not yet.
type ReceiptOf struct {
	By                            string
	DeliveredAt, ReadAt, PlayedAt int64
}

// History is one message of the phone with chats and messages of the past. It fills the
// mirror and makes no events. Each yields one part after the other, so that only one of
// them is in memory as rows. An error of yield ends it and is returned.
type History struct {
	Each func(yield func(Past) error) error
}

// Past is one bounded part of a History.
type Past struct {
	Aliases  []Alias
	Contacts []Contact
	Chats    []ChatState
	Messages []Message
	Keeps    []Keep // told by messages of their own; their targets may be anywhere
}

// ChatState is the state of a chat. Values that are nil do not change.
type ChatState struct {
	ID         string
	Name       string // empty: unchanged
	Unread     *int   // -1: marked unread
	Timestamp  int64  // a lower one changes nothing
	Archived   *bool
	Pinned     *bool
	MutedUntil *int64 // seconds; 0 not muted, -1 for ever
	ReadOnly   *bool
	Timer      *Timer
	Group      *shape.GroupMetadata // nil: unchanged
}

// ChatSetting is a change that the account's owner made to a chat on some device. A Quiet
// one (from a full synchronisation) makes no event.
type ChatSetting struct {
	State ChatState
	At    time.Time
	Quiet bool
}

// ClearChat removes the messages of a chat up to a time. With Delete it removes the chat,
// too.
type ClearChat struct {
	Chat   string
	UpTo   time.Time
	Delete bool
	Quiet  bool
}

// DeleteForMe removes one message from our view.
type DeleteForMe struct {
	Chat, ID string
	FromMe   bool
	At       time.Time
	Quiet    bool
}

// Star marks or unmarks one message.
type Star struct {
	Chat, ID string
	Starred  bool
}

// Pinned pins or unpins one message for everybody in its chat.
type Pinned struct {
	Chat, Target string
	On           bool
	AtMs         int64 // by the clock of the person who did it
	Until        int64 // unix seconds; 0 for no end
}

// GroupChange is one or more changes in a group. Apply changes the known metadata. It is
// not called when nothing is known yet and Full is nil.
type GroupChange struct {
	Chat  string
	At    time.Time
	Full  *shape.GroupMetadata // the complete metadata, when the event had it
	Apply func(*shape.GroupMetadata)
	// Notices become group_join, group_leave, group_admin_changed and group_update.
	Notices []GroupNotice
	// Left says that we are no longer in the group, Joined that we are (again).
	Left, Joined bool
}

// GroupNotice is one notification of a group.
type GroupNotice struct {
	Event string // group_join …
	Type  string // add, remove, subject …
	Body  string
	By    string
	Whom  []string
	At    time.Time
	// Version distinguishes two changes of the same second and content, where WhatsApp
	// gives one.
	Version string
}

// Groups is the present metadata of groups, as WhatsApp answered it. It makes no events.
type Groups struct{ Groups []shape.GroupMetadata }

// Call is an incoming call.
type Call struct{ Call shape.Call }

// OwnName is the account's new push name.
type OwnName struct{ Name string }

// NumberNotice is what WhatsApp says about the account's number itself.
type NumberNotice struct{ Notice standing.Notice }

// Concerns returns the new message.
func (o *Message) Concerns() (chat, id string) { return o.Chat, o.ID }

// Concerns returns the message that was reacted to.
func (o *Reaction) Concerns() (chat, id string) { return o.Chat, o.Target }

// Concerns returns the message that was edited.
func (o *Edit) Concerns() (chat, id string) { return o.Chat, o.Target }

// Concerns returns the message that was deleted.
func (o *Revoke) Concerns() (chat, id string) { return o.Chat, o.Target }

// Concerns returns the poll.
func (o *Vote) Concerns() (chat, id string) { return o.Chat, o.Target }

// Concerns returns the message that was pinned or unpinned.
func (o *Pinned) Concerns() (chat, id string) { return o.Chat, o.Target }

// Concerns returns the message that was starred.
func (o *Star) Concerns() (chat, id string) { return o.Chat, o.ID }

// Concerns returns the message that was removed.
func (o *DeleteForMe) Concerns() (chat, id string) { return o.Chat, o.ID }

// Concerns returns the chat.
func (o *Receipt) Concerns() (chat, id string) { return o.Chat, "" }

// Concerns returns the chat.
func (o *ChatSetting) Concerns() (chat, id string) { return o.State.ID, "" }

// Concerns returns the chat.
func (o *ClearChat) Concerns() (chat, id string) { return o.Chat, "" }

// Concerns returns nothing: a change in a group may concern its members, too.
func (*GroupChange) Concerns() (chat, id string) { return "", "" }

// Concerns returns nothing.
func (*History) Concerns() (chat, id string) { return "", "" }

// Concerns returns nothing.
func (*Groups) Concerns() (chat, id string) { return "", "" }

// Concerns returns nothing.
func (*Call) Concerns() (chat, id string) { return "", "" }

// Concerns returns nothing.
func (*OwnName) Concerns() (chat, id string) { return "", "" }

// Concerns returns nothing: it is about no chat.
func (*NumberNotice) Concerns() (chat, id string) { return "", "" }

func (*Message) op()      {}
func (*Reaction) op()     {}
func (*Edit) op()         {}
func (*Revoke) op()       {}
func (*Vote) op()         {}
func (*Receipt) op()      {}
func (*History) op()      {}
func (*ChatSetting) op()  {}
func (*ClearChat) op()    {}
func (*DeleteForMe) op()  {}
func (*Star) op()         {}
func (*Pinned) op()       {}
func (*GroupChange) op()  {}
func (*Groups) op()       {}
func (*Call) op()         {}
func (*OwnName) op()      {}
func (*NumberNotice) op() {}
