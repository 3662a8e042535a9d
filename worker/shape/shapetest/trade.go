package shapetest

const pix = `{\"currency\":\"BRL\",\"payment_settings\":[{\"type\":\"pix_static_code\",\"pix_static_code\":{\"key\":\"a@b.br\"}}]}`

// Interactive is what businesses send with flows and carousels.
// WAWebParseInteractiveMessageProto: the type is interactive, the payload is the protobuf of
// the kind, the cards of a carousel are messages of their own. The names of flows are those
// of getNativeFlowNameByButtonName.
var Interactive = []Kind{
	{
		Name: "a code to copy", Type: "interactive", Body: "Your code",
		Message: `{"interactiveMessage":{"header":{"title":"Bank","subtitle":"safe"},"body":{"text":"Your code"},"footer":{"text":"5 minutes"},
			"nativeFlowMessage":{"messageVersion":1,"messageParamsJSON":"{}","buttons":[
			{"name":"cta_copy","buttonParamsJSON":"{\"copy_code\":\"123456\"}"},{"name":"cta_url","buttonParamsJSON":"{\"url\":\"https://example.org\"}"}]}}}`,
		Want: `{"caption":"Your code","footer":"5 minutes","interactiveType":"native_flow","nativeFlowName":"cta_copy",
			"interactiveHeader":{"title":"Bank","subtitle":"safe","hasMediaAttachment":false},
			"interactivePayload":{"messageVersion":1,"messageParamsJson":"{}","buttons":[
			{"name":"cta_copy","buttonParamsJson":"{\"copy_code\":\"123456\"}"},{"name":"cta_url","buttonParamsJson":"{\"url\":\"https://example.org\"}"}]}}`,
	},
	{
		Name: "a PIX key", Type: "interactive", Body: "Pay here",
		Message: `{"interactiveMessage":{"body":{"text":"Pay here"},"nativeFlowMessage":{"messageVersion":1,
			"buttons":[{"name":"payment_info","buttonParamsJSON":"` + pix + `"}]}}}`,
		Want: `{"nativeFlowName":"payment_info","interactivePayload":{"messageVersion":1,"buttons":[{"name":"payment_info","buttonParamsJson":"` + pix + `"}]}}`,
	},
	{
		Name: "an order to pay", Type: "interactive", Body: "2 cakes",
		Message: `{"templateMessage":{"interactiveMessageTemplate":{"body":{"text":"2 cakes"},"nativeFlowMessage":{"messageVersion":1,
			"buttons":[{"name":"review_and_pay","buttonParamsJSON":"{\"total_amount\":{\"value\":1500}}"}]}},"templateID":"T"}}`,
		Want: `{"isFromTemplate":true,"templateId":"T","nativeFlowName":"order_details"}`,
	},
	{
		Name: "a text alone", Type: "interactive", Body: "hi",
		Message: `{"interactiveMessage":{"body":{"text":"hi"},"nativeFlowMessage":{"messageVersion":1}}}`,
		Want:    `{"nativeFlowName":"mixed"}`,
	},
	{
		Name: "a shop", Type: "interactive", Body: "our shop",
		Message: `{"interactiveMessage":{"body":{"text":"our shop"},"shopStorefrontMessage":{"ID":"S","surface":"WA","messageVersion":1}}}`,
		Want:    `{"interactivePayload":{"id":"S","surface":3,"messageVersion":1}}`,
	},
	{
		Name: "a carousel", Type: "interactive", Body: "choose",
		Message: `{"interactiveMessage":{"body":{"text":"choose"},"carouselMessage":{"messageVersion":1,"cards":[
			{"header":{"title":"Cake","hasMediaAttachment":true,"imageMessage":{"mimetype":"image/jpeg","directPath":"/v/1","mediaKey":"AQI=","fileLength":"9","width":4,"height":3}},
			 "body":{"text":"sweet"},"nativeFlowMessage":{"buttons":[{"name":"quick_reply","buttonParamsJSON":"{\"id\":\"cake\"}"}]}},
			{"header":{"productMessage":{"product":{"productID":"P2"}}},"body":{"text":"bread"},"footer":{"text":"fresh"}}]}}}`,
		Want: `{"interactivePayload":{"messageVersion":1},"carouselCardsParsed":[
			{"type":"interactive","title":"Cake","caption":"sweet","isCarouselCard":true,"interactiveType":"native_flow",
			 "interactiveHeader":{"hasMediaAttachment":true},
			 "interactivePayload":{"buttons":[{"name":"quick_reply","buttonParamsJson":"{\"id\":\"cake\"}"}]},
			 "mimetype":"image/jpeg","directPath":"/v/1","mediaKey":"AQI=","size":9,"width":4,"height":3},
			{"type":"interactive","caption":"bread","footer":"fresh","isCarouselCard":true,"interactiveHeader":{"hasMediaAttachment":false},"productId":"P2"}]}`,
	},
}

