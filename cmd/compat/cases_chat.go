package main

import (
	"time"

	"github.com/tidwall/gjson"
)

var chatCases = map[string]check{
	"getChats": {answered, func(w *world) {
		found := false
		for _, c := range w.a.call("getChats").Array() {
			found = found || c.Get("id._serialized").String() == w.b.wid() && c.Get("lastMessage").Exists()
		}
		want(found, "the chat with Bob is not there")
	}},
	"getChatById": {answered, func(w *world) {
		c := w.a.call("getChatById", w.group)
		want(c.Get("isGroup").Bool() && len(c.Get("groupMetadata.participants").Array()) == 3, "%s", c.Raw)
	}},
	"sendSeen":         {otherSide, seen("sendSeen")},
	"Chat.sendSeen":    {otherSide, seen("Chat.sendSeen")},
	"archiveChat":      {feed, state("archiveChat", "archived", true)},
	"unarchiveChat":    {feed, state("unarchiveChat", "archived", false)},
	"Chat.archive":     {feed, state("Chat.archive", "archived", true)},
	"Chat.unarchive":   {feed, state("Chat.unarchive", "archived", false)},
	"pinChat":          {readBack, state("pinChat", "pinned", true)},
	"unpinChat":        {readBack, state("unpinChat", "pinned", false)},
	"Chat.pin":         {readBack, state("Chat.pin", "pinned", true)},
	"Chat.unpin":       {readBack, state("Chat.unpin", "pinned", false)},
	"muteChat":         {readBack, state("muteChat", "isMuted", true)},
	"unmuteChat":       {readBack, state("unmuteChat", "isMuted", false)},
	"Chat.mute":        {readBack, state("Chat.mute", "isMuted", true)},
	"Chat.unmute":      {readBack, state("Chat.unmute", "isMuted", false)},
	"markChatUnread":   {readBack, unread("markChatUnread")},
	"Chat.markUnread":  {readBack, unread("Chat.markUnread")},
	"syncHistory":      {answered, history("syncHistory")},
	"Chat.syncHistory": {answered, history("Chat.syncHistory")},
	"getLabels": {answered, func(w *world) {
		label := w.label()
		want(hasID(w.a.call("getLabels"), label),
			"no label")
	}},
	"getLabelById": {answered, func(w *world) {
		label := w.label()
		want(w.a.call("getLabelById", label).Get("id").String() == label, "no label")
	}},
	"addOrRemoveLabels": {readBack, func(w *world) {
		label := w.label()
		w.a.call("addOrRemoveLabels", []string{label}, []string{w.b.wid()})
		w.until("the chat has it", func() bool { return hasID(w.a.call("getChatLabels", w.b.wid()), label) })
		w.a.call("addOrRemoveLabels", []string{}, []string{w.b.wid()})
		w.until("the chat has none", func() bool { return len(w.a.call("getChatLabels", w.b.wid()).Array()) == 0 })
	}},
	"Chat.changeLabels": {readBack, func(w *world) {
		label := w.label()
		w.a.call("Chat.changeLabels", w.b.wid(), []string{label})
		w.until("the chat has it", func() bool { return hasID(w.a.call("Chat.getLabels", w.b.wid()), label) })
		w.a.call("Chat.changeLabels", w.b.wid(), []string{})
	}},
	"getChatLabels": {readBack, labelled(func(w *world,
		label string,
	) bool {
		return hasID(w.a.call("getChatLabels", w.b.wid()), label)
	})},
	"Chat.getLabels": {readBack, labelled(func(w *world,
		label string,
	) bool {
		return hasID(w.a.call("Chat.getLabels", w.b.wid()), label)
	})},
	"getChatsByLabelId": {readBack, labelled(func(w *world, label string) bool {
		return w.a.call("getChatsByLabelId", label).Get("0.id._serialized").String() == w.b.wid()
	})},
	"Label.getChats": {readBack, labelled(func(w *world, label string) bool {
		return w.a.call("Label.getChats", label).Get("0.id._serialized").String() == w.b.wid()
	})},
	"addOrEditCustomerNote":      {readBack, note("addOrEditCustomerNote", "getCustomerNote")},
	"getCustomerNote":            {readBack, note("addOrEditCustomerNote", "getCustomerNote")},
	"Chat.addOrEditCustomerNote": {readBack, note("Chat.addOrEditCustomerNote", "Chat.getCustomerNote")},
	"Chat.getCustomerNote":       {readBack, note("Chat.addOrEditCustomerNote", "Chat.getCustomerNote")},
	"Chat.clearMessages": {readBack, func(w *world) {
		w.say(w.c, w.a)
		want(w.a.call("Chat.clearMessages", w.c.wid()).Bool(), "false")
		w.until("no messages", func() bool { return len(w.a.call("Chat.fetchMessages", w.c.wid()).Array()) == 0 })
	}},
	"Chat.delete": {feed, func(w *world) {
		w.say(w.c, w.a)
		want(w.a.call("Chat.delete", w.c.wid()).Bool(), "false")
		w.event(w.a, "chat_removed", func(d gjson.Result) bool { return d.Get("id._serialized").String() == w.c.wid() })
		w.say(w.a, w.c)
	}},
	"Chat.fetchMessages": {answered, func(w *world) {
		_, got, body := w.say(w.b, w.a)
		list := w.a.call("Chat.fetchMessages", w.b.wid(), map[string]any{"limit": 1, "fromMe": false}).Array()
		want(len(list) == 1 && list[0].Get("body").String() == body &&
			list[0].Get("id._serialized").String() == got, "%v", list)
	}},
	"Chat.sendStateTyping":    {standIn, typing("Chat.sendStateTyping", "composing")},
	"Chat.sendStateRecording": {standIn, typing("Chat.sendStateRecording", "recording")},
	"Chat.clearState":         {standIn, typing("Chat.clearState", "paused")},
	"Chat.getContact": {answered, func(w *world) {
		want(w.a.call("Chat.getContact", w.b.wid()).Get("id._serialized").String() == w.b.wid(), "another contact")
	}},
	"Chat.sendMessage": {otherSide, func(w *world) {
		body := w.next("text")
		w.a.call("Chat.sendMessage", w.b.wid(), body)
		w.arrived(w.b, w.a.wid(), body)
	}},
	"getPinnedMessages":      {readBack, pinned("getPinnedMessages")},
	"Chat.getPinnedMessages": {readBack, pinned("Chat.getPinnedMessages")},
}

