package shape

import (
	"fmt"
	"testing"

	"go.mau.fi/whatsmeow/proto/waE2E"
	"google.golang.org/protobuf/proto"
)

// The values are those of WhatsApp Web's parsers, by the name of their module:
// WAWebParseInteractiveResponseMessageProto and getInteractiveResponsePayload of
// WAWebE2EProtoUtils ({name, version, type, paramsJson}).
func TestInteractiveResponse(t *testing.T) {
	checkKinds(t, []kind{
		{
			name: "a row of a menu", typ: "interactive_response", body: "Option A",
			message: `{"interactiveResponseMessage":{"body":{"text":"Option A"},"nativeFlowResponseMessage":
				{"name":"menu_options","paramsJSON":"{\"id\":\"opt_a\"}","version":3}}}`,
			want: `{"interactivePayload":{"name":"menu_options","version":3,"type":"native_flow","paramsJson":"{\"id\":\"opt_a\"}"}}`,
		},
		{
			name: "a form, without text", typ: "interactive_response",
			message: `{"interactiveResponseMessage":{"nativeFlowResponseMessage":{"name":"galaxy_message",
				"paramsJSON":"{\"flow_token\":\"t\",\"city\":\"Lima\"}"}}}`,
			want: `{"interactivePayload":{"name":"galaxy_message","type":"native_flow",
				"paramsJson":"{\"flow_token\":\"t\",\"city\":\"Lima\"}"}}`,
		},
		{
			name: "nothing chosen", typ: "interactive_response", body: "hm",
			message: `{"interactiveResponseMessage":{"body":{"text":"hm"}}}`, want: `{}`,
			lacks: []string{"interactivePayload"},
		},
	})
}

// WAWebParseListMessageProto puts the protobuf itself under list, WAWebParseTemplateMessageProto
// the buttons under hydratedButtons, WAWebParseNonNFMButtonsMessageProto those of a buttons
// message under dynamicReplyButtons.
func TestListsAndButtons(t *testing.T) {
	checkKinds(t, []kind{
		{
			name: "a list", typ: "list", body: "What do you want?",
			message: `{"listMessage":{"title":"Menu","description":"What do you want?","buttonText":"Open","listType":"SINGLE_SELECT",
				"footerText":"until 22:00","sections":[{"title":"Pizza","rows":[{"title":"Margherita","description":"8 €","rowID":"p1"},
				{"title":"Funghi","rowID":"p2"}]},{"title":"Empty"}]}}`,
			want: `{"list":{"title":"Menu","description":"What do you want?","buttonText":"Open","listType":1,"footerText":"until 22:00",
				"sections":[{"title":"Pizza","rows":[{"title":"Margherita","description":"8 €","rowId":"p1"},{"title":"Funghi","rowId":"p2"}]},
				{"title":"Empty","rows":[]}]},"footer":"until 22:00"}`,
		},
		{
			name: "a list of products", typ: "list",
			message: `{"listMessage":{"listType":"PRODUCT_LIST","productListInfo":{"businessOwnerJID":"4933@s.whatsapp.net",
				"productSections":[{"title":"New","products":[{"productID":"1"},{"productID":"2"}]},{"title":"Old","products":[{"productID":"3"}]}]}}}`,
			want: `{"businessOwnerJid":"4933@c.us","productListItemCount":3,"list":{"listType":2,"sections":[],"productListInfo":
				{"businessOwnerJid":"4933@c.us","productSections":[{"title":"New","products":[{"productId":"1"},{"productId":"2"}]},
				{"title":"Old","products":[{"productId":"3"}]}]}}}`,
		},
		{
			name: "the answer to a list", typ: "list_response", body: "Funghi",
			message: `{"listResponseMessage":{"title":"Funghi","description":"9 €","listType":"SINGLE_SELECT","singleSelectReply":{"selectedRowID":"p2"}}}`,
			want:    `{"listResponse":{"title":"Funghi","description":"9 €","listType":1,"singleSelectReply":{"selectedRowId":"p2"}}}`,
		},
		{
			name: "a template", typ: "chat", body: "Your order is ready",
			message: `{"templateMessage":{"hydratedTemplate":{"templateID":"T7","hydratedTitleText":"Shop","hydratedContentText":"Your order is ready",
				"hydratedFooterText":"bye","hydratedButtons":[{"index":0,"urlButton":{"displayText":"Track","URL":"https://example.org/7"}},
				{"index":1,"callButton":{"displayText":"Call us","phoneNumber":"+4933"}},
				{"index":2,"quickReplyButton":{"displayText":"Thanks","ID":"ty"}}]}}}`,
			want: `{"isFromTemplate":true,"templateId":"T7","title":"Shop","footer":"bye","hydratedButtons":[
				{"index":0,"urlButton":{"displayText":"Track","url":"https://example.org/7"}},
				{"index":1,"callButton":{"displayText":"Call us","phoneNumber":"+4933"}},
				{"index":2,"quickReplyButton":{"displayText":"Thanks","id":"ty"}}]}`,
		},
		{
			name: "the answer to a template", typ: "template_button_reply", body: "Thanks",
			message: `{"templateButtonReplyMessage":{"selectedID":"ty","selectedDisplayText":"Thanks","selectedIndex":2,"selectedCarouselCardIndex":1}}`,
			want:    `{"selectedId":"ty","selectedIndex":2,"selectedCarouselCardIndex":1}`,
		},
		{
			name: "buttons", typ: "chat", body: "Sure?",
			message: `{"buttonsMessage":{"contentText":"Sure?","headerType":"EMPTY","buttons":[
				{"buttonID":"y","buttonText":{"displayText":"Yes"},"type":"RESPONSE"},{"buttonID":"n","buttonText":{"displayText":"No"},"type":"RESPONSE"}]}}`,
			want: `{"isDynamicReplyButtonsMsg":true,"dynamicReplyButtons":[{"buttonId":"y","buttonText":{"displayText":"Yes"},"type":1},
				{"buttonId":"n","buttonText":{"displayText":"No"},"type":1}]}`,
			lacks: []string{"nativeFlowName"},
		},
		{
			name: "a button that opens a flow", typ: "native_flow", body: "Pay",
			message: `{"buttonsMessage":{"contentText":"Pay","buttons":[{"buttonID":"b","type":"NATIVE_FLOW",
				"nativeFlowInfo":{"name":"review_and_pay","paramsJSON":"{}"}}]}}`,
			want: `{"nativeFlowName":"order_details","dynamicReplyButtons":[{"buttonId":"b","buttonText":{"displayText":""},"type":2,
				"nativeFlowInfo":{"name":"review_and_pay","paramsJson":"{}"}}]}`,
		},
		{
			name: "the answer to buttons", typ: "buttons_response", body: "Yes",
			message: `{"buttonsResponseMessage":{"selectedButtonID":"y","selectedDisplayText":"Yes","type":"DISPLAY_TEXT"}}`,
			want:    `{"selectedButtonId":"y"}`,
		},
	})
}

