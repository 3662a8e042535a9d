package shape

import (
	"go.mau.fi/whatsmeow/proto/waE2E"

	"whatsapp-manager/worker/message"
)

// Later is what the kinds of messages have that are younger than whatsapp-web.js 1.34.7.
// The names are WhatsApp Web's, except those that are marked.
type Later struct {
	NewsletterAdminInviteInfo    *NewsletterInvite `json:"newsletterAdminInviteInfo,omitempty"`
	NewsletterFollowerInviteInfo *NewsletterInvite `json:"newsletterFollowerInviteInfo,omitempty"`

	StickerPackID        string        `json:"stickerPackId,omitempty"`
	StickerPackPublisher string        `json:"stickerPackPublisher,omitempty"`
	StickerPackSize      uint64        `json:"stickerPackSize,omitempty"`
	TrayIconFileName     string        `json:"trayIconFileName,omitempty"`
	Stickers             []PackSticker `json:"stickers,omitempty"`

	SharableEventInvite

	ScheduledTimestampMs int64  `json:"scheduledTimestampMs,omitempty"` // a guess; milliseconds
	ScheduledCallType    string `json:"scheduledCallType,omitempty"`    // a guess: voice, video
	IsVideoCall          bool   `json:"isVideoCall,omitempty"`
	CallDuration         int64  `json:"callDuration,omitempty"` // seconds

	PollCreation
	PollVotesSnapshot *PollCounts `json:"pollVotesSnapshot,omitempty"` // of the poll that pollName names
	GroupInvite

	Pin
	Kic
}

// PollCreation is a poll as whatsapp-web.js reads it from _data.
type PollCreation struct {
	PollName                   string       `json:"pollName,omitempty"`
	PollOptions                []PollOption `json:"pollOptions,omitempty"`
	PollSelectableOptionsCount *uint32      `json:"pollSelectableOptionsCount,omitempty"` // 0: any number
}

// GroupInvite is an invitation into a group as whatsapp-web.js reads it from _data.
type GroupInvite struct {
	InviteCode    string `json:"inviteCode,omitempty"`
	InviteCodeExp int64  `json:"inviteCodeExp,omitempty"` // seconds
	InviteGrp     string `json:"inviteGrp,omitempty"`
	InviteGrpName string `json:"inviteGrpName,omitempty"`
}

// NewsletterInvite asks somebody to run or to follow a channel.
type NewsletterInvite struct {
	NewsletterID     Wid    `json:"newsletterId"`
	NewsletterName   string `json:"newsletterName"`
	InviteExpiration int64  `json:"inviteExpiration,omitempty"` // seconds; of administrators
	InviteMessage    string `json:"inviteMessage"`
}

// PackSticker is one sticker of a pack.
type PackSticker struct {
	FileName           string   `json:"fileName"`
	Emojis             []string `json:"emojis"`
	IsLottie           bool     `json:"isLottie"`
	IsAnimated         bool     `json:"isAnimated"`
	Mimetype           string   `json:"mimetype,omitempty"`
	AccessibilityLabel string   `json:"accessibilityLabel,omitempty"`
}

// SharableEventInvite asks somebody to come to an event. Times are seconds.
type SharableEventInvite struct {
	InvitedEventID    string `json:"sharableEventInviteId,omitempty"`
	InvitedTitle      string `json:"sharableEventInviteTitle,omitempty"`
	InvitedStartTime  int64  `json:"sharableEventInviteStartTime,omitempty"`
	InvitedEndTime    int64  `json:"sharableEventInviteEndTime,omitempty"`
	InvitedCaption    string `json:"sharableEventInviteCaption,omitempty"`
	InvitedIsCanceled bool   `json:"sharableEventInviteIsCanceled,omitempty"`
	InvitedCallLink   string `json:"sharableEventInviteCallLink,omitempty"`
}

// PollCounts is the result of a poll, by option.
type PollCounts struct {
	PollVotes []PollCount `json:"pollVotes"`
}

