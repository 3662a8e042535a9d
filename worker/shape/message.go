package shape

// Message is whatsapp-web.js' Message. Username and ToUsername are ours.
type Message struct {
	Data                        Data           `json:"_data"`
	MediaKey                    string         `json:"mediaKey,omitempty"`
	ID                          MessageID      `json:"id"`
	Ack                         int            `json:"ack"`
	HasMedia                    bool           `json:"hasMedia"`
	Body                        string         `json:"body"`
	Type                        string         `json:"type"`
	Timestamp                   int64          `json:"timestamp"` // seconds
	From                        string         `json:"from"`
	To                          string         `json:"to"`
	Author                      string         `json:"author,omitempty"`     // groups and status
	Username                    string         `json:"username,omitempty"`   // of the person who wrote it, ours
	ToUsername                  string         `json:"toUsername,omitempty"` // of the person it went to, ours
	DeviceType                  string         `json:"deviceType"`
	IsForwarded                 *bool          `json:"isForwarded,omitempty"`
	ForwardingScore             uint32         `json:"forwardingScore"`
	IsStatus                    bool           `json:"isStatus"`
	IsStarred                   bool           `json:"isStarred"`
	Broadcast                   *bool          `json:"broadcast,omitempty"`
	FromMe                      bool           `json:"fromMe"`
	HasQuotedMsg                bool           `json:"hasQuotedMsg"`
	HasReaction                 bool           `json:"hasReaction"`
	Duration                    string         `json:"duration,omitempty"`
	Location                    *Location      `json:"location,omitempty"`
	VCards                      []string       `json:"vCards"`
	InviteV4                    *InviteV4      `json:"inviteV4,omitempty"`
	MentionedIDs                []string       `json:"mentionedIds"`
	GroupMentions               []GroupMention `json:"groupMentions"`
	OrderID                     string         `json:"orderId,omitempty"`
	Token                       string         `json:"token,omitempty"`
	IsGif                       bool           `json:"isGif"`
	IsEphemeral                 *bool          `json:"isEphemeral,omitempty"`
	Title                       string         `json:"title,omitempty"`
	Description                 string         `json:"description,omitempty"`
	BusinessOwnerJID            string         `json:"businessOwnerJid,omitempty"`
	ProductID                   string         `json:"productId,omitempty"`
	LatestEditSenderTimestampMs int64          `json:"latestEditSenderTimestampMs,omitempty"`
	LatestEditMsgKey            *MessageID     `json:"latestEditMsgKey,omitempty"`
	ProtocolMessageKey          *MessageID     `json:"protocolMessageKey,omitempty"` // revoked
	Links                       []Link         `json:"links"`
	DynamicReplyButtons         []ReplyButton  `json:"dynamicReplyButtons,omitempty"`
	SelectedButtonID            string         `json:"selectedButtonId,omitempty"`
	SelectedRowID               string         `json:"selectedRowId,omitempty"`
	PollName                    *string        `json:"pollName,omitempty"`
	PollOptions                 []PollOption   `json:"pollOptions,omitempty"`
	AllowMultipleAnswers        *bool          `json:"allowMultipleAnswers,omitempty"`
	PollInvalidated             *bool          `json:"pollInvalidated,omitempty"`
	IsSentCagPollCreation       *bool          `json:"isSentCagPollCreation,omitempty"`
	MessageSecret               *[]int         `json:"messageSecret,omitempty"` // polls: 32 numbers, or none
}