// WAWebParseInteractiveMessageProto: the type is interactive, the payload is the protobuf of
// the kind, the cards of a carousel are messages of their own. The names of flows are those
// of getNativeFlowNameByButtonName.
func TestInteractive(t *testing.T) {
	const pix = `{\"currency\":\"BRL\",\"payment_settings\":[{\"type\":\"pix_static_code\",\"pix_static_code\":{\"key\":\"a@b.br\"}}]}`
	checkKinds(t, []kind{
		{
			name: "a code to copy", typ: "interactive", body: "Your code",
			message: `{"interactiveMessage":{"header":{"title":"Bank","subtitle":"safe"},"body":{"text":"Your code"},"footer":{"text":"5 minutes"},
				"nativeFlowMessage":{"messageVersion":1,"messageParamsJSON":"{}","buttons":[
				{"name":"cta_copy","buttonParamsJSON":"{\"copy_code\":\"123456\"}"},{"name":"cta_url","buttonParamsJSON":"{\"url\":\"https://example.org\"}"}]}}}`,
			want: `{"caption":"Your code","footer":"5 minutes","interactiveType":"native_flow","nativeFlowName":"cta_copy",
				"interactiveHeader":{"title":"Bank","subtitle":"safe","hasMediaAttachment":false},
				"interactivePayload":{"messageVersion":1,"messageParamsJson":"{}","buttons":[
				{"name":"cta_copy","buttonParamsJson":"{\"copy_code\":\"123456\"}"},{"name":"cta_url","buttonParamsJson":"{\"url\":\"https://example.org\"}"}]}}`,
		},
		{
			name: "a PIX key", typ: "interactive", body: "Pay here",
			message: `{"interactiveMessage":{"body":{"text":"Pay here"},"nativeFlowMessage":{"messageVersion":1,
				"buttons":[{"name":"payment_info","buttonParamsJSON":"` + pix + `"}]}}}`,
			want: `{"nativeFlowName":"payment_info","interactivePayload":{"messageVersion":1,"buttons":[{"name":"payment_info","buttonParamsJson":"` + pix + `"}]}}`,
		},
		{
			name: "an order to pay", typ: "interactive", body: "2 cakes",
			message: `{"templateMessage":{"interactiveMessageTemplate":{"body":{"text":"2 cakes"},"nativeFlowMessage":{"messageVersion":1,
				"buttons":[{"name":"review_and_pay","buttonParamsJSON":"{\"total_amount\":{\"value\":1500}}"}]}},"templateID":"T"}}`,
			want: `{"isFromTemplate":true,"templateId":"T","nativeFlowName":"order_details"}`,
		},
		{
			name: "a text alone", typ: "interactive", body: "hi",
			message: `{"interactiveMessage":{"body":{"text":"hi"},"nativeFlowMessage":{"messageVersion":1}}}`,
			want:    `{"nativeFlowName":"mixed"}`,
		},
		{
			name: "a shop", typ: "interactive", body: "our shop",
			message: `{"interactiveMessage":{"body":{"text":"our shop"},"shopStorefrontMessage":{"ID":"S","surface":"WA","messageVersion":1}}}`,
			want:    `{"interactivePayload":{"id":"S","surface":3,"messageVersion":1}}`,
		},
		{
			name: "a carousel", typ: "interactive", body: "choose",
			message: `{"interactiveMessage":{"body":{"text":"choose"},"carouselMessage":{"messageVersion":1,"cards":[
				{"header":{"title":"Cake","hasMediaAttachment":true,"imageMessage":{"mimetype":"image/jpeg","directPath":"/v/1","mediaKey":"AQI=","fileLength":"9","width":4,"height":3}},
				 "body":{"text":"sweet"},"nativeFlowMessage":{"buttons":[{"name":"quick_reply","buttonParamsJSON":"{\"id\":\"cake\"}"}]}},
				{"header":{"productMessage":{"product":{"productID":"P2"}}},"body":{"text":"bread"},"footer":{"text":"fresh"}}]}}}`,
			want: `{"interactivePayload":{"messageVersion":1},"carouselCardsParsed":[
				{"type":"interactive","title":"Cake","caption":"sweet","isCarouselCard":true,"interactiveType":"native_flow",
				 "interactiveHeader":{"hasMediaAttachment":true},
				 "interactivePayload":{"buttons":[{"name":"quick_reply","buttonParamsJson":"{\"id\":\"cake\"}"}]},
				 "mimetype":"image/jpeg","directPath":"/v/1","mediaKey":"AQI=","size":9,"width":4,"height":3},
				{"type":"interactive","caption":"bread","footer":"fresh","isCarouselCard":true,"interactiveHeader":{"hasMediaAttachment":false},"productId":"P2"}]}`,
		},
	})
}

