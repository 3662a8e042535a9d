package main

import (
	"github.com/tidwall/gjson"
)

var channelCases = map[string]check{
	"createChannel": {otherSide, func(w *world) {
		id, name := w.channel(w.a)
		want(w.info(w.b, id, w.a).Get("name").String() == name, "the other side finds another")
	}},
	"getChannels": {answered, func(w *world) {
		id, _ := w.channel(w.a)
		want(w.mine(w.a, id).Get("channelMetadata.membershipType").String() == "owner", "not among the own ones")
	}},
	"getChannelByInviteCode": {answered, func(w *world) {
		id, _ := w.channel(w.a)
		want(w.info(w.b, id, w.a).Get("id._serialized").String() == id &&
			w.b.call("getChannelByInviteCode", "nosuchcodeatall").Type == gjson.Null, "wrong")
	}},
	"subscribeToChannel": {otherSide, func(w *world) {
		id, _ := w.channel(w.a)
		want(w.b.call("subscribeToChannel", id).Bool(), "false")
		w.role(w.a, id, w.b, "subscriber")
	}},
	"unsubscribeFromChannel": {otherSide, func(w *world) {
		id, _ := w.channel(w.a)
		w.b.call("subscribeToChannel", id)
		want(w.b.call("unsubscribeFromChannel", id).Bool(), "false")
		w.role(w.a, id, w.b, "")
	}},
	"searchChannels": {answered, func(w *world) {
		id, name := w.channel(w.a)
		want(w.b.call("searchChannels", map[string]any{"searchText": name}).Get("0.id._serialized").String() == id,
			"not found")
	}},
	"sendChannelAdminInvite": {otherSide, func(w *world) {
		id, _ := w.channel(w.a)
		want(w.a.call("sendChannelAdminInvite", w.b.wid(), id, map[string]any{"comment": "please"}).Bool(), "false")
		want(w.b.call("acceptChannelAdminInvite", id).Bool(), "it cannot be accepted")
	}},
	"Channel.sendChannelAdminInvite": {otherSide, func(w *world) {
		id, _ := w.channel(w.a)
		want(w.a.call("Channel.sendChannelAdminInvite", id, w.b.wid()).Bool(), "false")
		want(w.b.call("acceptChannelAdminInvite", id).Bool(), "it cannot be accepted")
	}},
	"acceptChannelAdminInvite":         {otherSide, accept("acceptChannelAdminInvite")},
	"Channel.acceptChannelAdminInvite": {otherSide, accept("Channel.acceptChannelAdminInvite")},
	"revokeChannelAdminInvite":         {otherSide, revoke("revokeChannelAdminInvite")},
	"Channel.revokeChannelAdminInvite": {otherSide, revoke("Channel.revokeChannelAdminInvite")},
	"demoteChannelAdmin":               {otherSide, demote("demoteChannelAdmin")},
	"Channel.demoteChannelAdmin":       {otherSide, demote("Channel.demoteChannelAdmin")},
	"transferChannelOwnership":         {otherSide, transfer("transferChannelOwnership")},
	"Channel.transferChannelOwnership": {otherSide, transfer("Channel.transferChannelOwnership")},
	"deleteChannel":                    {otherSide, remove("deleteChannel")},
	"Channel.deleteChannel":            {otherSide, remove("Channel.deleteChannel")},
	"Channel.sendMessage": {otherSide, func(w *world) {
		id, _ := w.channel(w.a)
		w.b.call("subscribeToChannel", id)
		body := w.next("news")
		w.a.call("Channel.sendMessage", id, body)
		w.event(w.b, "message", func(d gjson.Result) bool {
			return d.Get("body").String() == body &&
				d.Get("from").String() == id
		})
	}},
	"Channel.sendSeen": {answered, func(w *world) {
		id, _ := w.channel(w.a)
		w.a.call("Channel.sendMessage", id, w.next("news"))
		w.b.call("subscribeToChannel", id)
		want(w.b.call("Channel.sendSeen", id).Bool(), "false")
	}},
	"Channel.fetchMessages": {otherSide, func(w *world) {
		id, _ := w.channel(w.a)
		body := w.next("news")
		w.a.call("Channel.sendMessage", id, body)
		want(w.b.call("Channel.fetchMessages", id).Get("0.body").String() == body, "not there")
	}},
	"Channel.getSubscribers": {answered, func(w *world) {
		id, _ := w.channel(w.a)
		w.b.call("subscribeToChannel", id)
		w.role(w.a, id, w.b, "subscriber")
	}},
	"Channel.setSubject": {otherSide, update("Channel.setSubject", "News 2",
		func(c gjson.Result) bool { return c.Get("name").String() == "News 2" })},
	"Channel.setDescription": {otherSide, update("Channel.setDescription", "About 2",
		func(c gjson.Result) bool { return c.Get("description").String() == "About 2" })},
	"Channel.setProfilePicture": {otherSide, update("Channel.setProfilePicture", picture,
		func(c gjson.Result) bool { return c.Get("channelMetadata.pictureUrl").String() != "" })},
	"Channel.setReactionSetting": {otherSide, update("Channel.setReactionSetting", 1,
		func(c gjson.Result) bool { return c.Get("channelMetadata.reactionCodesSetting").String() == "basic" })},
	"Channel.mute": {readBack, func(w *world) {
		id, _ := w.channel(w.a)
		want(w.a.call("Channel.mute", id).Bool(), "false")
		want(w.mine(w.a, id).Get("isMuted").Bool(), "not muted")
	}},
	"Channel.unmute": {readBack, func(w *world) {
		id, _ := w.channel(w.a)
		w.a.call("Channel.mute", id)
		want(w.a.call("Channel.unmute", id).Bool(), "false")
		want(!w.mine(w.a, id).Get("isMuted").Bool(), "muted")
	}},
}

