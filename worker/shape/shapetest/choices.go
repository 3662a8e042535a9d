package shapetest

// Responses is what comes of taps on buttons and of forms.
// The values are those of WhatsApp Web's parsers, by the name of their module:
// WAWebParseInteractiveResponseMessageProto and getInteractiveResponsePayload of
// WAWebE2EProtoUtils ({name, version, type, paramsJson}).
var Responses = []Kind{
	{
		Name: "a row of a menu", Type: "interactive_response", Body: "Option A",
		Message: `{"interactiveResponseMessage":{"body":{"text":"Option A"},"nativeFlowResponseMessage":
			{"name":"menu_options","paramsJSON":"{\"id\":\"opt_a\"}","version":3}}}`,
		Want: `{"interactivePayload":{"name":"menu_options","version":3,"type":"native_flow","paramsJson":"{\"id\":\"opt_a\"}"}}`,
	},
	{
		Name: "a form, without text", Type: "interactive_response",
		Message: `{"interactiveResponseMessage":{"nativeFlowResponseMessage":{"name":"galaxy_message",
			"paramsJSON":"{\"flow_token\":\"t\",\"city\":\"Lima\"}"}}}`,
		Want: `{"interactivePayload":{"name":"galaxy_message","type":"native_flow",
			"paramsJson":"{\"flow_token\":\"t\",\"city\":\"Lima\"}"}}`,
	},
	{
		Name: "nothing chosen", Type: "interactive_response", Body: "hm",
		Message: `{"interactiveResponseMessage":{"body":{"text":"hm"}}}`, Want: `{}`,
		Lacks: []string{"interactivePayload"},
	},
}

