package shapetest

const polled = `{"name":"Lunch?","options":[{"optionName":"Yes"},{"optionName":"No"}],"selectableOptionsCount":1}`

const polledWant = `{"pollName":"Lunch?","pollOptions":[{"name":"Yes","localId":0},{"name":"No","localId":1}],
	"pollSelectableOptionsCount":1}`

// Plain is what people write to each other.
// The types are those of whatsapp-web.js' MessageTypes, and the keys those that its Message
// reads of _data: lat, lng, vcardList, pollName and its like,
// inviteCode and its like, isGif and the event's.
var Plain = []Kind{
	{Name: "a text", Type: "chat", Body: "hello", Message: `{"conversation":"hello"}`, Want: `{}`},
	{
		Name: "a video", Type: "video", Body: "look",
		Message: `{"videoMessage":{"caption":"look","mimetype":"video/mp4","fileLength":"9","seconds":3,"gifPlayback":true}}`,
		Want:    `{"caption":"look","mimetype":"video/mp4","size":9,"isGif":true}`,
	},
	{Name: "a round video", Type: "ptv", Message: `{"ptvMessage":{"mimetype":"video/mp4","seconds":3}}`, Want: `{"mimetype":"video/mp4"}`},
	{Name: "a sound", Type: "audio", Message: `{"audioMessage":{"mimetype":"audio/mpeg","seconds":3}}`, Want: `{"mimetype":"audio/mpeg"}`},
	{Name: "a voice message", Type: "ptt", Message: `{"audioMessage":{"mimetype":"audio/ogg; codecs=opus","PTT":true}}`, Want: `{"mimetype":"audio/ogg; codecs=opus"}`},
	{
		Name: "a document", Type: "document", Body: "the bill",
		Message: `{"documentMessage":{"caption":"the bill","fileName":"bill.pdf","mimetype":"application/pdf","fileLength":"9"}}`,
		Want:    `{"caption":"the bill","filename":"bill.pdf","mimetype":"application/pdf","size":9}`,
	},
	{Name: "a sticker", Type: "sticker", Message: `{"stickerMessage":{"mimetype":"image/webp"}}`, Want: `{"mimetype":"image/webp"}`},
	{
		Name: "a place", Type: "location",
		Message: `{"locationMessage":{"degreesLatitude":52.5,"degreesLongitude":13.4,"name":"Gate"}}`, Want: `{"lat":52.5,"lng":13.4}`,
	},
	{
		Name: "a place that moves", Type: "location", Body: "on my way",
		Message: `{"liveLocationMessage":{"degreesLatitude":52.5,"degreesLongitude":13.4,"caption":"on my way"}}`, Want: `{"lat":52.5,"lng":13.4}`,
	},
	{Name: "a contact", Type: "vcard", Body: "BEGIN:VCARD", Message: `{"contactMessage":{"displayName":"A","vcard":"BEGIN:VCARD"}}`, Want: `{}`},
	{
		Name: "contacts", Type: "multi_vcard",
		Message: `{"contactsArrayMessage":{"contacts":[{"displayName":"A","vcard":"BEGIN:VCARD"},{"displayName":"B","vcard":"BEGIN:VCARD"}]}}`,
		Want:    `{"vcardList":[{"displayName":"A","vcard":"BEGIN:VCARD"},{"displayName":"B","vcard":"BEGIN:VCARD"}]}`,
	},
	{
		Name: "an invitation into a group", Type: "groups_v4_invite", Body: "join us",
		Message: `{"groupInviteMessage":{"groupJID":"12036@g.us","inviteCode":"CODE","inviteExpiration":"1800000000","groupName":"Team","caption":"join us"}}`,
		Want:    `{"caption":"join us","inviteCode":"CODE","inviteCodeExp":1800000000,"inviteGrp":"12036@g.us","inviteGrpName":"Team"}`,
	},
	{Name: "a poll", Type: "poll_creation", Body: "Lunch?", Message: `{"pollCreationMessage":` + polled + `}`, Want: polledWant},
	{Name: "a poll, 2", Type: "poll_creation", Body: "Lunch?", Message: `{"pollCreationMessageV2":` + polled + `}`, Want: polledWant},
	{Name: "a poll, 3", Type: "poll_creation", Body: "Lunch?", Message: `{"pollCreationMessageV3":` + polled + `}`, Want: polledWant},
	{Name: "a poll, 4", Type: "poll_creation", Body: "Lunch?", Message: `{"pollCreationMessageV4":{"message":{"pollCreationMessage":` + polled + `}}}`, Want: polledWant},
	{Name: "a poll, 5", Type: "poll_creation", Body: "Lunch?", Message: `{"pollCreationMessageV5":` + polled + `}`, Want: polledWant},
	{Name: "a poll, 6", Type: "poll_creation", Body: "Lunch?", Message: `{"pollCreationMessageV6":` + polled + `}`, Want: polledWant},
	{
		Name: "an event", Type: "event_creation", Body: "Party",
		Message: `{"eventMessage":{"name":"Party","description":"bring cake","startTime":"1800000000","joinLink":"https://call.whatsapp.com/video/x"}}`,
		Want: `{"eventName":"Party","eventDescription":"bring cake","eventStartTime":1800000000,
			"eventJoinLink":"https://call.whatsapp.com/video/x"}`,
	},
	{
		Name: "what the phone alone shows", Type: "ciphertext", Message: `{"placeholderMessage":{"type":"MASK_LINKED_DEVICES"}}`, Want: `{}`,
	},
}