// PollCount is how many people chose an option.
type PollCount struct {
	Option          CountedOption `json:"option"`
	OptionVoteCount int64         `json:"optionVoteCount"`
}

// CountedOption is an option of a poll; the ids count from 0.
type CountedOption struct {
	LocalID int    `json:"localId"`
	Name    string `json:"name"`
}

// Pin is a message that was pinned, or kept in a chat whose messages disappear.
type Pin struct {
	PinParentKey         *MessageID `json:"pinParentKey,omitempty"`
	PinMessageType       int        `json:"pinMessageType,omitempty"` // 1 pinned, 2 unpinned
	PinSenderTimestampMs int64      `json:"pinSenderTimestampMs,omitempty"`
	PinExpiryDuration    uint32     `json:"pinExpiryDuration,omitempty"` // seconds
	KeptMessageKey       *MessageID `json:"keptMessageKey,omitempty"`
	KeepType             int        `json:"keepType,omitempty"` // 1 kept for all, 2 no more
	SenderTimestampMs    int64      `json:"senderTimestampMs,omitempty"`
}

// Keep says that somebody kept a message that would have disappeared, or undid that.
type Keep struct {
	On    bool
	ID    string // of the message that said so
	By    string // canonical id
	AtMs  int64
	Count int // how often it was kept
}

// Kic is WhatsApp Web's part of a message that somebody kept in the chat.
type Kic struct {
	KicKey         *MessageID `json:"kicKey,omitempty"`
	KicState       string     `json:"kicState,omitempty"` // KEPT, UNKEPT
	KicTimestampMs int64      `json:"kicTimestampMs,omitempty"`
	KeptCount      int        `json:"keptCount,omitempty"`
}

func (d *Data) keep(s Source) {
	if s.Keep == nil {
		return
	}
	key := NewMessageID(s.Keep.By == s.Me, s.Chat, s.Keep.ID, s.Keep.By, s.Me)
	d.Kic = Kic{KicKey: &key, KicState: "UNKEPT", KicTimestampMs: s.Keep.AtMs, KeptCount: s.Keep.Count}
	if s.Keep.On {
		d.KicState = "KEPT"
	}
}

// later writes what only younger kinds have.
func (d *Data) later(c message.Content) {
	switch w := c.Message; c.Field {
	case "albumMessage":
		d.album(w.AlbumMessage)
	case "newsletterAdminInviteMessage":
		i := w.NewsletterAdminInviteMessage
		d.NewsletterAdminInviteInfo = newsletterInvite(i.GetNewsletterJID(), i.GetNewsletterName(), i.GetCaption())
		d.NewsletterAdminInviteInfo.InviteExpiration = i.GetInviteExpiration()
	case "newsletterFollowerInviteMessageV2":
		i := w.NewsletterFollowerInviteMessageV2
		d.NewsletterFollowerInviteInfo = newsletterInvite(i.GetNewsletterJID(), i.GetNewsletterName(), i.GetCaption())
	case "stickerPackMessage":
		d.stickerPack(w.StickerPackMessage)
	case "eventInviteMessage":
		i := w.EventInviteMessage
		d.SharableEventInvite = SharableEventInvite{
			InvitedEventID: Clean(i.GetEventID()), InvitedTitle: Clean(i.GetEventTitle()),
			InvitedStartTime: i.GetStartTime(), InvitedEndTime: i.GetEndTime(), InvitedCaption: Clean(i.GetCaption()),
			InvitedIsCanceled: i.GetIsCanceled(), InvitedCallLink: Clean(i.GetCallLink()),
		}
	case "scheduledCallCreationMessage":
		s := w.ScheduledCallCreationMessage
		d.ScheduledTimestampMs = s.GetScheduledTimestampMS()
		switch s.GetCallType() {
		case waE2E.ScheduledCallCreationMessage_VOICE:
			d.ScheduledCallType = "voice"
		case waE2E.ScheduledCallCreationMessage_VIDEO:
			d.ScheduledCallType = "video"
		}
	case "callLogMesssage":
		d.IsVideoCall, d.CallDuration = w.CallLogMesssage.GetIsVideo(), w.CallLogMesssage.GetDurationSecs()
	case "pollResultSnapshotMessage":
		d.pollCounts(w.PollResultSnapshotMessage)
	case "pollResultSnapshotMessageV3":
		d.pollCounts(w.PollResultSnapshotMessageV3)
	}
}