// WAWebParseOrderMessageProto, WAWebParseProductMessageProto, and the payments as WhatsApp
// Web's own samples of messages have them (subtype request).
func TestTrade(t *testing.T) {
	checkKinds(t, []kind{
		{
			name: "an order", typ: "order", body: "one cake",
			message: `{"orderMessage":{"orderID":"O1","token":"T","message":"one cake","orderTitle":"Order","itemCount":3,"status":"ACCEPTED","surface":"CATALOG",
				"sellerJID":"4933@s.whatsapp.net","totalAmount1000":"12500","totalCurrencyCode":"EUR","catalogType":"c"}}`,
			want: `{"orderId":"O1","token":"T","orderTitle":"Order","itemCount":3,"status":2,"surface":1,"sellerJid":"4933@c.us",
				"totalAmount1000":12500,"totalCurrencyCode":"EUR","catalogType":"c"}`,
		},
		{
			name: "a product", typ: "product", body: "look",
			message: `{"productMessage":{"businessOwnerJID":"4933@s.whatsapp.net","body":"look","footer":"bye","product":{"productID":"P","title":"Cake",
				"description":"sweet","currencyCode":"EUR","priceAmount1000":"8000","salePriceAmount1000":"6000","retailerID":"R","URL":"https://example.org/p","productImageCount":2}}}`,
			want: `{"productId":"P","title":"Cake","description":"sweet","footer":"bye","businessOwnerJid":"4933@c.us","currencyCode":"EUR",
				"priceAmount1000":8000,"salePriceAmount1000":6000,"retailerId":"R","url":"https://example.org/p","productImageCount":2}`,
		},
		{
			name: "a request of money", typ: "payment", body: "lunch",
			message: `{"requestPaymentMessage":{"noteMessage":{"extendedTextMessage":{"text":"lunch"}},"currencyCodeIso4217":"INR","amount1000":"500000",
				"requestFrom":"4900@s.whatsapp.net","expiryTimestamp":"1800000000"}}`,
			want: `{"subtype":"request","paymentCurrency":"INR","paymentAmount1000":500000,"paymentMessageReceiverJid":"4900@c.us","paymentExpiryTimestamp":1800000000}`,
		},
		{
			name: "money", typ: "payment", body: "there",
			message: `{"sendPaymentMessage":{"noteMessage":{"conversation":"there"}}}`, want: `{"subtype":"send"}`,
		},
		{
			name: "a request declined", typ: "payment",
			message: `{"declinePaymentRequestMessage":{}}`, want: `{"subtype":"payment_action_request_declined"}`,
		},
		{
			name: "a request taken back", typ: "payment",
			message: `{"cancelPaymentRequestMessage":{}}`, want: `{"subtype":"payment_transaction_request_cancelled"}`,
		},
	})
}

