package shape

import "go.mau.fi/whatsmeow/proto/waE2E"

// describeBusiness covers the messages of shops, bots and payments.
func describeBusiness(m *waE2E.Message) (content, bool) {
	switch {
	case m.ButtonsMessage != nil:
		return describeButtons(m.ButtonsMessage), true
	case m.ButtonsResponseMessage != nil:
		r := m.ButtonsResponseMessage
		return content{
			kind: "buttons_response", body: r.GetSelectedDisplayText(), context: r.GetContextInfo(),
			fill: func(m *Message) { m.SelectedButtonID = Clean(r.GetSelectedButtonID()) },
		}, true
	case m.TemplateMessage != nil:
		return describeTemplate(m.TemplateMessage), true
	case m.TemplateButtonReplyMessage != nil:
		r := m.TemplateButtonReplyMessage
		return content{
			kind: "template_button_reply", body: r.GetSelectedDisplayText(), context: r.GetContextInfo(),
			fill: func(m *Message) { m.SelectedButtonID = Clean(r.GetSelectedID()) },
		}, true
	case m.HighlyStructuredMessage != nil:
		c := describeTemplate(m.HighlyStructuredMessage.GetHydratedHsm())
		c.kind = "hsm"
		return c, true
	case m.ListMessage != nil:
		l := m.ListMessage
		return content{
			kind: "list", body: l.GetDescription(), context: l.GetContextInfo(),
			fill: func(m *Message) {
				m.Title, m.Description = Clean(l.GetTitle()), Clean(l.GetDescription())
				m.Data.Title, m.Data.Description, m.Data.Footer = m.Title, m.Description, Clean(l.GetFooterText())
			},
		}, true
	case m.ListResponseMessage != nil:
		r := m.ListResponseMessage
		return content{
			kind: "list_response", body: r.GetTitle(), context: r.GetContextInfo(),
			fill: func(m *Message) {
				m.SelectedRowID = Clean(r.GetSingleSelectReply().GetSelectedRowID())
				m.Title, m.Description = Clean(r.GetTitle()), Clean(r.GetDescription())
			},
		}, true
	case m.InteractiveMessage != nil:
		return describeInteractive(m.InteractiveMessage), true
	case m.OrderMessage != nil:
		o := m.OrderMessage
		return content{
			kind: "order", body: o.GetMessage(), context: o.GetContextInfo(),
			fill: func(m *Message) {
				m.OrderID, m.Token = Clean(o.GetOrderID()), Clean(o.GetToken())
				m.Title = Clean(o.GetOrderTitle())
			},
		}, true
	case m.ProductMessage != nil:
		return describeProduct(m.ProductMessage), true
	case m.SendPaymentMessage != nil:
		return describePayment(m.SendPaymentMessage.GetNoteMessage()), true
	case m.RequestPaymentMessage != nil:
		return describePayment(m.RequestPaymentMessage.GetNoteMessage()), true
	case m.DeclinePaymentRequestMessage != nil, m.CancelPaymentRequestMessage != nil:
		return content{kind: "payment"}, true
	}
	return content{}, false
}

func describePayment(note *waE2E.Message) content {
	body := note.GetConversation()
	if body == "" {
		body = note.GetExtendedTextMessage().GetText()
	}
	return content{kind: "payment", body: body, context: note.GetExtendedTextMessage().GetContextInfo()}
}

func describeProduct(p *waE2E.ProductMessage) content {
	return content{
		kind: "product", body: p.GetBody(), context: p.GetContextInfo(),
		fill: func(m *Message) {
			m.Title, m.Description = Clean(p.GetProduct().GetTitle()), Clean(p.GetProduct().GetDescription())
			m.Data.Title, m.Data.Description, m.Data.Footer = m.Title, m.Description, Clean(p.GetFooter())
			m.BusinessOwnerJID = jidText(p.GetBusinessOwnerJID())
			m.ProductID = Clean(p.GetProduct().GetProductID())
		},
	}
}

// headed is a message with buttons whose head may be media. Its type is the type of the
// head, and chat if it has none.
func headed(image *waE2E.ImageMessage, video *waE2E.VideoMessage, document *waE2E.DocumentMessage,
	location *waE2E.LocationMessage, text string,
) content {
	switch {
	case image != nil:
		return content{kind: "image", caption: text, media: imageMedia(image)}
	case video != nil:
		return content{kind: "video", caption: text, media: videoMedia(video)}
	case document != nil:
		return content{kind: "document", caption: text, media: documentMedia(document)}
	case location != nil:
		c := describeLocation(location)
		c.body = text
		return c
	}
	return content{kind: TypeChat, body: text}
}

func describeButtons(b *waE2E.ButtonsMessage) content {
	c := headed(b.GetImageMessage(), b.GetVideoMessage(), b.GetDocumentMessage(), b.GetLocationMessage(), b.GetContentText())
	c.context = b.GetContextInfo()
	place := c.fill
	c.fill = func(m *Message) {
		if place != nil {
			place(m)
		}
		m.Title, m.Data.Title, m.Data.Footer = Clean(b.GetText()), Clean(b.GetText()), Clean(b.GetFooterText())
		for _, button := range b.GetButtons() {
			m.DynamicReplyButtons = append(m.DynamicReplyButtons, ReplyButton{
				ButtonID:   Clean(button.GetButtonID()),
				ButtonText: ButtonText{DisplayText: Clean(button.GetButtonText().GetDisplayText())},
				Type:       int(button.GetType()),
			})
		}
	}
	return c
}

func describeTemplate(t *waE2E.TemplateMessage) content {
	if i := t.GetInteractiveMessageTemplate(); i != nil {
		return describeInteractive(i)
	}
	h := t.GetHydratedTemplate()
	if h == nil {
		h = t.GetHydratedFourRowTemplate()
	}
	c := headed(h.GetImageMessage(), h.GetVideoMessage(), h.GetDocumentMessage(), h.GetLocationMessage(), h.GetHydratedContentText())
	c.context = t.GetContextInfo()
	place := c.fill
	c.fill = func(m *Message) {
		if place != nil {
			place(m)
		}
		m.Title = Clean(h.GetHydratedTitleText())
		m.Data.Title, m.Data.Footer = m.Title, Clean(h.GetHydratedFooterText())
	}
	return c
}

func describeInteractive(i *waE2E.InteractiveMessage) content {
	head := i.GetHeader()
	c := headed(head.GetImageMessage(), head.GetVideoMessage(), head.GetDocumentMessage(), head.GetLocationMessage(), i.GetBody().GetText())
	c.kind = "interactive"
	if i.GetNativeFlowMessage() != nil {
		c.kind = "native_flow"
	}
	c.context = i.GetContextInfo()
	place := c.fill
	c.fill = func(m *Message) {
		if place != nil {
			place(m)
		}
		m.Title = Clean(head.GetTitle())
		m.Data.Title, m.Data.Footer = m.Title, Clean(i.GetFooter().GetText())
	}
	return c
}
