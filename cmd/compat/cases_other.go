package main

import (
	"strings"

	"github.com/tidwall/gjson"
)

var otherCases = map[string]check{
	"Call.reject": {standIn, func(w *world) {
		id := w.steer("POST", "/accounts/"+w.b.number+"/ring", map[string]any{
			"to":    w.a.number,
			"video": true,
		}).Get("id").String()
		ringing := w.event(w.a, "call", func(d gjson.Result) bool { return d.Get("id").String() == id })
		want(ringing.Get("isVideo").Bool() && ringing.Get("from").String() == w.b.wid(), "%s", ringing.Raw)
		w.a.call("Call.reject", ringing.Value())
		w.until("the caller hears it", func() bool {
			for _, s := range w.steer("GET", "/accounts/"+w.b.number, nil).Get("calls").Array() {
				if s.Get("id").String() == id && s.Get("kind").String() == "reject" {
					return true
				}
			}
			return false
		})
	}},
	"createCallLink": {standIn, func(w *world) {
		link := w.a.call("createCallLink", soon, "voice").String()
		token, ok := strings.CutPrefix(link, "https://call.whatsapp.com/voice/")
		want(ok, "%s", link)
		links := w.steer("GET", "/accounts/"+w.a.number, nil).Get("links").Array()
		want(len(links) > 0 && links[len(links)-1].Get("token").String() == token &&
			links[len(links)-1].Get("media").String() == "audio", "%v", links)
	}},
	"Product.getData": {standIn, func(w *world) {
		w.steer("POST", "/accounts/"+w.a.number+"/shop", map[string]any{"products": []any{map[string]any{
			"ID":   "p1",
			"Name": "Bread",
		}, map[string]any{"ID": "p2"}, map[string]any{
			"ID": "p3", "RetailerID": "sku",
			"Name": "Cake", "Description": "Cherries",
		}}})
		p := w.a.call("Product.getData", "p3")
		want(p.Get("name").String() == "Cake" && p.Get("retailer_id").String() == "sku" &&
			p.Get("description").String() == "Cherries", "%s", p.Raw)
		want(w.a.call("Product.getData", "nothing").Type == gjson.Null, "a product that is not there")
	}},
}