// The names are those of WhatsApp Web's ChatRowOpaqueData.CtwaContextData and of its
// WAWebMsgModel; ctwaClid and the greeting are named as in the protocol.
func TestAds(t *testing.T) {
	const ad = `"contextInfo":{"conversionSource":"FB_Ads","conversionData":"AQID","conversionDelaySeconds":7,
		"entryPointConversionSource":"ctwa_ad","entryPointConversionApp":"instagram","entryPointConversionDelaySeconds":9,
		"externalAdReply":{"title":"Cakes","body":"Fresh every day","mediaType":"IMAGE","thumbnailURL":"https://example.org/t.jpg","mediaURL":"https://example.org/m",
		"thumbnail":"BAUG","sourceType":"ad","sourceID":"120210","sourceURL":"https://fb.me/x","sourceApp":"instagram","ctwaClid":"ARabc","ref":"r1",
		"showAdAttribution":true,"automatedGreetingMessageShown":true,"greetingMessageBody":"Hello!","ctaPayload":"p"}}`
	const want = `{"entryPointConversionSource":"ctwa_ad","entryPointConversionApp":"instagram","entryPointConversionDelaySeconds":9,
		"ctwaContext":{"conversionSource":"FB_Ads","conversionData":"AQID","conversionDelaySeconds":7,"sourceUrl":"https://fb.me/x","sourceId":"120210",
		"sourceType":"ad","sourceApp":"instagram","title":"Cakes","description":"Fresh every day","mediaType":1,"mediaUrl":"https://example.org/m",
		"thumbnail":"BAUG","thumbnailUrl":"https://example.org/t.jpg","ctwaClid":"ARabc","ref":"r1","showAdAttribution":true,
		"automatedGreetingMessageShown":true,"greetingMessageBody":"Hello!","ctaPayload":"p","isSuspiciousLink":false}}`
	checkKinds(t, []kind{
		{name: "of a text", typ: "chat", body: "I saw your ad", message: `{"extendedTextMessage":{"text":"I saw your ad",` + ad + `}}`, want: want},
		{name: "of a picture", typ: "image", body: "this?", message: `{"imageMessage":{"caption":"this?",` + ad + `}}`, want: want},
		{name: "of an answer", typ: "interactive_response", body: "A", message: `{"interactiveResponseMessage":{"body":{"text":"A"},` + ad + `}}`, want: want},
		{
			name: "another way in", typ: "chat", body: "hi",
			message: `{"extendedTextMessage":{"text":"hi","contextInfo":{"entryPointConversionSource":"global_search_new_chat"}}}`,
			want:    `{"entryPointConversionSource":"global_search_new_chat"}`, lacks: []string{"ctwaContext"},
		},
		{
			name: "its source alone", typ: "chat", body: "hi",
			message: `{"extendedTextMessage":{"text":"hi","contextInfo":{"conversionSource":"FB_Post"}}}`,
			want:    `{"ctwaContext":{"conversionSource":"FB_Post","mediaType":0,"isSuspiciousLink":false}}`,
		},
	})
}

// A stranger's message may have any number of choices.
func TestChoicesAreBounded(t *testing.T) {
	l := &waE2E.ListMessage{}
	for range 3000 {
		l.Sections = append(l.Sections, &waE2E.ListMessage_Section{Rows: []*waE2E.ListMessage_Row{
			{RowID: proto.String("a")}, {RowID: proto.String("b")},
		}})
	}
	got := Render(Source{Chat: "4911@c.us", ID: "X", Raw: &waE2E.Message{ListMessage: l}})
	rows := 0
	for _, section := range got.Data.List.Sections {
		rows += len(section.Rows)
	}
	if rows != maxChoices || len(got.Data.List.Sections) != maxChoices {
		t.Error(fmt.Sprint(rows, " rows in ", len(got.Data.List.Sections), " sections"))
	}
	i := &waE2E.InteractiveMessage{InteractiveMessage: &waE2E.InteractiveMessage_CarouselMessage_{
		CarouselMessage: &waE2E.InteractiveMessage_CarouselMessage{},
	}}
	cards := i.GetCarouselMessage()
	for range 3000 {
		cards.Cards = append(cards.Cards, i) // a card that holds itself must not be followed
	}
	got = Render(Source{Chat: "4911@c.us", ID: "X", Raw: &waE2E.Message{InteractiveMessage: i}})
	if n := len(got.Data.CarouselCardsParsed); n != maxChoices {
		t.Errorf("%d cards", n)
	}
}
