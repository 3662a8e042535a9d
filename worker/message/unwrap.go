package message

import "go.mau.fi/whatsmeow/proto/waE2E"

// maxWrappers bounds how deep wrappers may nest; WhatsApp nests three at most.
const maxWrappers = 16

// Unwrapped is the content of a message without its wrappers, and what the wrappers said.
type Unwrapped struct {
	Message     *waE2E.Message // never nil
	Ephemeral   bool
	ViewOnce    bool
	Edited      bool                      // it came in an EditedMessage: new content for an old message
	Secret      []byte                    // of the outermost level that has one
	Association *waE2E.MessageAssociation // the same; nil for a message that belongs to no other
}

// Unwrap removes the wrappers. It does not change raw, which may be nil.
func Unwrap(raw *waE2E.Message) Unwrapped {
	u := Unwrapped{Message: raw}
	for range maxWrappers {
		if u.Message == nil {
			break
		}
		about := u.Message.GetMessageContextInfo()
		if secret := about.GetMessageSecret(); u.Secret == nil && len(secret) > 0 {
			u.Secret = secret
		}
		if u.Association == nil {
			u.Association = about.GetMessageAssociation()
		}
		inner := u.step()
		if inner == nil {
			return u
		}
		u.Message = inner
	}
	if u.Message == nil {
		u.Message = &waE2E.Message{}
	}
	return u
}

// step returns the content of the outermost wrapper, nil when there is none, and records
// which wrapper it was.
func (u *Unwrapped) step() *waE2E.Message {
	m := u.Message
	if inner := m.GetDeviceSentMessage().GetMessage(); inner != nil {
		return inner
	}
	if inner := m.GetEphemeralMessage().GetMessage(); inner != nil {
		u.Ephemeral = true
		return inner
	}
	for _, wrapper := range []*waE2E.FutureProofMessage{
		m.GetViewOnceMessage(), m.GetViewOnceMessageV2(), m.GetViewOnceMessageV2Extension(),
	} {
		if inner := wrapper.GetMessage(); inner != nil {
			u.ViewOnce = true
			return inner
		}
	}
	if inner := m.GetEditedMessage().GetMessage(); inner != nil {
		u.Edited = true
		return inner
	}
	for _, wrapper := range []*waE2E.FutureProofMessage{
		m.GetDocumentWithCaptionMessage(), m.GetBotInvokeMessage(), m.GetLottieStickerMessage(),
		m.GetGroupMentionedMessage(), m.GetAssociatedChildMessage(), m.GetPollCreationMessageV4(),
		m.GetStatusMentionMessage(), m.GetGroupStatusMessage(), m.GetGroupStatusMessageV2(),
		m.GetSpoilerMessage(), m.GetBotTaskMessage(), m.GetBotForwardedMessage(), m.GetQuestionMessage(),
		m.GetQuestionReplyMessage(), m.GetEventCoverImage(), m.GetPollCreationOptionImageMessage(),
		m.GetStatusAddYours(), m.GetLimitSharingMessage(), m.GetGroupStatusMentionMessage(),
		m.GetNewsletterAdminProfileMessage(), m.GetNewsletterAdminProfileStatusMessage(),
		m.GetBotPlatformRegistrationSuccessMessage(),
	} {
		if inner := wrapper.GetMessage(); inner != nil {
			return inner
		}
	}
	return nil
}
