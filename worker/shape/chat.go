package shape

// Chat is whatsapp-web.js' Chat; with GroupMetadata it is its GroupChat. Username is ours.
type Chat struct {
	GroupMetadata  *GroupMetadata `json:"groupMetadata,omitempty"` // groups
	ID             Wid            `json:"id"`
	LID            string         `json:"lid,omitempty"` // of the person, ours
	Name           string         `json:"name"`
	Username       string         `json:"username,omitempty"` // of the person
	IsGroup        bool           `json:"isGroup"`
	IsReadOnly     bool           `json:"isReadOnly"`
	UnreadCount    int            `json:"unreadCount"`         // -1: marked unread
	Timestamp      int64          `json:"timestamp,omitempty"` // seconds, newest message
	Archived       bool           `json:"archived"`
	Pinned         bool           `json:"pinned"`
	IsMuted        bool           `json:"isMuted"`
	MuteExpiration int64          `json:"muteExpiration"` // seconds, 0 not muted, -1 for ever
	LastMessage    *Message       `json:"lastMessage,omitempty"`
	// The timer of a chat with one person, as WhatsApp Web's Chat has it. Groups have
	// theirs in GroupMetadata.
	EphemeralDuration         uint32 `json:"ephemeralDuration,omitempty"`         // seconds
	EphemeralSettingTimestamp int64  `json:"ephemeralSettingTimestamp,omitempty"` // seconds
}

// GroupMetadata is the description of a group. A group without a description text has
// none of the desc keys.
type GroupMetadata struct {
	ID                         Wid                `json:"id"`
	Creation                   int64              `json:"creation,omitempty"`
	Owner                      *Wid               `json:"owner,omitempty"`
	Subject                    string             `json:"subject"`
	SubjectTime                int64              `json:"subjectTime,omitempty"`
	SubjectOwner               *Wid               `json:"subjectOwner,omitempty"`
	OwnerLID                   string             `json:"ownerLid,omitempty"` // this and the next are ours
	SubjectOwnerLID            string             `json:"subjectOwnerLid,omitempty"`
	DescOwnerLID               string             `json:"descOwnerLid,omitempty"`
	Desc                       string             `json:"desc,omitempty"`
	DescID                     string             `json:"descId,omitempty"`
	DescTime                   int64              `json:"descTime,omitempty"`
	DescOwner                  *Wid               `json:"descOwner,omitempty"`
	Announce                   bool               `json:"announce"`
	Restrict                   bool               `json:"restrict"`
	MemberAddMode              string             `json:"memberAddMode,omitempty"`
	MembershipApprovalMode     bool               `json:"membershipApprovalMode"`
	EphemeralDuration          uint32             `json:"ephemeralDuration,omitempty"`
	IsParentGroup              bool               `json:"isParentGroup"`
	ParentGroup                *Wid               `json:"parentGroup,omitempty"`
	DefaultSubgroup            bool               `json:"defaultSubgroup"`
	IsLIDAddressingMode        bool               `json:"isLidAddressingMode"`
	Size                       int                `json:"size"`
	Suspended                  bool               `json:"suspended"`
	Incognito                  bool               `json:"incognito"`
	Participants               []GroupParticipant `json:"participants"`
	PendingParticipants        []GroupParticipant `json:"pendingParticipants"`
	PastParticipants           []GroupParticipant `json:"pastParticipants"`
	MembershipApprovalRequests []GroupParticipant `json:"membershipApprovalRequests"`
}

// GroupParticipant is a member of a group. IsAdmin is true for super admins too.
type GroupParticipant struct {
	ID           Wid    `json:"id"`
	LID          string `json:"lid,omitempty"` // ours
	IsAdmin      bool   `json:"isAdmin"`
	IsSuperAdmin bool   `json:"isSuperAdmin"`
	Username     string `json:"username,omitempty"` // ours
}

// GroupNotification is a change in a group. RecipientIDs are the members it happened to.
type GroupNotification struct {
	ID                 MessageID         `json:"id"`
	Body               string            `json:"body"`
	Type               string            `json:"type"`
	Timestamp          int64             `json:"timestamp"`
	ChatID             string            `json:"chatId"`
	Author             string            `json:"author,omitempty"`
	RecipientIDs       []string          `json:"recipientIds"`
	AuthorLID          string            `json:"authorLid,omitempty"`          // ours
	RecipientLIDs      []string          `json:"recipientLids,omitempty"`      // in the same order; ours
	Username           string            `json:"username,omitempty"`           // of the author, ours
	RecipientUsernames map[string]string `json:"recipientUsernames,omitempty"` // by id, where one is known; ours
}