// Asides is what hangs on other messages, on statuses and calls.
// The types are those of WhatsApp Web's WAWebMsgType. Guesses, since there is no name for them:
// scheduled_call_edit, status_question_answer, status_quoted, status_sticker_interaction, bcall.
var Asides = []Kind{
	{
		Name: "a comment", Type: "comment", Body: "well said",
		Message: `{"commentMessage":{"message":{"conversation":"well said"},"targetMessageKey":{"remoteJID":"1@g.us","ID":"T"}}}`, Want: `{}`,
	},
	{
		Name: "a call that is off", Type: "scheduled_call_edit",
		Message: `{"scheduledCallEditMessage":{"key":{"ID":"T"},"editType":"CANCEL"}}`, Want: `{}`,
	},
	{
		Name: "the end of a poll, 3", Type: "poll_result_snapshot", Body: "Pizza?",
		Message: `{"pollResultSnapshotMessageV3":{"name":"Pizza?","pollVotes":[{"optionName":"yes","optionVoteCount":"3"}]}}`,
		Want:    `{"pollName":"Pizza?","pollVotesSnapshot":{"pollVotes":[{"option":{"localId":0,"name":"yes"},"optionVoteCount":3}]}}`,
	},
	{
		Name: "news of a status", Type: "status_notification",
		Message: `{"statusNotificationMessage":{"type":"STATUS_RESHARE","originalMessageKey":{"ID":"T"}}}`, Want: `{}`,
	},
	{
		Name: "the answer to a question in a status", Type: "status_question_answer", Body: "blue",
		Message: `{"statusQuestionAnswerMessage":{"key":{"ID":"T"},"text":"blue"}}`, Want: `{}`,
	},
	{
		Name: "the answer to a question in a channel", Type: "newsletter_question_response", Body: "red",
		Message: `{"questionResponseMessage":{"key":{"ID":"T"},"text":"red"}}`, Want: `{}`,
	},
	{
		Name: "a quoted status", Type: "status_quoted", Body: "blue",
		Message: `{"statusQuotedMessage":{"type":"QUESTION_ANSWER","text":"blue"}}`, Want: `{}`,
	},
	{
		Name: "a sticker on a status", Type: "status_sticker_interaction",
		Message: `{"statusStickerInteractionMessage":{"key":{"ID":"T"},"stickerKey":"k","type":"REACTION"}}`, Want: `{}`,
	},
	{
		Name: "music", Type: "music", Body: "Song\nBand", Message: `{"musicMessage":{"embeddedMusic":{"title":"Song","author":"Band"}}}`, Want: `{}`,
	},
	{
		Name: "an invitation to a broadcast", Type: "bcall", Body: "listen",
		Message: `{"bcallMessage":{"sessionID":"S","mediaType":"AUDIO","caption":"listen"}}`, Want: `{}`,
	},
	{
		Name: "what is shown later", Type: "ciphertext",
		Message: `{"conditionalRevealMessage":{"encPayload":"AQI=","encIV":"AQI=","conditionalRevealMessageType":"SCHEDULED_MESSAGE"}}`, Want: `{}`,
	},
}
