package shape

import (
	"go.mau.fi/whatsmeow/proto/waE2E"

	"whatsapp-manager/worker/message"
)

// business writes what only the messages of shops, bots and payments have.
func (m *Message) business(c message.Content) {
	switch w := c.Message; c.Field {
	case "buttonsMessage":
		m.buttons(w.ButtonsMessage)
	case "buttonsResponseMessage":
		m.SelectedButtonID = Clean(w.ButtonsResponseMessage.GetSelectedButtonID())
	case "templateMessage":
		m.template(w.TemplateMessage)
	case "highlyStructuredMessage":
		m.template(w.HighlyStructuredMessage.GetHydratedHsm())
	case "templateButtonReplyMessage":
		m.SelectedButtonID = Clean(w.TemplateButtonReplyMessage.GetSelectedID())
	case "listMessage":
		l := w.ListMessage
		m.Description, m.Data.Description = Clean(l.GetDescription()), Clean(l.GetDescription())
		m.titled(l.GetTitle(), l.GetFooterText())
	case "listResponseMessage":
		r := w.ListResponseMessage
		m.SelectedRowID = Clean(r.GetSingleSelectReply().GetSelectedRowID())
		m.Title, m.Description = Clean(r.GetTitle()), Clean(r.GetDescription())
	case "interactiveMessage":
		m.interactive(w.InteractiveMessage)
	case "orderMessage":
		o := w.OrderMessage
		m.OrderID, m.Token = Clean(o.GetOrderID()), Clean(o.GetToken())
		m.Title = Clean(o.GetOrderTitle())
	case "productMessage":
		m.product(w.ProductMessage)
	}
}

func (m *Message) titled(title, footer string) {
	m.Title = Clean(title)
	m.Data.Title, m.Data.Footer = m.Title, Clean(footer)
}

func (m *Message) product(p *waE2E.ProductMessage) {
	m.Description = Clean(p.GetProduct().GetDescription())
	m.Data.Description = m.Description
	m.titled(p.GetProduct().GetTitle(), p.GetFooter())
	m.BusinessOwnerJID = jidText(p.GetBusinessOwnerJID())
	m.ProductID = Clean(p.GetProduct().GetProductID())
}

func (m *Message) buttons(b *waE2E.ButtonsMessage) {
	m.headPlace(b.GetLocationMessage())
	m.titled(b.GetText(), b.GetFooterText())
	for _, button := range b.GetButtons() {
		m.DynamicReplyButtons = append(m.DynamicReplyButtons, ReplyButton{
			ButtonID:   Clean(button.GetButtonID()),
			ButtonText: ButtonText{DisplayText: Clean(button.GetButtonText().GetDisplayText())},
			Type:       int(button.GetType()),
		})
	}
}

func (m *Message) template(t *waE2E.TemplateMessage) {
	if i := t.GetInteractiveMessageTemplate(); i != nil {
		m.interactive(i)
		return
	}
	h := message.Template(t)
	m.headPlace(h.GetLocationMessage())
	m.titled(h.GetHydratedTitleText(), h.GetHydratedFooterText())
}

func (m *Message) interactive(i *waE2E.InteractiveMessage) {
	m.headPlace(i.GetHeader().GetLocationMessage())
	m.titled(i.GetHeader().GetTitle(), i.GetFooter().GetText())
}

// headPlace writes the location that a message with choices shows above its text.
func (m *Message) headPlace(l *waE2E.LocationMessage) {
	if l != nil {
		m.place(newLocation(l))
	}
}
