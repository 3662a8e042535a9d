package message

import "go.mau.fi/whatsmeow/proto/waE2E"

// changeRows are about other messages. They have a type for the few places that show them
// all the same: in a quote, or in a history that has nothing else.
var changeRows = []Row{
	{Field: "protocolMessage", Role: Change, Type: TypeProtocol, Note: "a deletion, an edit, a timer; revoked for a deletion", read: func(m *waE2E.Message, c *Content) {
		if m.GetProtocolMessage().GetType() == waE2E.ProtocolMessage_REVOKE {
			c.Type = TypeRevoked
		}
	}},
	{Field: "reactionMessage", Role: Change, Type: TypeReaction, Note: "event message_reaction", read: func(m *waE2E.Message, c *Content) {
		c.Text = m.GetReactionMessage().GetText()
	}},
	{Field: "encReactionMessage", Role: Change, Type: "reaction_enc", Note: "event message_reaction; sealed", read: nothing},
	{Field: "pollUpdateMessage", Role: Change, Type: "poll_update", Note: "event vote_update; sealed", read: nothing},
	{Field: "pollAddOptionMessage", Role: Change, Type: "poll_add_option_decrypted", Note: "adds an option to a poll; event message_edit, or told with the poll where that comes later; sealed or not", read: func(m *waE2E.Message, c *Content) {
		c.Text = m.GetPollAddOptionMessage().GetAddOption().GetOptionName()
	}},
	{Field: "encEventResponseMessage", Role: Change, Type: "event_response", Note: "event event_response; sealed", read: nothing},
	{Field: "encCommentMessage", Role: Change, Type: "comment", Note: "a message of type comment once it is opened; sealed", read: nothing},
	{Field: "secretEncryptedMessage", Role: Change, Type: TypeProtocol, Note: "a sealed edit; event message_edit", read: readSecret},
	{Field: "pinInChatMessage", Role: Change, Type: "pin_message", Note: "shown by Chat.getPinnedMessages", read: nothing},
	{Field: "keepInChatMessage", Role: Change, Type: "keep_in_chat", Note: "keeps a message of a disappearing chat, whose _data.kicState says so; no event", read: nothing},
	{Field: "splitPaymentUpdateMessage", Role: Change, Type: "payment", Guess: true, Note: "one share of a split payment is paid; no event", read: nothing},
}

// readSecret takes the type from what is sealed.
func readSecret(m *waE2E.Message, c *Content) {
	switch m.GetSecretEncryptedMessage().GetSecretEncType() {
	case waE2E.SecretEncryptedMessage_EVENT_EDIT:
		c.Type = "event_edit_encrypted"
	case waE2E.SecretEncryptedMessage_MESSAGE_EDIT:
		c.Type = "message_edit_encrypted"
	case waE2E.SecretEncryptedMessage_POLL_EDIT:
		c.Type = "poll_edit_encrypted"
	case waE2E.SecretEncryptedMessage_POLL_ADD_OPTION:
		c.Type = "poll_add_option_encrypted"
	}
}

// wrapperRows hold whole messages. Unwrap opens them; one that is still here is empty.
var wrapperRows = []Row{
	{Field: "deviceSentMessage", Role: Wrapper, Note: "sent by another device of the account"},
	{Field: "ephemeralMessage", Role: Wrapper, Note: "isEphemeral"},
	{Field: "viewOnceMessage", Role: Wrapper, Note: "_data.isViewOnce"},
	{Field: "viewOnceMessageV2", Role: Wrapper, Note: "_data.isViewOnce"},
	{Field: "viewOnceMessageV2Extension", Role: Wrapper, Note: "_data.isViewOnce"},
	{Field: "editedMessage", Role: Wrapper, Note: "event message_edit"},
	{Field: "documentWithCaptionMessage", Role: Wrapper},
	{Field: "groupMentionedMessage", Role: Wrapper},
	{Field: "botInvokeMessage", Role: Wrapper},
	{Field: "lottieStickerMessage", Role: Wrapper},
	{Field: "eventCoverImage", Role: Wrapper},
	{Field: "statusMentionMessage", Role: Wrapper},
	{Field: "pollCreationOptionImageMessage", Role: Wrapper},
	{Field: "associatedChildMessage", Role: Wrapper},
	{Field: "groupStatusMentionMessage", Role: Wrapper},
	{Field: "pollCreationMessageV4", Role: Wrapper},
	{Field: "statusAddYours", Role: Wrapper},
	{Field: "groupStatusMessage", Role: Wrapper},
	{Field: "groupStatusMessageV2", Role: Wrapper},
	{Field: "limitSharingMessage", Role: Wrapper},
	{Field: "botTaskMessage", Role: Wrapper},
	{Field: "questionMessage", Role: Wrapper},
	{Field: "botForwardedMessage", Role: Wrapper},
	{Field: "questionReplyMessage", Role: Wrapper},
	{Field: "newsletterAdminProfileMessage", Role: Wrapper},
	{Field: "newsletterAdminProfileStatusMessage", Role: Wrapper},
	{Field: "spoilerMessage", Role: Wrapper},
	{Field: "botPlatformRegistrationSuccessMessage", Role: Wrapper},
}

// carrierRows travel beside content or alone, and have nothing to read.
var carrierRows = []Row{
	{Field: "senderKeyDistributionMessage", Role: Carrier, Note: "keys of a group"},
	{Field: "fastRatchetKeySenderKeyDistributionMessage", Role: Carrier, Note: "keys of a live location"},
	{Field: "messageContextInfo", Role: Carrier, Note: "the secret and the association of the content beside it"},
	{Field: "stickerSyncRmrMessage", Role: Carrier, Note: "stickers between devices of one account"},
	{Field: "groupRootKeyShare", Role: Carrier, Note: "keys"},
	{Field: "rootSecretDistributeMessage", Role: Carrier, Note: "keys"},
	{Field: "chat", Role: Carrier, Note: "the name of a chat, of very old clients"},
	{Field: "call", Role: Carrier, Note: "keys of a call, whose event is call"},
	{Field: "messageHistoryBundle", Role: Carrier, Note: "what a new member of a group may read of its past, which is not opened"},
	{Field: "messageHistoryNotice", Role: Carrier, Note: "somebody was given a part of a group's past"},
	{Field: "statusLinkPreviewMetadata", Role: Carrier, Note: "how the preview of a status looks"},
}
