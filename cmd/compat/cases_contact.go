package main

import (
	"github.com/tidwall/gjson"
)

var contactCases = map[string]check{
	"getContacts": {answered, func(w *world) {
		found := false
		for _, c := range w.a.call("getContacts").Array() {
			found = found || c.Get("id._serialized").String() == w.b.wid()
		}
		want(found, "Bob is not there")
	}},
	"getContactById": {answered, func(w *world) {
		c := w.a.call("getContactById", w.b.wid())
		want(c.Get("number").String() == w.b.number && c.Get("isUser").Bool(), "%s", c.Raw)
	}},
	"getBlockedContacts": {readBack, func(w *world) {
		w.a.call("Contact.block", w.c.wid())
		want(w.blocked(w.c), "not listed")
		w.a.call("Contact.unblock", w.c.wid())
		want(!w.blocked(w.c), "still listed")
	}},
	"Contact.block": {readBack, func(w *world) {
		want(w.a.call("Contact.block", w.c.wid()).Bool(), "false")
		want(w.blocked(w.c), "not blocked")
		w.a.call("Contact.unblock", w.c.wid())
	}},
	"Contact.unblock": {readBack, func(w *world) {
		w.a.call("Contact.block", w.c.wid())
		want(w.a.call("Contact.unblock", w.c.wid()).Bool(), "false")
		want(!w.blocked(w.c), "still blocked")
	}},
	"getProfilePicUrl":         {answered, pictureOf("getProfilePicUrl")},
	"Contact.getProfilePicUrl": {answered, pictureOf("Contact.getProfilePicUrl")},
	"getCommonGroups":          {answered, common("getCommonGroups")},
	"Contact.getCommonGroups":  {answered, common("Contact.getCommonGroups")},
	"isRegisteredUser": {answered, func(w *world) {
		want(w.a.call("isRegisteredUser", w.b.wid()).Bool() && !w.a.call("isRegisteredUser", "15550999999").Bool(), "wrong")
	}},
	"getNumberId": {answered, func(w *world) {
		want(w.a.call("getNumberId", w.b.number).Get("_serialized").String() == w.b.wid() &&
			w.a.call("getNumberId", "15550999999").Type == gjson.Null, "wrong")
	}},
	"getFormattedNumber": {answered, func(w *world) {
		want(w.a.call("getFormattedNumber", "4915123456789").String() == "+49 1512 3456789", "wrong")
	}},
	"Contact.getFormattedNumber": {answered, func(w *world) {
		want(w.a.call("Contact.getFormattedNumber", "12025550123@c.us").String() == "+1 (202) 555-0123", "wrong")
	}},
	"getCountryCode": {answered, func(w *world) {
		want(w.a.call("getCountryCode",
			"4915123456789").String() == "49", "wrong")
	}},
	"Contact.getCountryCode": {answered, func(w *world) {
		want(w.a.call("Contact.getCountryCode",
			"12025550123@c.us").String() == "1", "wrong")
	}},
	"getContactDeviceCount": {answered, func(w *world) {
		want(w.a.call("getContactDeviceCount", w.b.wid()).Int() == 2, "not a phone and a linked device")
	}},
	"getContactLidAndPhone": {answered, func(w *world) {
		x := w.a.call("getContactLidAndPhone", []string{w.b.wid()}).Get("0")
		want(x.Get("pn").String() == w.b.wid() && x.Get("lid").String() != "", "%s", x.Raw)
	}},
	"saveOrEditAddressbookContact": {readBack, func(w *world) {
		name := w.next("Robert")
		w.a.call("saveOrEditAddressbookContact", w.b.number, name, "")
		w.until("the name", func() bool {
			c := w.a.call("getContactById", w.b.wid())
			return c.Get("name").String() == name && c.Get("isMyContact").Bool()
		})
	}},
	"deleteAddressbookContact": {readBack, func(w *world) {
		w.a.call("saveOrEditAddressbookContact", w.c.number, "Caroline", "")
		w.a.call("deleteAddressbookContact", w.c.number)
		w.until("no name", func() bool { return !w.a.call("getContactById", w.c.wid()).Get("isMyContact").Bool() })
	}},
	"Contact.getChat": {answered, func(w *world) {
		want(w.a.call("Contact.getChat", w.b.wid()).Get("id._serialized").String() == w.b.wid(), "another chat")
	}},
	"Contact.getAbout": {otherSide, func(w *world) {
		text := w.next("about")
		w.b.call("setStatus", text)
		w.until("the text", func() bool { return w.a.call("Contact.getAbout", w.b.wid()).String() == text })
	}},
	"getBroadcasts": {otherSide, func(w *world) {
		id := w.status1()
		found := false
		for _, b := range w.a.call("getBroadcasts").Array() {
			for _, m := range b.Get("msgs").Array() {
				found = found || m.Get("id.id").String() == id
			}
		}
		want(found, "the status is not there")
	}},
	"getBroadcastById":     {otherSide, broadcast("getBroadcastById")},
	"Contact.getBroadcast": {otherSide, broadcast("Contact.getBroadcast")},
	"Broadcast.getChat": {answered, func(w *world) {
		w.status1()
		want(w.a.call("Broadcast.getChat", w.b.wid()).Get("id._serialized").String() == w.b.wid(), "another chat")
	}},
	"Broadcast.getContact": {answered, func(w *world) {
		w.status1()
		want(w.a.call("Broadcast.getContact", w.b.wid()).Get("number").String() == w.b.number, "another contact")
	}},
}

func (w *world) blocked(who *account) bool {
	for _, c := range w.a.call("getBlockedContacts").Array() {
		if c.Get("id._serialized").String() == who.wid() {
			return true
		}
	}
	return false
}

func pictureOf(method string) func(w *world) {
	return func(w *world) {
		w.b.call("setProfilePicture", picture)
		w.until("an address", func() bool { return w.a.call(method, w.b.wid()).String() != "" })
		w.b.call("deleteProfilePicture")
		w.until("none", func() bool { return w.a.call(method, w.b.wid()).Type == gjson.Null })
	}
}

func common(method string) func(w *world) {
	return func(w *world) {
		found := false
		for _, g := range w.a.call(method, w.b.wid()).Array() {
			found = found || g.Get("_serialized").String() == w.group
		}
		want(found, "the common group is not there")
		want(len(w.a.call(method, "15550300001@c.us").Array()) == 0, "groups with somebody who is in none")
	}
}

// status1 lets Bob post a status and waits until Alice has it.
func (w *world) status1() string {
	body := w.next("status")
	id := w.b.call("sendMessage", "status@broadcast", body).Get("id.id").String()
	w.arrived(w.a, "status@broadcast", body)
	return id
}

func broadcast(method string) func(w *world) {
	return func(w *world) {
		id := w.status1()
		b := w.a.call(method, w.b.wid())
		msgs := b.Get("msgs").Array()
		want(len(msgs) > 0 && msgs[len(msgs)-1].Get("id.id").String() == id &&
			b.Get("totalCount").Int() == int64(len(msgs)), "%s", b.Raw)
	}
}