// Choices is what businesses let people choose from, and what they chose.
// WAWebParseListMessageProto puts the protobuf itself under list, WAWebParseTemplateMessageProto
// the buttons under hydratedButtons, WAWebParseNonNFMButtonsMessageProto those of a buttons
// message under dynamicReplyButtons.
var Choices = []Kind{
	{
		Name: "a list", Type: "list", Body: "What do you want?",
		Message: `{"listMessage":{"title":"Menu","description":"What do you want?","buttonText":"Open","listType":"SINGLE_SELECT",
			"footerText":"until 22:00","sections":[{"title":"Pizza","rows":[{"title":"Margherita","description":"8 €","rowID":"p1"},
			{"title":"Funghi","rowID":"p2"}]},{"title":"Empty"}]}}`,
		Want: `{"list":{"title":"Menu","description":"What do you want?","buttonText":"Open","listType":1,"footerText":"until 22:00",
			"sections":[{"title":"Pizza","rows":[{"title":"Margherita","description":"8 €","rowId":"p1"},{"title":"Funghi","rowId":"p2"}]},
			{"title":"Empty","rows":[]}]},"footer":"until 22:00"}`,
	},
	{
		Name: "a list of products", Type: "list",
		Message: `{"listMessage":{"listType":"PRODUCT_LIST","productListInfo":{"businessOwnerJID":"4933@s.whatsapp.net",
			"productSections":[{"title":"New","products":[{"productID":"1"},{"productID":"2"}]},{"title":"Old","products":[{"productID":"3"}]}]}}}`,
		Want: `{"businessOwnerJid":"4933@c.us","productListItemCount":3,"list":{"listType":2,"sections":[],"productListInfo":
			{"businessOwnerJid":"4933@c.us","productSections":[{"title":"New","products":[{"productId":"1"},{"productId":"2"}]},
			{"title":"Old","products":[{"productId":"3"}]}]}}}`,
	},
	{
		Name: "the answer to a list", Type: "list_response", Body: "Funghi",
		Message: `{"listResponseMessage":{"title":"Funghi","description":"9 €","listType":"SINGLE_SELECT","singleSelectReply":{"selectedRowID":"p2"}}}`,
		Want:    `{"listResponse":{"title":"Funghi","description":"9 €","listType":1,"singleSelectReply":{"selectedRowId":"p2"}}}`,
	},
	{
		Name: "a template", Type: "chat", Body: "Your order is ready",
		Message: `{"templateMessage":{"hydratedTemplate":{"templateID":"T7","hydratedTitleText":"Shop","hydratedContentText":"Your order is ready",
			"hydratedFooterText":"bye","hydratedButtons":[{"index":0,"urlButton":{"displayText":"Track","URL":"https://example.org/7"}},
			{"index":1,"callButton":{"displayText":"Call us","phoneNumber":"+4933"}},
			{"index":2,"quickReplyButton":{"displayText":"Thanks","ID":"ty"}}]}}}`,
		Want: `{"isFromTemplate":true,"templateId":"T7","title":"Shop","footer":"bye","hydratedButtons":[
			{"index":0,"urlButton":{"displayText":"Track","url":"https://example.org/7"}},
			{"index":1,"callButton":{"displayText":"Call us","phoneNumber":"+4933"}},
			{"index":2,"quickReplyButton":{"displayText":"Thanks","id":"ty"}}]}`,
	},
	{
		Name: "a structured message", Type: "hsm", Body: "Your order is ready",
		Message: `{"highlyStructuredMessage":{"hydratedHsm":{"hydratedTemplate":{"hydratedContentText":"Your order is ready"}}}}`, Want: `{}`,
	},
	{
		Name: "a template with a file in its head", Type: "document", Body: "Your invoice",
		Message: `{"templateMessage":{"hydratedTemplate":{"documentMessage":{"fileName":"bill.pdf","mimetype":"application/pdf"},
			"hydratedContentText":"Your invoice","hydratedButtons":[{"index":0,"quickReplyButton":{"displayText":"Thanks","ID":"ty"}}]}}}`,
		Want: `{"isFromTemplate":true,"filename":"bill.pdf","mimetype":"application/pdf",
			"hydratedButtons":[{"index":0,"quickReplyButton":{"displayText":"Thanks","id":"ty"}}]}`,
	},
	{
		Name: "buttons under a picture", Type: "image", Body: "Sure?",
		Message: `{"buttonsMessage":{"contentText":"Sure?","headerType":"IMAGE","imageMessage":{"mimetype":"image/jpeg"},"buttons":[
			{"buttonID":"y","buttonText":{"displayText":"Yes"},"type":"RESPONSE"}]}}`,
		Want: `{"isDynamicReplyButtonsMsg":true,"mimetype":"image/jpeg",
			"dynamicReplyButtons":[{"buttonId":"y","buttonText":{"displayText":"Yes"},"type":1}]}`,
	},
	{
		Name: "the answer to a template", Type: "template_button_reply", Body: "Thanks",
		Message: `{"templateButtonReplyMessage":{"selectedID":"ty","selectedDisplayText":"Thanks","selectedIndex":2,"selectedCarouselCardIndex":1}}`,
		Want:    `{"selectedId":"ty","selectedIndex":2,"selectedCarouselCardIndex":1}`,
	},
	{
		Name: "buttons", Type: "chat", Body: "Sure?",
		Message: `{"buttonsMessage":{"contentText":"Sure?","headerType":"EMPTY","buttons":[
			{"buttonID":"y","buttonText":{"displayText":"Yes"},"type":"RESPONSE"},{"buttonID":"n","buttonText":{"displayText":"No"},"type":"RESPONSE"}]}}`,
		Want: `{"isDynamicReplyButtonsMsg":true,"dynamicReplyButtons":[{"buttonId":"y","buttonText":{"displayText":"Yes"},"type":1},
			{"buttonId":"n","buttonText":{"displayText":"No"},"type":1}]}`,
		Lacks: []string{"nativeFlowName"},
	},
	{
		Name: "a button that opens a flow", Type: "native_flow", Body: "Pay",
		Message: `{"buttonsMessage":{"contentText":"Pay","buttons":[{"buttonID":"b","type":"NATIVE_FLOW",
			"nativeFlowInfo":{"name":"review_and_pay","paramsJSON":"{}"}}]}}`,
		Want: `{"nativeFlowName":"order_details","dynamicReplyButtons":[{"buttonId":"b","buttonText":{"displayText":""},"type":2,
			"nativeFlowInfo":{"name":"review_and_pay","paramsJson":"{}"}}]}`,
	},
	{
		Name: "the answer to buttons", Type: "buttons_response", Body: "Yes",
		Message: `{"buttonsResponseMessage":{"selectedButtonID":"y","selectedDisplayText":"Yes","type":"DISPLAY_TEXT"}}`,
		Want:    `{"selectedButtonId":"y"}`,
	},
}