func (w *world) channel(by *account) (id, name string) {
	name = w.next("news")
	return by.call("createChannel", name, map[string]any{"description": "about"}).Get("nid._serialized").String(), name
}

// mine is a channel among an account's own and followed ones.
func (w *world) mine(of *account, id string) gjson.Result {
	for _, c := range of.call("getChannels").Array() {
		if c.Get("id._serialized").String() == id {
			return c
		}
	}
	return gjson.Result{}
}

// info is a channel as somebody sees it by its link.
func (w *world) info(seenBy *account, id string, owner *account) gjson.Result {
	return seenBy.call("getChannelByInviteCode", w.mine(owner, id).Get("channelMetadata.inviteLink").String())
}

// role demands what somebody is in a channel, as its owner sees it.
func (w *world) role(owner *account, id string, who *account, role string) {
	got := ""
	for _, s := range owner.call("Channel.getSubscribers", id).Array() {
		if s.Get("contact.id._serialized").String() == who.wid() {
			got = s.Get("role").String()
		}
	}
	want(got == role, "%q, not %q", got, role)
}

func accept(method string) func(w *world) {
	return func(w *world) {
		id, _ := w.channel(w.a)
		want(!w.b.call(method, id).Bool(), "became an admin without an invitation")
		w.a.call("sendChannelAdminInvite", w.b.wid(), id)
		want(w.b.call(method, id).Bool(), "false")
		w.role(w.a, id, w.b, "admin")
	}
}

func revoke(method string) func(w *world) {
	return func(w *world) {
		id, _ := w.channel(w.a)
		w.a.call("sendChannelAdminInvite", w.b.wid(), id)
		want(w.a.call(method, id, w.b.wid()).Bool(), "false")
		want(!w.b.call("acceptChannelAdminInvite", id).Bool(), "it can still be accepted")
	}
}

// administered is a channel of Alice's with Bob as an admin.
func (w *world) administered() string {
	id, _ := w.channel(w.a)
	w.a.call("sendChannelAdminInvite", w.b.wid(), id)
	w.b.call("acceptChannelAdminInvite", id)
	return id
}

func demote(method string) func(w *world) {
	return func(w *world) {
		id := w.administered()
		want(w.a.call(method, id, w.b.wid()).Bool(), "false")
		w.role(w.a, id, w.b, "subscriber")
	}
}

func transfer(method string) func(w *world) {
	return func(w *world) {
		id := w.administered()
		want(w.a.call(method, id, w.b.wid(), map[string]any{"shouldDismissSelfAsAdmin": true}).Bool(), "false")
		w.role(w.b, id, w.b, "owner")
		w.role(w.b, id, w.a, "subscriber")
	}
}

func remove(method string) func(w *world) {
	return func(w *world) {
		id, name := w.channel(w.a)
		want(!w.b.call(method, id).Bool(), "somebody else's was deleted")
		want(w.a.call(method, id).Bool(), "false")
		want(len(w.b.call("searchChannels", map[string]any{"searchText": name}).Array()) == 0, "it can still be found")
	}
}

func update(method string, value any, ok func(gjson.Result) bool) func(w *world) {
	return func(w *world) {
		id, _ := w.channel(w.a)
		want(w.a.call(method, id, value).Bool(), "false")
		want(ok(w.info(w.b, id, w.a)), "the other side finds it as it was")
	}
}
