package wwebjs

import (
	"context"
	"encoding/json"
	"strconv"

	"go.mau.fi/whatsmeow"
	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"

	"whatsapp-manager/worker/message"
	"whatsapp-manager/worker/mirror"
	"whatsapp-manager/worker/relay"
	"whatsapp-manager/worker/relay/param"
	"whatsapp-manager/worker/relay/value"
	"whatsapp-manager/worker/shape"
)

// businessRows are about what is sold in chats.
var businessRows = []relay.Row{
	{
		Name: "Message.getOrder", Result: "Order|undefined", Need: relay.NeedOnline,
		Params: messageOnly, Example: messageExample,
		Doc: "Returns the order that this message brings; null for a message without one.",
		Do:  relay.OfMessage(getOrder),
	},
	{
		Name: "Message.getPayment", Result: "Payment|undefined", Need: relay.NeedData,
		Params: messageOnly, Example: messageExample,
		Doc: "Returns what this message says of a payment; null for a message without one. Linked devices are not " +
			"told amount and status of payments that were made.",
		Do: relay.OfMessage(getPayment),
	},
	{
		Name: "Product.getData", Result: "ProductMetadata|undefined", Need: relay.NeedOnline,
		Params: []param.Param{
			{Name: "productId", Kind: kindProduct, Doc: "or a Product, of an order or a message"},
		},
		Example: `["5512345678901234"]`,
		Doc:     "Returns what the account's own catalogue says of a product; null when it is not in there.",
		Do:      productData,
	},
}

// order is whatsapp-web.js' Order. Amounts are thousandths, as text.
type order struct {
	Products  []product `json:"products"`
	Subtotal  string    `json:"subtotal"`
	Total     string    `json:"total"`
	Currency  string    `json:"currency"`
	CreatedAt int64     `json:"createdAt"` // unix seconds
}

type product struct {
	ID           string `json:"id"`
	Price        string `json:"price,omitempty"`
	ThumbnailURL string `json:"thumbnailUrl"`
	Currency     string `json:"currency"`
	Name         string `json:"name"`
	Quantity     int    `json:"quantity"`
	Data         any    `json:"data"`
}

func getOrder(ctx context.Context, c *relay.Call, r mirror.Record) (any, error) {
	message := message.Unwrap(r.Raw).Message.GetOrderMessage()
	if message == nil {
		return nil, nil
	}
	details, err := c.Client.GetOrderDetails(ctx, message.GetOrderID(), message.GetToken())
	if err != nil {
		return nil, err
	}
	o := order{
		Products: make([]product, len(details.Products)),
		Currency: details.Price.Currency, CreatedAt: details.CreatedAt.Unix(),
		Subtotal: strconv.FormatInt(details.Price.Subtotal, 10), Total: strconv.FormatInt(details.Price.Total, 10),
	}
	for i, p := range details.Products {
		o.Products[i] = product{ID: p.ID, ThumbnailURL: p.ImageURL, Currency: p.Currency, Name: p.Name, Quantity: p.Quantity}
		if p.Price != 0 {
			o.Products[i].Price = strconv.FormatInt(p.Price, 10)
		}
	}
	return o, nil
}

// payment is whatsapp-web.js' Payment, as far as linked devices are told.
type payment struct {
	ID       shape.MessageID `json:"id"`
	Currency string          `json:"paymentCurrency,omitempty"`
	Amount   uint64          `json:"paymentAmount1000,omitempty"`
	Receiver *shape.Wid      `json:"paymentMessageReceiverJid,omitempty"`
	Note     string          `json:"paymentNote,omitempty"`
}

func getPayment(_ context.Context, c *relay.Call, r mirror.Record) (any, error) {
	m := message.Unwrap(r.Raw).Message
	p := payment{ID: r.Shape.ID}
	note := m.GetSendPaymentMessage().GetNoteMessage()
	switch {
	case m.GetRequestPaymentMessage() != nil:
		request := m.GetRequestPaymentMessage()
		p.Currency, p.Amount, note = request.GetCurrencyCodeIso4217(), request.GetAmount1000(), request.GetNoteMessage()
	case m.GetSendPaymentMessage() != nil:
		receiver := shape.NewWid(r.Shape.To)
		p.Receiver = &receiver
	default:
		return nil, nil
	}
	if p.Note = shape.Clean(note.GetConversation()); p.Note == "" {
		p.Note = shape.Clean(note.GetExtendedTextMessage().GetText())
	}
	return p, nil
}

var kindProduct = param.Kind{Label: "string|object", Read: func(raw json.RawMessage, path string) (any, error) {
	var named struct {
		ID json.RawMessage `json:"id"`
	}
	if value.Kind(raw) == "object" && json.Unmarshal(raw, &named) == nil {
		raw = named.ID
	}
	id, err := value.Text(raw, path)
	if err != nil || id == "" || len(id) > 64 {
		return nil, param.Bad(path, "expected the id of a product, or a Product")
	}
	return id, nil
}}

// productMetadata is whatsapp-web.js' ProductMetadata.
type productMetadata struct {
	ID          string `json:"id"`
	RetailerID  string `json:"retailer_id"`
	Name        string `json:"name"`
	Description string `json:"description"`
}

const (
	cataloguePage  = 100
	cataloguePages = 50
)

// productData looks through the account's catalogue. whatsmeow has no query for
// it; the form is that of other open clients (w:biz:catalog).
func productData(ctx context.Context, c *relay.Call) (any, error) {
	id, after := relay.Arg[string](c, 0), ""
	for range cataloguePages {
		asked := []waBinary.Node{
			{Tag: "limit", Content: []byte(strconv.Itoa(cataloguePage))},
			{Tag: "width", Content: []byte("100")},
			{Tag: "height", Content: []byte("100")},
		}
		if after != "" {
			asked = append(asked, waBinary.Node{Tag: "after", Content: []byte(after)})
		}
		answer, err := query(ctx, c, "w:biz:catalog", waBinary.Node{
			Tag:     "product_catalog",
			Attrs:   waBinary.Attrs{"jid": c.Account().JID.ToNonAD(), "allow_shop_source": "true"},
			Content: asked,
		})
		if err != nil {
			return nil, err
		}
		catalogue := answer.GetChildByTag("product_catalog")
		for _, p := range catalogue.GetChildrenByTag("product") {
			if childText(p, "id") == id {
				return productMetadata{
					ID: id, RetailerID: childText(p, "retailer_id"), Name: childText(p, "name"),
					Description: childText(p, "description"),
				}, nil
			}
		}
		paging := catalogue.GetChildByTag("paging")
		if after = childText(paging, "after"); after == "" {
			break
		}
	}
	return nil, nil
}

func childText(n waBinary.Node, tag string) string {
	child := n.GetChildByTag(tag)
	raw, _ := child.Content.([]byte)
	return shape.Clean(string(raw))
}

// query sends an iq of a kind that whatsmeow does not know, and waits for the answer.
func query(ctx context.Context, c *relay.Call, xmlns string, content waBinary.Node) (*waBinary.Node, error) {
	//lint:ignore SA1019 whatsmeow has no other way to send a query of one's own
	return c.Client.DangerousInternals().SendIQ(ctx, whatsmeow.DangerousInfoQuery{
		Namespace: xmlns, Type: "get", To: types.ServerJID, Content: []waBinary.Node{content},
	})
}
