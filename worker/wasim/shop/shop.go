// Package shop keeps what a business account sells and the orders it may ask for,
// and answers the requests about them. It knows no accounts.
package shop

import (
	"strconv"
	"sync"
	"time"

	waBinary "go.mau.fi/whatsmeow/binary"

	"whatsapp-manager/worker/wasim/stanza"
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

// Shop is the catalogue and the orders of one account. Its zero value is empty. All
// methods may be called at the same time.
type Shop struct {
	mu       sync.Mutex
	products []Product
	orders   map[string]Order // by id
}

// SetCatalogue replaces the products on sale.
func (s *Shop) SetCatalogue(products ...Product) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.products = products
}

// AddOrder keeps an order for those who know its token.
func (s *Shop) AddOrder(o Order) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.orders == nil {
		s.orders = map[string]Order{}
	}
	s.orders[o.ID] = o
}

// AnswerOrder answers a request for an order, as whatsmeow's
// parseOrderDetailsNode reads it.
func (s *Shop) AnswerOrder(asked waBinary.Node) ([]waBinary.Node, *stanza.Error) {
	id, _ := asked.Attrs["id"].(string)
	s.mu.Lock()
	o, ok := s.orders[id]
	s.mu.Unlock()
	token := asked.GetChildByTag("token")
	if raw, _ := token.Content.([]byte); !ok || string(raw) != o.Token {
		return nil, stanza.ErrNotFound
	}
	total := int64(0)
	var content []waBinary.Node
	for _, p := range o.Products {
		total += p.Price * int64(p.Quantity)
		content = append(content, waBinary.Node{Tag: "product", Content: []waBinary.Node{
			stanza.Text("id", p.ID), stanza.Text("price", strconv.FormatInt(p.Price, 10)),
			stanza.Text("currency", p.Currency), stanza.Text("name", p.Name),
			stanza.Text("quantity", strconv.Itoa(p.Quantity)),
		}})
	}
	sum := strconv.FormatInt(total, 10)
	content = append(content, waBinary.Node{Tag: "price", Content: []waBinary.Node{
		stanza.Text("subtotal", sum), stanza.Text("total", sum), stanza.Text("currency", o.Currency),
	}})
	return []waBinary.Node{{
		Tag: "order", Attrs: waBinary.Attrs{"id": o.ID, "creation_ts": o.At.Unix()}, Content: content,
	}}, nil
}

// AnswerCatalogue answers a request for a page of the products.
//
// guess: whatsmeow has no such query; form and paging are those of other open
// clients, with two products a page, so that clients must page.
func (s *Shop) AnswerCatalogue(asked waBinary.Node) []waBinary.Node {
	s.mu.Lock()
	products := s.products
	s.mu.Unlock()
	after := asked.GetChildByTag("after")
	raw, _ := after.Content.([]byte)
	begin, _ := strconv.Atoi(string(raw))
	begin = min(max(begin, 0), len(products))
	end := min(begin+2, len(products))
	var content []waBinary.Node
	for _, p := range products[begin:end] {
		content = append(content, waBinary.Node{Tag: "product", Content: []waBinary.Node{
			stanza.Text("id", p.ID), stanza.Text("retailer_id", p.RetailerID),
			stanza.Text("name", p.Name), stanza.Text("description", p.Description),
		}})
	}
	if end < len(products) {
		content = append(content, waBinary.Node{Tag: "paging", Content: []waBinary.Node{
			stanza.Text("after", strconv.Itoa(end)),
		}})
	}
	return []waBinary.Node{{Tag: "product_catalog", Content: content}}
}