func newsletterInvite(jid, name, caption string) *NewsletterInvite {
	return &NewsletterInvite{
		NewsletterID: NewWid(jidText(jid)), NewsletterName: Clean(name), InviteMessage: Clean(caption),
	}
}

func (d *Data) stickerPack(p *waE2E.StickerPackMessage) {
	d.StickerPackID, d.StickerPackPublisher = Clean(p.GetStickerPackID()), Clean(p.GetPublisher())
	d.StickerPackSize, d.TrayIconFileName = p.GetStickerPackSize(), Clean(p.GetTrayIconFileName())
	d.Description = Clean(p.GetPackDescription())
	for _, sticker := range firstChoices(p.GetStickers()) {
		shown := PackSticker{
			FileName: Clean(sticker.GetFileName()), Emojis: []string{}, IsLottie: sticker.GetIsLottie(),
			IsAnimated: sticker.GetIsAnimated(), Mimetype: Clean(sticker.GetMimetype()),
			AccessibilityLabel: Clean(sticker.GetAccessibilityLabel()),
		}
		for _, emoji := range firstChoices(sticker.GetEmojis()) {
			shown.Emojis = append(shown.Emojis, Clean(emoji))
		}
		d.Stickers = append(d.Stickers, shown)
	}
}

func (d *Data) pollCounts(p *waE2E.PollResultSnapshotMessage) {
	counts := &PollCounts{PollVotes: []PollCount{}}
	for i, option := range firstChoices(p.GetPollVotes()) {
		counts.PollVotes = append(counts.PollVotes, PollCount{
			Option: CountedOption{i, Clean(option.GetOptionName())}, OptionVoteCount: option.GetOptionVoteCount(),
		})
	}
	d.PollName, d.PollVotesSnapshot = Clean(p.GetName()), counts
}

// about writes the key of the message that a younger kind is about.
func (d *Data) about(s Source, c message.Content) {
	switch w := c.Message; c.Field {
	case "commentMessage":
		d.ParentMsgKey = s.key(w.CommentMessage.GetTargetMessageKey())
	case "encCommentMessage":
		d.ParentMsgKey = s.key(w.EncCommentMessage.GetTargetMessageKey())
	case "scheduledCallEditMessage":
		d.ParentMsgKey = s.key(w.ScheduledCallEditMessage.GetKey())
	case "questionResponseMessage":
		d.ParentMsgKey = s.key(w.QuestionResponseMessage.GetKey())
	case "statusQuestionAnswerMessage":
		d.ParentMsgKey = s.key(w.StatusQuestionAnswerMessage.GetKey())
	case "encEventResponseMessage":
		d.ParentMsgKey = s.key(w.EncEventResponseMessage.GetEventCreationMessageKey())
	case "pinInChatMessage":
		p := w.PinInChatMessage
		d.PinParentKey, d.PinMessageType = s.key(p.GetKey()), int(p.GetType())
		d.PinSenderTimestampMs = p.GetSenderTimestampMS()
		d.PinExpiryDuration = w.GetMessageContextInfo().GetMessageAddOnDurationInSecs()
	case "keepInChatMessage":
		k := w.KeepInChatMessage
		d.KeptMessageKey, d.KeepType = s.key(k.GetKey()), int(k.GetKeepType())
		d.SenderTimestampMs = k.GetTimestampMS()
	}
}