// Trade is what orders, products and payments are.
// WAWebParseOrderMessageProto, WAWebParseProductMessageProto, and the payments as WhatsApp
// Web's own samples of messages have them (subtype request).
var Trade = []Kind{
	{
		Name: "an order", Type: "order", Body: "one cake",
		Message: `{"orderMessage":{"orderID":"O1","token":"T","message":"one cake","orderTitle":"Order","itemCount":3,"status":"ACCEPTED","surface":"CATALOG",
			"sellerJID":"4933@s.whatsapp.net","totalAmount1000":"12500","totalCurrencyCode":"EUR","catalogType":"c"}}`,
		Want: `{"orderId":"O1","token":"T","orderTitle":"Order","itemCount":3,"status":2,"surface":1,"sellerJid":"4933@c.us",
			"totalAmount1000":12500,"totalCurrencyCode":"EUR","catalogType":"c"}`,
	},
	{
		Name: "a product", Type: "product", Body: "look",
		Message: `{"productMessage":{"businessOwnerJID":"4933@s.whatsapp.net","body":"look","footer":"bye","product":{"productID":"P","title":"Cake",
			"description":"sweet","currencyCode":"EUR","priceAmount1000":"8000","salePriceAmount1000":"6000","retailerID":"R","URL":"https://example.org/p","productImageCount":2}}}`,
		Want: `{"productId":"P","title":"Cake","description":"sweet","footer":"bye","businessOwnerJid":"4933@c.us","currencyCode":"EUR",
			"priceAmount1000":8000,"salePriceAmount1000":6000,"retailerId":"R","url":"https://example.org/p","productImageCount":2}`,
	},
	{
		Name: "a request of money", Type: "payment", Body: "lunch",
		Message: `{"requestPaymentMessage":{"noteMessage":{"extendedTextMessage":{"text":"lunch"}},"currencyCodeIso4217":"INR","amount1000":"500000",
			"requestFrom":"4900@s.whatsapp.net","expiryTimestamp":"1800000000"}}`,
		Want: `{"subtype":"request","paymentCurrency":"INR","paymentAmount1000":500000,"paymentMessageReceiverJid":"4900@c.us","paymentExpiryTimestamp":1800000000}`,
	},
	{
		Name: "money", Type: "payment", Body: "there",
		Message: `{"sendPaymentMessage":{"noteMessage":{"conversation":"there"}}}`, Want: `{"subtype":"send"}`,
	},
	{
		Name: "a bill", Type: "payment", Body: "March", Message: `{"invoiceMessage":{"note":"March","token":"T"}}`, Want: `{}`,
	},
	{
		Name: "an invitation to pay", Type: "payment", Message: `{"paymentInviteMessage":{"serviceType":"UPI","expiryTimestamp":"1800000000"}}`, Want: `{}`,
	},
	{
		Name: "a reminder to pay", Type: "payment", Body: "rent", Message: `{"paymentReminderMessage":{"reminderID":"R","description":"rent"}}`, Want: `{}`,
	},
	{
		Name: "a shared bill", Type: "payment", Body: "dinner", Message: `{"splitPaymentMessage":{"splitID":"S","description":"dinner"}}`, Want: `{}`,
	},
	{
		Name: "a request declined", Type: "payment",
		Message: `{"declinePaymentRequestMessage":{}}`, Want: `{"subtype":"payment_action_request_declined"}`,
	},
	{
		Name: "a request taken back", Type: "payment",
		Message: `{"cancelPaymentRequestMessage":{}}`, Want: `{"subtype":"payment_transaction_request_cancelled"}`,
	},
}

