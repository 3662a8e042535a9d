package message

import "go.mau.fi/whatsmeow/proto/waE2E"

// businessRows are the messages of shops, bots and payments.
var businessRows = []Row{
	{Field: "buttonsMessage", Role: Shown, Type: TypeChat, Note: "the type of its head: image, video, document, location; native_flow for one button that opens a flow", read: func(m *waE2E.Message, c *Content) {
		readHead(c, m.GetButtonsMessage(), m.GetButtonsMessage().GetContentText())
		if IsNativeFlow(m.GetButtonsMessage()) {
			c.Type = "native_flow"
		}
	}},
	{Field: "buttonsResponseMessage", Role: Shown, Type: "buttons_response", read: func(m *waE2E.Message, c *Content) {
		c.Text = m.GetButtonsResponseMessage().GetSelectedDisplayText()
	}},
	{Field: "templateMessage", Role: Shown, Type: TypeChat, Note: "the type of its head", read: func(m *waE2E.Message, c *Content) {
		readTemplate(m.GetTemplateMessage(), c)
	}},
	{Field: "templateButtonReplyMessage", Role: Shown, Type: "template_button_reply", read: func(m *waE2E.Message, c *Content) {
		c.Text = m.GetTemplateButtonReplyMessage().GetSelectedDisplayText()
	}},
	{Field: "highlyStructuredMessage", Role: Shown, Type: "hsm", read: func(m *waE2E.Message, c *Content) {
		readTemplate(m.GetHighlyStructuredMessage().GetHydratedHsm(), c)
		c.Type = "hsm"
	}},
	{Field: "listMessage", Role: Shown, Type: "list", read: func(m *waE2E.Message, c *Content) {
		c.Text = m.GetListMessage().GetDescription()
	}},
	{Field: "listResponseMessage", Role: Shown, Type: "list_response", read: func(m *waE2E.Message, c *Content) {
		c.Text = m.GetListResponseMessage().GetTitle()
	}},
	{Field: "interactiveMessage", Role: Shown, Type: "interactive", read: func(m *waE2E.Message, c *Content) {
		readInteractive(m.GetInteractiveMessage(), c)
	}},
	{Field: "interactiveResponseMessage", Role: Shown, Type: "interactive_response", read: func(m *waE2E.Message, c *Content) {
		c.Text = m.GetInteractiveResponseMessage().GetBody().GetText()
	}},
	{Field: "orderMessage", Role: Shown, Type: "order", read: func(m *waE2E.Message, c *Content) {
		c.Text = m.GetOrderMessage().GetMessage()
	}},
	{Field: "productMessage", Role: Shown, Type: "product", read: func(m *waE2E.Message, c *Content) {
		c.Text = m.GetProductMessage().GetBody()
		if image := m.GetProductMessage().GetProduct().GetProductImage(); image.GetDirectPath() != "" {
			c.File = image
		}
	}},
	{Field: "invoiceMessage", Role: Shown, Type: "payment", Guess: true, Note: "its attachment is its file", read: func(m *waE2E.Message, c *Content) {
		c.Text = m.GetInvoiceMessage().GetNote()
		if file := invoiceFile(m.GetInvoiceMessage()); file.GetDirectPath() != "" {
			c.File = file
		}
	}},
	{Field: "sendPaymentMessage", Role: Shown, Type: "payment", read: func(m *waE2E.Message, c *Content) {
		readNote(m.GetSendPaymentMessage().GetNoteMessage(), c)
	}},
	{Field: "requestPaymentMessage", Role: Shown, Type: "payment", read: func(m *waE2E.Message, c *Content) {
		readNote(m.GetRequestPaymentMessage().GetNoteMessage(), c)
	}},
	{Field: "declinePaymentRequestMessage", Role: Shown, Type: "payment", read: nothing},
	{Field: "cancelPaymentRequestMessage", Role: Shown, Type: "payment", read: nothing},
	{Field: "paymentInviteMessage", Role: Shown, Type: "payment", Note: "an invitation to a payment service", read: nothing},
	{Field: "paymentReminderMessage", Role: Shown, Type: "payment", Guess: true, read: func(m *waE2E.Message, c *Content) {
		c.Text = m.GetPaymentReminderMessage().GetDescription()
	}},
	{Field: "splitPaymentMessage", Role: Shown, Type: "payment", Guess: true, read: func(m *waE2E.Message, c *Content) {
		c.Text = m.GetSplitPaymentMessage().GetDescription()
	}},
}

// IsNativeFlow reports whether a message has a single button and that opens a flow, such as
// the payment of an order. WhatsApp Web has a type for these.
func IsNativeFlow(b *waE2E.ButtonsMessage) bool {
	return len(b.GetButtons()) == 1 && b.GetButtons()[0].GetNativeFlowInfo().GetName() != ""
}

// readNote takes the text that somebody wrote to a payment.
func readNote(note *waE2E.Message, c *Content) {
	c.Text = note.GetConversation()
	if c.Text == "" {
		c.Text = note.GetExtendedTextMessage().GetText()
	}
	c.Context = note.GetExtendedTextMessage().GetContextInfo()
}

// Template returns the filled-in template that is shown; nil when there is none.
func Template(t *waE2E.TemplateMessage) *waE2E.TemplateMessage_HydratedFourRowTemplate {
	if h := t.GetHydratedTemplate(); h != nil {
		return h
	}
	return t.GetHydratedFourRowTemplate()
}

func readTemplate(t *waE2E.TemplateMessage, c *Content) {
	c.Context = t.GetContextInfo()
	if i := t.GetInteractiveMessageTemplate(); i != nil {
		readInteractive(i, c)
		return
	}
	if plain := t.GetFourRowTemplate(); plain != nil && Template(t) == nil {
		readHead(c, plain, structured(plain.GetContent()))
		return
	}
	readHead(c, Template(t), Template(t).GetHydratedContentText())
}

// structured is the text of a template that the phone would have filled in.
func structured(h *waE2E.HighlyStructuredMessage) string {
	return Lines(append([]string{h.GetElementName()}, h.GetParams()...)...)
}

func readInteractive(i *waE2E.InteractiveMessage, c *Content) {
	readHead(c, i.GetHeader(), i.GetBody().GetText())
	c.Type = "interactive"
	if c.Context == nil {
		c.Context = i.GetContextInfo()
	}
}
