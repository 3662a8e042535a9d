package shape

// Channel is whatsapp-web.js' Channel.
type Channel struct {
	ID             Wid             `json:"id"`
	Name           string          `json:"name"`
	Description    string          `json:"description"`
	IsChannel      bool            `json:"isChannel"`
	IsGroup        bool            `json:"isGroup"`
	IsReadOnly     bool            `json:"isReadOnly"`
	UnreadCount    int             `json:"unreadCount"`
	Timestamp      int64           `json:"timestamp,omitempty"` // seconds, newest message
	IsMuted        bool            `json:"isMuted"`
	MuteExpiration int64           `json:"muteExpiration"` // 0 not muted, -1 for ever
	LastMessage    *Message        `json:"lastMessage,omitempty"`
	Metadata       ChannelMetadata `json:"channelMetadata"`
}

// ChannelMetadata is WhatsApp's description of a channel.
type ChannelMetadata struct {
	ID             Wid    `json:"id"`
	Name           string `json:"name"`
	Description    string `json:"description"`
	Reactions      string `json:"reactionCodesSetting,omitempty"` // all, basic, none, blocklist
	MembershipType string `json:"membershipType,omitempty"`       // owner, admin, subscriber, guest
	CreatedAt      int64  `json:"createdAtTs,omitempty"`          // seconds
	InviteLink     string `json:"inviteLink,omitempty"`
	Size           int    `json:"size"`
	Verified       bool   `json:"verified"`
	State          string `json:"stateType,omitempty"`
	PictureURL     string `json:"pictureUrl,omitempty"`
}
