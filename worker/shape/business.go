package shape

import (
	"go.mau.fi/whatsmeow/proto/waE2E"

	"whatsapp-manager/worker/message"
)

// Trade is what is offered, ordered and paid, in WhatsApp Web's names. Amounts are
// thousandths of the currency.
type Trade struct {
	OrderID           string `json:"orderId,omitempty"`
	OrderTitle        string `json:"orderTitle,omitempty"`
	Token             string `json:"token,omitempty"`
	ItemCount         int32  `json:"itemCount,omitempty"`
	Status            int32  `json:"status,omitempty"`  // 1 inquiry, 2 accepted, 3 declined
	Surface           int32  `json:"surface,omitempty"` // 1 catalog
	SellerJID         string `json:"sellerJid,omitempty"`
	TotalAmount1000   int64  `json:"totalAmount1000,omitempty"`
	TotalCurrencyCode string `json:"totalCurrencyCode,omitempty"`
	CatalogType       string `json:"catalogType,omitempty"`

	BusinessOwnerJID    string `json:"businessOwnerJid,omitempty"`
	ProductID           string `json:"productId,omitempty"`
	CurrencyCode        string `json:"currencyCode,omitempty"`
	PriceAmount1000     int64  `json:"priceAmount1000,omitempty"`
	SalePriceAmount1000 int64  `json:"salePriceAmount1000,omitempty"`
	RetailerID          string `json:"retailerId,omitempty"`
	URL                 string `json:"url,omitempty"`
	ProductImageCount   uint32 `json:"productImageCount,omitempty"`

	PaymentCurrency           string `json:"paymentCurrency,omitempty"`
	PaymentAmount1000         uint64 `json:"paymentAmount1000,omitempty"`
	PaymentMessageReceiverJID string `json:"paymentMessageReceiverJid,omitempty"`
	PaymentExpiryTimestamp    int64  `json:"paymentExpiryTimestamp,omitempty"`
}

// business writes what only the messages of shops, bots and payments have.
func (m *Message) business(c message.Content) {
	switch w := c.Message; c.Field {
	case "buttonsMessage":
		m.buttons(w.ButtonsMessage)
	case "buttonsResponseMessage":
		m.SelectedButtonID = Clean(w.ButtonsResponseMessage.GetSelectedButtonID())
		m.Data.SelectedButtonID = m.SelectedButtonID
	case "templateMessage":
		m.template(w.TemplateMessage)
	case "highlyStructuredMessage":
		m.template(w.HighlyStructuredMessage.GetHydratedHsm())
	case "templateButtonReplyMessage":
		m.templateReply(w.TemplateButtonReplyMessage)
	case "listMessage":
		m.list(w.ListMessage)
	case "listResponseMessage":
		m.listResponse(w.ListResponseMessage)
	case "interactiveMessage":
		m.interactive(w.InteractiveMessage)
	case "interactiveResponseMessage":
		m.interactiveResponse(w.InteractiveResponseMessage)
	case "orderMessage":
		m.order(w.OrderMessage)
	case "productMessage":
		m.product(w.ProductMessage)
	default:
		m.payment(c)
	}
}

func (m *Message) titled(title, footer string) {
	m.Title = Clean(title)
	m.Data.Title, m.Data.Footer = m.Title, Clean(footer)
}

func (m *Message) order(o *waE2E.OrderMessage) {
	m.OrderID, m.Token, m.Title = Clean(o.GetOrderID()), Clean(o.GetToken()), Clean(o.GetOrderTitle())
	d := &m.Data
	d.OrderID, d.OrderTitle, d.Token = m.OrderID, m.Title, m.Token
	d.ItemCount = o.GetItemCount()
	if o.Status != nil { // the protocol's default is a status, WhatsApp Web's is none
		d.Status = int32(o.GetStatus())
	}
	if o.Surface != nil {
		d.Surface = int32(o.GetSurface())
	}
	d.SellerJID, d.CatalogType = jidText(o.GetSellerJID()), Clean(o.GetCatalogType())
	d.TotalAmount1000, d.TotalCurrencyCode = o.GetTotalAmount1000(), Clean(o.GetTotalCurrencyCode())
}

func (m *Message) product(p *waE2E.ProductMessage) {
	m.Description = Clean(p.GetProduct().GetDescription())
	m.Data.Description = m.Description
	m.titled(p.GetProduct().GetTitle(), p.GetFooter())
	m.sold(p)
}

// sold writes the product that a message offers.
func (m *Message) sold(p *waE2E.ProductMessage) {
	s := p.GetProduct()
	m.BusinessOwnerJID, m.ProductID = jidText(p.GetBusinessOwnerJID()), Clean(s.GetProductID())
	d := &m.Data
	d.BusinessOwnerJID, d.ProductID, d.CurrencyCode = m.BusinessOwnerJID, m.ProductID, Clean(s.GetCurrencyCode())
	d.PriceAmount1000, d.SalePriceAmount1000 = s.GetPriceAmount1000(), s.GetSalePriceAmount1000()
	d.RetailerID, d.URL, d.ProductImageCount = Clean(s.GetRetailerID()), Clean(s.GetURL()), s.GetProductImageCount()
}

// payment writes what a payment is about. Who paid how much with whom is on the phone only.
func (m *Message) payment(c message.Content) {
	d := &m.Data
	switch c.Field {
	case "requestPaymentMessage":
		r := c.Message.RequestPaymentMessage
		d.Subtype, d.PaymentCurrency, d.PaymentAmount1000 = "request", Clean(r.GetCurrencyCodeIso4217()), r.GetAmount1000()
		d.PaymentMessageReceiverJID, d.PaymentExpiryTimestamp = jidText(r.GetRequestFrom()), r.GetExpiryTimestamp()
	case "sendPaymentMessage":
		d.Subtype = "send"
	case "declinePaymentRequestMessage":
		d.Subtype = "payment_action_request_declined"
	case "cancelPaymentRequestMessage":
		d.Subtype = "payment_transaction_request_cancelled"
	}
}

// headPlace writes the location that a message with choices shows above its text.
func (m *Message) headPlace(l *waE2E.LocationMessage) {
	if l != nil {
		m.place(newLocation(l))
	}
}
