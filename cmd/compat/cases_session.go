package main

import (
	"errors"
	"net/http"
	"strings"

	"github.com/tidwall/gjson"
)

var sessionCases = map[string]check{
	"initialize": {readBack, func(w *world) {
		x := w.fresh()
		x.call("destroy")
		w.status(x, "stopped")
		x.call("initialize")
		w.status(x, "qr_pending")
	}},
	"destroy": {readBack, func(w *world) {
		x := w.fresh()
		x.call("destroy")
		w.status(x, "stopped")
	}},
	"requestPairingCode": {standIn, func(w *world) {
		x := w.fresh()
		code := x.call("requestPairingCode", x.number).String()
		want(len(code) == 8, "code %q", code)
		w.steer("POST", "/accounts/"+x.number+"/code", map[string]any{"code": code[:4] + "-" + code[4:]})
		w.status(x, "ready")
		x.call("destroy")
	}},
	"cancelPairingCode": {standIn, func(w *world) {
		x := w.fresh()
		code := x.call("requestPairingCode", x.number).String()
		x.call("cancelPairingCode")
		err := guard(func() {
			w.steer("POST", "/accounts/"+x.number+"/code", map[string]any{"code": code[:4] + "-" + code[4:]})
		})
		want(err != nil, "a cancelled code paired")
		x.call("destroy")
	}},
	"setDeviceName": {answered, func(w *world) {
		x := w.fresh()
		x.call("setDeviceName", "Bakery", "Firefox")
		_, err := w.a.try("setDeviceName", "Later")
		var refused *refusal
		want(errors.As(err, &refused) && refused.status == http.StatusConflict, "a paired device was renamed: %v", err)
		x.call("destroy")
	}},
	"logout": {standIn, func(w *world) {
		x, err := w.join("Shortlived")
		want(err == nil, "pair: %v", err)
		x.call("logout")
		w.until("no device is linked", func() bool {
			return len(w.steer("GET", "/accounts/"+x.number+"/devices", nil).Get("devices").Array()) == 0
		})
		x.call("destroy")
	}},
	"resetState": {standIn, func(w *world) {
		connection := func() int64 {
			return w.steer("GET", "/accounts/"+w.c.number+"/devices", nil).Get("devices.0.connection").Int()
		}
		before := connection()
		w.c.call("resetState")
		w.until("another connection", func() bool { return connection() > before })
		w.until("connected again", func() bool {
			s, err := w.c.try("getState")
			return err == nil &&
				s.String() == "CONNECTED"
		})
	}},
	"getState": {answered, func(w *world) { want(w.a.call("getState").String() == "CONNECTED", "not connected") }},
	"getWWebVersion": {answered, func(w *world) {
		want(strings.HasPrefix(w.a.call("getWWebVersion").String(), "2.3000."), "no version")
	}},
	"info": {answered, func(w *world) {
		i := w.a.call("info")
		want(i.Get("wid._serialized").String() == w.a.wid() && i.Get("pushname").String() != "", "%s", i.Raw)
	}},
	"on": {readBack, func(w *world) {
		hook := w.a.call("on", "message", "https://example.org/hook")
		want(strings.HasPrefix(hook.Get("secret").String(), "whsec_"), "%s", hook.Raw)
		answer, err := w.stack.Client.Do(w.ctx, http.MethodGet, "/api/instances/"+w.a.id+"/webhooks", nil)
		want(err == nil && strings.Contains(string(answer.Body), "https://example.org/hook"), "no webhook: %v", err)
		_, err = w.stack.Client.Do(w.ctx, http.MethodDelete, "/api/webhooks/"+hook.Get("id").String(), nil)
		want(err == nil, "%v", err)
	}},
	"sendPresenceAvailable":   {otherSide, func(w *world) { presence(w, "sendPresenceAvailable", false) }},
	"sendPresenceUnavailable": {otherSide, func(w *world) { presence(w, "sendPresenceUnavailable", true) }},
	"setStatus": {otherSide, func(w *world) {
		text := w.next("about")
		w.a.call("setStatus", text)
		w.until("the contact reads it", func() bool { return w.b.call("Contact.getAbout", w.a.wid()).String() == text })
	}},
	"setDisplayName": {otherSide, func(w *world) {
		name := w.next("Alice")
		want(w.a.call("setDisplayName", name).Bool(), "false")
		w.until("the contact sees it", func() bool {
			w.say(w.a, w.b)
			return w.b.call("getContactById", w.a.wid()).Get("pushname").String() == name
		})
	}},
	"setProfilePicture": {otherSide, func(w *world) {
		want(w.a.call("setProfilePicture", picture).Bool(), "false")
		w.until("the contact finds it", func() bool { return w.b.call("getProfilePicUrl", w.a.wid()).String() != "" })
	}},
	"deleteProfilePicture": {otherSide, func(w *world) {
		w.a.call("setProfilePicture", picture)
		want(w.a.call("deleteProfilePicture").Bool(), "false")
		w.until("the contact finds none", func() bool { return w.b.call("getProfilePicUrl", w.a.wid()).Type == gjson.Null })
	}},
	"setAutoDownloadAudio":     {answered, kept("setAutoDownloadAudio", "null")},
	"setAutoDownloadDocuments": {answered, kept("setAutoDownloadDocuments", "null")},
	"setAutoDownloadPhotos":    {answered, kept("setAutoDownloadPhotos", "null")},
	"setAutoDownloadVideos":    {answered, kept("setAutoDownloadVideos", "null")},
	"setBackgroundSync":        {answered, kept("setBackgroundSync", "true")},
}

// kept switches something that is kept and changes nothing else here.
func kept(name, answer string) func(w *world) {
	return func(w *world) {
		got := w.a.call(name, true)
		want(got.Raw == answer, "answered %s", got.Raw)
		_, err := w.a.try(name, "yes")
		var refused *refusal
		want(errors.As(err, &refused) && refused.status == http.StatusBadRequest, "a text was taken for a flag: %v", err)
	}
}

// presence: whether the other side is told.
func presence(w *world, method string, gone bool) {
	w.b.call("whatsmeow.SubscribePresence", w.a.wid())
	opposite := "sendPresenceAvailable"
	if !gone {
		opposite = "sendPresenceUnavailable"
	}
	w.a.call(opposite)
	w.a.call(method)
	// WhatsApp does not confirm a presence; it is shown when it has arrived.
	w.until("the stand-in shows it", func() bool {
		return w.steer("GET", "/accounts/"+w.a.number, nil).Get("online").Bool() != gone
	})
}

// fresh is an unpaired instance that shows codes.
func (w *world) fresh() *account {
	w.made++
	x := &account{w: w, number: "1555029" + strings.TrimPrefix(w.next("000"), "000 ")}
	for len(x.number) < 11 {
		x.number += "0"
	}
	w.steer("POST", "/accounts", map[string]any{"number": x.number, "name": "Fresh"})
	var err error
	x.id, x.key, err = w.stack.Client.Create(w.ctx, "fresh")
	want(err == nil, "create: %v", err)
	want(w.stack.Client.Start(w.ctx, x.id) == nil, "start")
	w.status(x, "qr_pending")
	return x
}

func (w *world) status(of *account, status string) {
	w.until("status "+status, func() bool {
		in, err := w.stack.Client.Instance(w.ctx, of.id)
		return err == nil && in.Status == status
	})
}