const ad = `"contextInfo":{"conversionSource":"FB_Ads","conversionData":"AQID","conversionDelaySeconds":7,
	"entryPointConversionSource":"ctwa_ad","entryPointConversionApp":"instagram","entryPointConversionDelaySeconds":9,
	"externalAdReply":{"title":"Cakes","body":"Fresh every day","mediaType":"IMAGE","thumbnailURL":"https://example.org/t.jpg","mediaURL":"https://example.org/m",
	"thumbnail":"BAUG","sourceType":"ad","sourceID":"120210","sourceURL":"https://fb.me/x","sourceApp":"instagram","ctwaClid":"ARabc","ref":"r1",
	"showAdAttribution":true,"automatedGreetingMessageShown":true,"greetingMessageBody":"Hello!","ctaPayload":"p"}}`

const adWant = `{"entryPointConversionSource":"ctwa_ad","entryPointConversionApp":"instagram","entryPointConversionDelaySeconds":9,
	"ctwaContext":{"conversionSource":"FB_Ads","conversionData":"AQID","conversionDelaySeconds":7,"sourceUrl":"https://fb.me/x","sourceId":"120210",
	"sourceType":"ad","sourceApp":"instagram","title":"Cakes","description":"Fresh every day","mediaType":1,"mediaUrl":"https://example.org/m",
	"thumbnail":"BAUG","thumbnailUrl":"https://example.org/t.jpg","ctwaClid":"ARabc","ref":"r1","showAdAttribution":true,
	"automatedGreetingMessageShown":true,"greetingMessageBody":"Hello!","ctaPayload":"p","isSuspiciousLink":false}}`

// Ads is what people write who came from an advertisement.
// The names are those of WhatsApp Web's ChatRowOpaqueData.CtwaContextData and of its
// WAWebMsgModel; ctwaClid and the greeting are named as in the protocol.
var Ads = []Kind{
	{Name: "of a text", Type: "chat", Body: "I saw your ad", Message: `{"extendedTextMessage":{"text":"I saw your ad",` + ad + `}}`, Want: adWant},
	{Name: "of a picture", Type: "image", Body: "this?", Message: `{"imageMessage":{"caption":"this?",` + ad + `}}`, Want: adWant},
	{Name: "of an answer", Type: "interactive_response", Body: "A", Message: `{"interactiveResponseMessage":{"body":{"text":"A"},` + ad + `}}`, Want: adWant},
	{
		Name: "another way in", Type: "chat", Body: "hi",
		Message: `{"extendedTextMessage":{"text":"hi","contextInfo":{"entryPointConversionSource":"global_search_new_chat"}}}`,
		Want:    `{"entryPointConversionSource":"global_search_new_chat"}`, Lacks: []string{"ctwaContext"},
	},
	{
		Name: "its source alone", Type: "chat", Body: "hi",
		Message: `{"extendedTextMessage":{"text":"hi","contextInfo":{"conversionSource":"FB_Post"}}}`,
		Want:    `{"ctwaContext":{"conversionSource":"FB_Post","mediaType":0,"isSuspiciousLink":false}}`,
	},
}

