package wwebjs

import (
	"testing"
	"time"

	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types/events"
	"google.golang.org/protobuf/proto"

	"whatsapp-manager/worker/wasim"
)

func TestOrdersAndProducts(t *testing.T) {
	r := newRig(t)
	bob := r.Contact("15550000002", "Bob")
	r.Me.AddOrder(wasim.Order{ID: "77", Token: "secret", Currency: "EUR", At: time.Unix(1700000000, 0), Products: []wasim.Product{{ID: "p1", Name: "Bread", Currency: "EUR", Price: 2500, Quantity: 2}}})
	sent, err := bob.Phone().SendMessage(r.Ctx, r.Me.PN(), &waE2E.Message{OrderMessage: &waE2E.OrderMessage{OrderID: proto.String("77"), Token: proto.String("secret"), ItemCount: proto.Int32(2)}})
	if err != nil {
		t.Fatal(err)
	}
	await(r, "order", func(m *events.Message) bool { return m.Info.ID == sent })
	got := ask[order](r, "Message.getOrder", "false_15550000002@c.us_"+sent)
	if got.Total != "5000" || got.Currency != "EUR" || got.CreatedAt != 1700000000 || len(got.Products) != 1 || got.Products[0].Name != "Bread" || got.Products[0].Price != "2500" || got.Products[0].Quantity != 2 {
		t.Errorf("order %+v", got)
	}
	text := "false_15550000002@c.us_" + r.Say(bob, "no order")
	for _, method := range []string{"Message.getOrder", "Message.getPayment"} {
		if got := r.Raw(method, text); got != "null" {
			t.Errorf("%s of a text: %s", method, got)
		}
	}
	request, err := bob.Phone().SendMessage(r.Ctx, r.Me.PN(), &waE2E.Message{RequestPaymentMessage: &waE2E.RequestPaymentMessage{
		CurrencyCodeIso4217: proto.String("INR"), Amount1000: proto.Uint64(99000), NoteMessage: &waE2E.Message{Conversation: proto.String("lunch")},
	}})
	if err != nil {
		t.Fatal(err)
	}
	await(r, "request", func(m *events.Message) bool { return m.Info.ID == request })
	if p := ask[payment](r, "Message.getPayment", "false_15550000002@c.us_"+request); p.Currency != "INR" || p.Amount != 99000 || p.Note != "lunch" || p.ID.ID != request {
		t.Errorf("payment %+v", p)
	}

	r.Me.SetCatalogue(wasim.Product{ID: "p1", Name: "Bread"}, wasim.Product{ID: "p2", Name: "Roll"}, wasim.Product{ID: "p3", RetailerID: "sku-3", Name: "Cake", Description: "With cherries"})
	if p := ask[productMetadata](r, "Product.getData", "p3"); p != (productMetadata{ID: "p3", RetailerID: "sku-3", Name: "Cake", Description: "With cherries"}) {
		t.Errorf("product %+v", p)
	}
	if got := r.Raw("Product.getData", map[string]any{"id": "p9", "name": "?"}); got != "null" {
		t.Errorf("a product that is not there: %s", got)
	}
}
