package shape

// Reaction is one person's reaction to a message; an empty text removes it.
// Timestamp is in seconds and may have a fraction in events.
type Reaction struct {
	ID           MessageID `json:"id"`
	Orphan       int       `json:"orphan"` // 1: the message is not in the mirror
	OrphanReason *string   `json:"orphanReason"`
	Timestamp    float64   `json:"timestamp"`
	Reaction     string    `json:"reaction"`
	Read         bool      `json:"read"`
	MsgID        MessageID `json:"msgId"`
	SenderID     string    `json:"senderId"`
	SenderLID    string    `json:"senderLid,omitempty"` // ours
	Username     string    `json:"username,omitempty"`  // of the sender, ours
	Ack          *int      `json:"ack,omitempty"`       // own reactions
}

// ReactionList is all reactions to a message with the same emoji.
// AggregateEmoji has its skin tone removed.
type ReactionList struct {
	ID              string     `json:"id"`
	AggregateEmoji  string     `json:"aggregateEmoji"`
	HasReactionByMe bool       `json:"hasReactionByMe"`
	Senders         []Reaction `json:"senders"`
}

// PollVote is what one voter has selected. An empty list of options means that the vote was
// taken back, and null that they are not known: the vote cannot be read, or its poll is not
// known.
type PollVote struct {
	Voter           string       `json:"voter"`
	VoterLID        string       `json:"voterLid,omitempty"` // ours
	Username        string       `json:"username,omitempty"` // of the voter, ours
	SelectedOptions []PollOption `json:"selectedOptions"`
	InterractedAtTs int64        `json:"interractedAtTs"` //nolint:staticcheck // whatsapp-web.js spells it so; milliseconds
	ParentMessage   *Message     `json:"parentMessage,omitempty"`
	ParentMsgKey    MessageID    `json:"parentMsgKey"`
	Unreadable      bool         `json:"unreadable,omitempty"` // no known secret opens it: the options are null
}

// EventResponse is somebody's answer to an event: going, not_going, maybe or unknown.
// Timestamp is in milliseconds. whatsapp-web.js has no such class.
type EventResponse struct {
	ID              MessageID `json:"id"`
	SenderID        string    `json:"senderId"`
	SenderLID       string    `json:"senderLid,omitempty"`
	Response        string    `json:"response"`
	ExtraGuestCount int       `json:"extraGuestCount"`
	Timestamp       int64     `json:"timestamp"`
	ParentMessage   *Message  `json:"parentMessage,omitempty"`
	ParentMsgKey    MessageID `json:"parentMsgKey"`
}

// Call is an incoming call.
type Call struct {
	ID                    string         `json:"id"`
	From                  string         `json:"from"`
	FromLID               string         `json:"fromLid,omitempty"`  // ours
	Username              string         `json:"username,omitempty"` // of who calls, ours
	Timestamp             int64          `json:"timestamp"`
	IsVideo               bool           `json:"isVideo"`
	IsGroup               bool           `json:"isGroup"`
	FromMe                bool           `json:"fromMe"`
	CanHandleLocally      bool           `json:"canHandleLocally"`
	WebClientShouldHandle bool           `json:"webClientShouldHandle"`
	Participants          map[string]any `json:"participants"`
}

// MessageInfo is who has received, read and played an own message. The
// remaining counters are the participants at sending time minus the entries.
type MessageInfo struct {
	Delivery          []ReceiptEntry `json:"delivery"`
	DeliveryRemaining int            `json:"deliveryRemaining"`
	Played            []ReceiptEntry `json:"played"`
	PlayedRemaining   int            `json:"playedRemaining"`
	Read              []ReceiptEntry `json:"read"`
	ReadRemaining     int            `json:"readRemaining"`
}

// ReceiptEntry is one person's receipt, at T seconds.
type ReceiptEntry struct {
	ID       Wid    `json:"id"`
	T        int64  `json:"t"`
	LID      string `json:"lid,omitempty"`      // ours
	Username string `json:"username,omitempty"` // ours
}