// Data is the part of the web client's raw model that integrators read.
type Data struct {
	ID                 MessageID      `json:"id"`
	Body               string         `json:"body,omitempty"`
	Caption            string         `json:"caption,omitempty"`
	Type               string         `json:"type"`
	Subtype            string         `json:"subtype,omitempty"`
	T                  int64          `json:"t"`
	NotifyName         string         `json:"notifyName,omitempty"`
	From               string         `json:"from"`
	To                 string         `json:"to"`
	Author             string         `json:"author,omitempty"`
	Self               string         `json:"self"` // in or out
	Ack                int            `json:"ack"`
	IsNewMsg           bool           `json:"isNewMsg"`
	Star               bool           `json:"star"`
	Mimetype           string         `json:"mimetype,omitempty"`
	Filename           string         `json:"filename,omitempty"`
	Size               uint64         `json:"size,omitempty"`
	Filehash           string         `json:"filehash,omitempty"`    // base64
	EncFilehash        string         `json:"encFilehash,omitempty"` // base64
	MediaKey           string         `json:"mediaKey,omitempty"`    // base64
	MediaKeyTimestamp  int64          `json:"mediaKeyTimestamp,omitempty"`
	DirectPath         string         `json:"directPath,omitempty"`
	DeprecatedMms3URL  string         `json:"deprecatedMms3Url,omitempty"`
	Width              uint32         `json:"width,omitempty"`
	Height             uint32         `json:"height,omitempty"`
	PageCount          uint32         `json:"pageCount,omitempty"`
	Duration           string         `json:"duration,omitempty"`
	Waveform           []int          `json:"waveform,omitempty"`
	IsGif              bool           `json:"isGif,omitempty"`
	IsAnimated         bool           `json:"isAnimated,omitempty"`
	IsViewOnce         bool           `json:"isViewOnce,omitempty"`
	Viewed             bool           `json:"viewed,omitempty"`
	QuotedMsg          *Quoted        `json:"quotedMsg,omitempty"`
	QuotedStanzaID     string         `json:"quotedStanzaID,omitempty"`
	QuotedParticipant  string         `json:"quotedParticipant,omitempty"`
	QuotedRemoteJID    string         `json:"quotedRemoteJid,omitempty"`
	MentionedJIDList   []string       `json:"mentionedJidList"`
	GroupMentions      []GroupMention `json:"groupMentions"`
	IsForwarded        bool           `json:"isForwarded,omitempty"`
	ForwardingScore    uint32         `json:"forwardingScore,omitempty"`
	EphemeralDuration  uint32         `json:"ephemeralDuration,omitempty"`
	IsEphemeral        bool           `json:"isEphemeral,omitempty"`
	IsMdHistoryMsg     bool           `json:"isMdHistoryMsg"`
	IsStatusV3         bool           `json:"isStatusV3,omitempty"`
	Lat                *float64       `json:"lat,omitempty"`
	Lng                *float64       `json:"lng,omitempty"`
	Loc                string         `json:"loc,omitempty"`
	ClientURL          string         `json:"clientUrl,omitempty"`
	VCardList          []VCard        `json:"vcardList,omitempty"`
	VCardFormattedName string         `json:"vcardFormattedName,omitempty"`
	MatchedText        string         `json:"matchedText,omitempty"`
	CanonicalURL       string         `json:"canonicalUrl,omitempty"`
	Title              string         `json:"title,omitempty"`
	Description        string         `json:"description,omitempty"`
	Footer             string         `json:"footer,omitempty"`
	EventName          string         `json:"eventName,omitempty"`
	EventStartTime     int64          `json:"eventStartTime,omitempty"`
	EventEndTime       int64          `json:"eventEndTime,omitempty"`
	EventDescription   string         `json:"eventDescription,omitempty"`
	EventLocation      *Location      `json:"eventLocation,omitempty"`
	EventJoinLink      string         `json:"eventJoinLink,omitempty"`
	IsEventCanceled    bool           `json:"isEventCanceled,omitempty"`
	ServerID           int            `json:"serverId,omitempty"` // channels
	Recipients         []string       `json:"recipients,omitempty"`
	TemplateParams     []string       `json:"templateParams,omitempty"`
	Links              []Link         `json:"links"`

	Choices
	Trade
	Ad
	Album
	Later
	Hidden
}

// Quoted is the copy of a quoted message that a reply carries.
type Quoted struct {
	Type     string `json:"type"`
	Body     string `json:"body,omitempty"`
	Caption  string `json:"caption,omitempty"`
	Mimetype string `json:"mimetype,omitempty"`
	Filename string `json:"filename,omitempty"`
}

// VCard is one contact card of a multi_vcard message.
type VCard struct {
	DisplayName string `json:"displayName,omitempty"`
	VCard       string `json:"vcard"`
}

// Location is the content of a location message. Description is name and
// address on two lines.
type Location struct {
	Latitude    float64 `json:"latitude"`
	Longitude   float64 `json:"longitude"`
	Name        string  `json:"name,omitempty"`
	Address     string  `json:"address,omitempty"`
	URL         string  `json:"url,omitempty"`
	Description string  `json:"description"`
}

// InviteV4 is the private invitation into a group.
type InviteV4 struct {
	InviteCode    string `json:"inviteCode"`
	InviteCodeExp int64  `json:"inviteCodeExp"`
	GroupID       string `json:"groupId"`
	GroupName     string `json:"groupName"`
	FromID        string `json:"fromId"`
	ToID          string `json:"toId"`
}

// GroupMention is a mention of a whole group.
type GroupMention struct {
	GroupSubject string `json:"groupSubject"`
	GroupJID     Wid    `json:"groupJid"`
}

// Link is an address found in the text.
type Link struct {
	Link         string `json:"link"`
	IsSuspicious bool   `json:"isSuspicious"`
}

// PollOption is one answer of a poll; LocalID is its index.
type PollOption struct {
	Name    string `json:"name"`
	LocalID int    `json:"localId"`
}

// ReplyButton is one button of a buttons message.
type ReplyButton struct {
	ButtonID   string     `json:"buttonId"`
	ButtonText ButtonText `json:"buttonText"`
	Type       int        `json:"type"`

	NativeFlowInfo *NativeFlowInfo `json:"nativeFlowInfo,omitempty"`
}

// ButtonText is the label of a ReplyButton.
type ButtonText struct {
	DisplayText string `json:"displayText"`
}
