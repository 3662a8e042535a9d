package wasim

import (
	"strconv"
	"time"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"
)

// Product is one of an account's catalogue or of an order.
type Product struct {
	ID, RetailerID, Name, Description, Currency string
	Price                                       int64 // thousandths
	Quantity                                    int   // of an order
}

// Order is what somebody put into a cart.
type Order struct {
	ID, Token, Currency string
	Products            []Product
	At                  time.Time
}

// SetCatalogue gives a business account its products.
func (a *Account) SetCatalogue(products ...Product) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.products = products
}

// AddOrder keeps an order that was sent to or by the account, for those who
// know its token.
func (a *Account) AddOrder(o Order) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.orders == nil {
		a.orders = map[string]Order{}
	}
	a.orders[o.ID] = o
}

// iqOrder answers what an order holds, as whatsmeow's parseOrderDetailsNode reads it.
func (s *Server) iqOrder(from origin, iq *waBinary.Node) ([]waBinary.Node, *iqError) {
	asked := first(iq)
	id, _ := asked.Attrs["id"].(string)
	from.account.mu.Lock()
	o, ok := from.account.orders[id]
	from.account.mu.Unlock()
	token := asked.GetChildByTag("token")
	if raw, _ := token.Content.([]byte); !ok || string(raw) != o.Token {
		return nil, errNotFound
	}
	total := int64(0)
	var content []waBinary.Node
	for _, p := range o.Products {
		total += p.Price * int64(p.Quantity)
		content = append(content, waBinary.Node{Tag: "product", Content: []waBinary.Node{
			leaf("id", p.ID), leaf("price", strconv.FormatInt(p.Price, 10)), leaf("currency", p.Currency), leaf("name", p.Name), leaf("quantity", strconv.Itoa(p.Quantity)),
		}})
	}
	sum := strconv.FormatInt(total, 10)
	content = append(content, waBinary.Node{Tag: "price", Content: []waBinary.Node{leaf("subtotal", sum), leaf("total", sum), leaf("currency", o.Currency)}})
	return []waBinary.Node{{Tag: "order", Attrs: waBinary.Attrs{"id": o.ID, "creation_ts": o.At.Unix()}, Content: content}}, nil
}

// iqCatalogue answers the products of an account.
//
// guess: whatsmeow has no such query; form and paging are those of other open
// clients, two products a page so that clients must page.
func (s *Server) iqCatalogue(_ origin, iq *waBinary.Node) ([]waBinary.Node, *iqError) {
	asked := first(iq)
	jid, _ := asked.Attrs["jid"].(types.JID)
	a := s.account(jid)
	if a == nil {
		return nil, errNotFound
	}
	a.mu.Lock()
	products := a.products
	a.mu.Unlock()
	after := asked.GetChildByTag("after")
	raw, _ := after.Content.([]byte)
	begin, _ := strconv.Atoi(string(raw))
	begin = min(max(begin, 0), len(products))
	end := min(begin+2, len(products))
	var content []waBinary.Node
	for _, p := range products[begin:end] {
		content = append(content, waBinary.Node{Tag: "product", Content: []waBinary.Node{
			leaf("id", p.ID), leaf("retailer_id", p.RetailerID), leaf("name", p.Name), leaf("description", p.Description),
		}})
	}
	if end < len(products) {
		content = append(content, waBinary.Node{Tag: "paging", Content: []waBinary.Node{leaf("after", strconv.Itoa(end))}})
	}
	return []waBinary.Node{{Tag: "product_catalog", Content: content}}, nil
}

func leaf(tag, text string) waBinary.Node { return waBinary.Node{Tag: tag, Content: []byte(text)} }