// Later is what newer kinds of messages are.
// The values are those of WhatsApp Web's parsers: WAWebParseNewsletterAdminInviteMessageProto,
// WAWebParseNewsletterFollowerInviteMessageProto, WAWebParseStickerPackMessageProto, the one of
// SHARABLE_EVENT_INVITE, the one of POLL_RESULT_SNAPSHOT, and the types of WAWebMsgType.
// Guesses, since WhatsApp Web has no parser for them: scheduledTimestampMs and
// scheduledCallType, after the fields of the protocol.
var Later = []Kind{
	{
		Name: "an invitation to run a channel", Type: "newsletter_admin_invite", Body: "help us",
		Message: `{"newsletterAdminInviteMessage":{"newsletterJID":"120363@newsletter","newsletterName":"News","caption":"help us","inviteExpiration":"1800000000"}}`,
		Want: `{"newsletterAdminInviteInfo":{"newsletterId":{"server":"newsletter","user":"120363","_serialized":"120363@newsletter"},
			"newsletterName":"News","inviteExpiration":1800000000,"inviteMessage":"help us"}}`,
	},
	{
		Name: "an invitation to follow a channel", Type: "newsletter_follower_invite", Body: "read us",
		Message: `{"newsletterFollowerInviteMessageV2":{"newsletterJID":"120363@newsletter","newsletterName":"News","caption":"read us"}}`,
		Want: `{"newsletterFollowerInviteInfo":{"newsletterId":{"server":"newsletter","user":"120363","_serialized":"120363@newsletter"},
			"newsletterName":"News","inviteMessage":"read us"}}`,
	},
	{
		Name: "a pack of stickers", Type: "sticker-pack", Body: "Cats\nof our street\nfor you",
		Message: `{"stickerPackMessage":{"stickerPackID":"S1","name":"Cats","publisher":"Ann","packDescription":"of our street","caption":"for you",
			"stickerPackSize":"700","trayIconFileName":"tray.png","stickers":[{"fileName":"a.webp","emojis":["😺"],"isAnimated":true,"mimetype":"image/webp","accessibilityLabel":"a cat"}]}}`,
		Want: `{"stickerPackId":"S1","filename":"Cats","stickerPackPublisher":"Ann","description":"of our street","caption":"for you","stickerPackSize":700,
			"trayIconFileName":"tray.png","stickers":[{"fileName":"a.webp","emojis":["😺"],"isLottie":false,"isAnimated":true,"mimetype":"image/webp","accessibilityLabel":"a cat"}]}`,
	},
	{
		Name: "an invitation to an event", Type: "sharable_event_invite", Body: "Party\ncome",
		Message: `{"eventInviteMessage":{"eventID":"E","eventTitle":"Party","caption":"come","startTime":"1800000000","endTime":"1800003600","callLink":"https://call.whatsapp.com/video/x","isCanceled":true}}`,
		Want: `{"sharableEventInviteId":"E","sharableEventInviteTitle":"Party","sharableEventInviteCaption":"come","sharableEventInviteStartTime":1800000000,
			"sharableEventInviteEndTime":1800003600,"sharableEventInviteCallLink":"https://call.whatsapp.com/video/x","sharableEventInviteIsCanceled":true}`,
	},
	{
		Name: "a scheduled call", Type: "scheduled_call_creation", Body: "Planning",
		Message: `{"scheduledCallCreationMessage":{"scheduledTimestampMS":"1800000000000","callType":"VIDEO","title":"Planning"}}`,
		Want:    `{"scheduledTimestampMs":1800000000000,"scheduledCallType":"video"}`,
	},
	{
		Name: "the answer of an assistant", Type: "rich_response", Body: "Do this:\nx := 1\ny := 2\nname\tage\nAnn\t7\nE=mc²",
		Message: `{"richResponseMessage":{"submessages":[{"messageText":"Do this:"},{"codeMetadata":{"codeBlocks":[{"codeContent":"x := 1\n"},{"codeContent":"y := 2"}]}},
			{"tableMetadata":{"rows":[{"items":["name","age"]},{"items":["Ann","7"]}]}},{"latexMetadata":{"text":"E=mc²"}}]}}`,
		Want: `{}`,
	},
	{
		Name: "the end of a poll", Type: "poll_result_snapshot", Body: "Pizza?",
		Message: `{"pollResultSnapshotMessage":{"name":"Pizza?","pollVotes":[{"optionName":"yes","optionVoteCount":"3"},{"optionName":"no"}]}}`,
		Want: `{"pollName":"Pizza?","pollVotesSnapshot":{"pollVotes":[{"option":{"localId":0,"name":"yes"},"optionVoteCount":3},
			{"option":{"localId":1,"name":"no"},"optionVoteCount":0}]}}`,
	},
	{
		Name: "a request for the number", Type: "request_phone_number", Message: `{"requestPhoneNumberMessage":{}}`, Want: `{}`,
	},
	{
		Name: "a call", Type: "call_log", Message: `{"callLogMesssage":{"isVideo":true,"durationSecs":"65"}}`,
		Want: `{"isVideoCall":true,"callDuration":65}`,
	},
	// WAWebAlbumsParseAlbumMessageProto.
	{
		Name: "an album", Type: "album", Message: `{"albumMessage":{"expectedImageCount":3,"expectedVideoCount":0}}`,
		Want: `{"expectedImageCount":3,"expectedVideoCount":0}`,
	},
}