func hasID(list gjson.Result, id string) bool {
	for _, item := range list.Array() {
		if item.Get("id").String() == id {
			return true
		}
	}
	return false
}

func seen(method string) func(w *world) {
	return func(w *world) {
		sent, _, _ := w.say(w.b, w.a)
		want(w.a.call(method, w.b.wid()).Bool(), "false")
		w.event(w.b, "message_ack", func(d gjson.Result) bool {
			return d.Get("id._serialized").String() == sent &&
				d.Get("ack").Int() >= 3
		})
	}
}

// state switches something of a chat, after its opposite.
func state(method, field string, on bool) func(w *world) {
	opposite := map[string]string{
		"archiveChat": "unarchiveChat", "unarchiveChat": "archiveChat", "Chat.archive": "Chat.unarchive",
		"Chat.unarchive": "Chat.archive",
		"pinChat":        "unpinChat", "unpinChat": "pinChat", "Chat.pin": "Chat.unpin", "Chat.unpin": "Chat.pin",
		"muteChat": "unmuteChat", "unmuteChat": "muteChat", "Chat.mute": "Chat.unmute", "Chat.unmute": "Chat.mute",
	}[method]
	return func(w *world) {
		w.a.call(opposite, w.b.wid())
		w.until("the opposite first", func() bool { return w.a.call("getChatById", w.b.wid()).Get(field).Bool() != on })
		w.a.call(method, w.b.wid())
		w.until("the chat is so", func() bool { return w.a.call("getChatById", w.b.wid()).Get(field).Bool() == on })
		if field == "archived" {
			w.event(w.a, "chat_archived", func(d gjson.Result) bool {
				return d.Get("id._serialized").String() == w.b.wid() && d.Get("archived").Bool() == on
			})
		}
		w.a.call("Chat.unarchive", w.b.wid())
		w.a.call("Chat.unpin", w.b.wid())
		w.a.call("Chat.unmute", w.b.wid())
	}
}

func unread(method string) func(w *world) {
	return func(w *world) {
		w.a.call("sendSeen", w.b.wid())
		w.a.call(method, w.b.wid())
		w.until("the mark", func() bool { return w.a.call("getChatById", w.b.wid()).Get("unreadCount").Int() == -1 })
		w.a.call("sendSeen", w.b.wid())
	}
}

func history(method string) func(w *world) {
	return func(w *world) {
		want(w.a.call(method, "15550300001@c.us").Bool(), "nothing was asked of the phone")
		want(!w.a.call(method, "15550999999@c.us").Bool(), "a chat without messages was asked for")
	}
}

// label makes one the way a phone does, by the account's settings.
func (w *world) label() string {
	w.made++
	id := itoa(w.made)
	w.a.call("whatsmeow.SendAppState", map[string]any{"Type": "regular", "Mutations": []any{map[string]any{
		"Index": []string{"label_edit", id}, "Version": 3,
		"Value": map[string]any{"labelEditAction": map[string]any{"name": "label " + id, "color": 1, "deleted": false}},
	}}})
	w.until("the label", func() bool { return hasID(w.a.call("getLabels"), id) })
	return id
}

func labelled(has func(w *world, label string) bool) func(w *world) {
	return func(w *world) {
		label := w.label()
		w.a.call("addOrRemoveLabels", []string{label}, []string{w.b.wid()})
		w.until("the label is there", func() bool { return has(w, label) })
		w.a.call("addOrRemoveLabels", []string{}, []string{w.b.wid()})
	}
}

func note(set, get string) func(w *world) {
	return func(w *world) {
		text := w.next("note")
		w.a.call(set, w.b.wid(), text)
		w.until("the note", func() bool { return w.a.call(get, w.b.wid()).Get("content").String() == text })
	}
}

func typing(method, kind string) func(w *world) {
	return func(w *world) {
		want(w.a.call(method, w.b.wid()).Bool(), "false")
		w.until("the stand-in passed it on", func() bool {
			for _, t := range w.steer("GET", "/accounts/"+w.b.number, nil).Get("typing").Array() {
				if t.Get("state").String() == kind || kind == "recording" && t.Get("media").String() == "audio" {
					return true
				}
			}
			return false
		})
	}
}

func pinned(method string) func(w *world) {
	return func(w *world) {
		sent, _, body := w.say(w.a, w.b)
		w.a.call("Message.pin", sent, 86400)
		want(w.a.call(method, w.b.wid()).Get("0.body").String() == body, "not among the pinned ones")
		w.a.call("Message.unpin", sent)
		for _, m := range w.a.call(method, w.b.wid()).Array() {
			want(m.Get("body").String() != body, "still pinned")
		}
	}
}

var soon = time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)
