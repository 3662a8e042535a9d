package main

import (
	"slices"
	"strings"

	"github.com/tidwall/gjson"
)

var groupCases = map[string]check{
	"createGroup": {otherSide, func(w *world) {
		id := w.makeGroup(w.a, w.b)
		w.member(id, w.b, true)
		shy := w.a.call("createGroup", w.next("group"), []string{"15550999999@c.us"})
		want(shy.Get(`participants.15550999999@c\.us.statusCode`).Int() == 404, "%s", shy.Raw)
	}},
	"getInviteInfo": {answered, func(w *world) {
		id := w.makeGroup(w.b)
		info := w.a.call("getInviteInfo", w.b.call("GroupChat.getInviteCode", id).String())
		want(info.Get("id._serialized").String() == id && len(info.Get("participants").Array()) == 1, "%s", info.Raw)
	}},
	"acceptInvite": {otherSide, func(w *world) {
		id := w.makeGroup(w.b)
		want(w.a.call("acceptInvite", w.b.call("GroupChat.getInviteCode", id).String()).String() == id, "another group")
		w.member(id, w.a, true)
	}},
	"acceptGroupV4Invite": {otherSide, func(w *world) {
		id, invitation := w.invitation()
		want(w.a.call("acceptGroupV4Invite", invitation.Get("inviteV4").Value()).Get("status").Int() == 200, "no status 200")
		w.member(id, w.a, true)
	}},
	"getGroupMembershipRequests":               {standIn, waiting("getGroupMembershipRequests")},
	"GroupChat.getGroupMembershipRequests":     {standIn, waiting("GroupChat.getGroupMembershipRequests")},
	"approveGroupMembershipRequests":           {standIn, decide("approveGroupMembershipRequests", true)},
	"GroupChat.approveGroupMembershipRequests": {standIn, decide("GroupChat.approveGroupMembershipRequests", true)},
	"rejectGroupMembershipRequests":            {standIn, decide("rejectGroupMembershipRequests", false)},
	"GroupChat.rejectGroupMembershipRequests":  {standIn, decide("GroupChat.rejectGroupMembershipRequests", false)},
	"GroupChat.owner": {answered, func(w *world) {
		want(w.b.call("GroupChat.owner", w.group).Get("_serialized").String() == w.a.wid(), "another owner")
	}},
	"GroupChat.createdAt": {answered, func(w *world) {
		want(strings.HasSuffix(w.a.call("GroupChat.createdAt", w.group).String(), "Z"), "no date")
	}},
	"GroupChat.description": {otherSide, func(w *world) {
		text := w.next("description")
		w.a.call("GroupChat.setDescription", w.group, text)
		w.until("the text", func() bool { return w.b.call("GroupChat.description", w.group).String() == text })
	}},
	"GroupChat.participants": {answered, func(w *world) {
		want(len(w.b.call("GroupChat.participants",
			w.group).Array()) == 3, "not three")
	}},
	"GroupChat.addParticipants": {otherSide, func(w *world) {
		id := w.makeGroup(w.a, w.b)
		got := w.a.call("GroupChat.addParticipants", id, []string{w.c.wid(), w.b.wid()}).Map()
		want(got[w.c.wid()].Get("code").Int() == 200 && got[w.b.wid()].Get("code").Int() == 409, "%v", got)
		w.member(id, w.c, true)
	}},
	"GroupChat.removeParticipants": {otherSide, func(w *world) {
		id := w.makeGroup(w.a, w.b, w.c)
		want(w.a.call("GroupChat.removeParticipants", id, []string{w.c.wid()}).Get("status").Int() == 200, "no status 200")
		w.member(id, w.c, false)
		w.event(w.b, "group_leave", func(d gjson.Result) bool {
			return d.Get("chatId").String() == id && d.Get("recipientIds.0").String() == w.c.wid()
		})
	}},
	"GroupChat.promoteParticipants": {otherSide, func(w *world) {
		id := w.makeGroup(w.a, w.b)
		w.a.call("GroupChat.promoteParticipants", id, []string{w.b.wid()})
		w.meta(w.b, id, "an admin", admin(w.b, true))
	}},
	"GroupChat.demoteParticipants": {otherSide, func(w *world) {
		id := w.makeGroup(w.a, w.b)
		w.a.call("GroupChat.promoteParticipants", id, []string{w.b.wid()})
		w.meta(w.b, id, "an admin", admin(w.b, true))
		w.a.call("GroupChat.demoteParticipants", id, []string{w.b.wid()})
		w.meta(w.b, id, "none any more", admin(w.b, false))
	}},
	"GroupChat.setSubject": {otherSide, func(w *world) {
		name := w.next("renamed")
		want(w.a.call("GroupChat.setSubject", w.group, name).Bool(), "false")
		w.until("the other side has the name", func() bool {
			return w.b.call("getChatById",
				w.group).Get("name").String() == name
		})
	}},
	"GroupChat.setDescription": {otherSide, func(w *world) {
		text := w.next("description")
		want(w.a.call("GroupChat.setDescription", w.group, text).Bool(), "false")
		w.meta(w.b, w.group, "the text", func(m gjson.Result) bool { return m.Get("desc").String() == text })
		want(w.a.call("GroupChat.setDescription", w.group, "").Bool(), "false")
		w.meta(w.b, w.group, "no text", func(m gjson.Result) bool { return !m.Get("desc").Exists() })
	}},
	"GroupChat.setAddMembersAdminsOnly": {otherSide, groupSwitch("GroupChat.setAddMembersAdminsOnly",
		func(m gjson.Result) bool { return m.Get("memberAddMode").String() == "admin_add" })},
	"GroupChat.setMessagesAdminsOnly": {otherSide, groupSwitch("GroupChat.setMessagesAdminsOnly",
		func(m gjson.Result) bool { return m.Get("announce").Bool() })},
	"GroupChat.setInfoAdminsOnly": {otherSide, groupSwitch("GroupChat.setInfoAdminsOnly",
		func(m gjson.Result) bool { return m.Get("restrict").Bool() })},
	"GroupChat.setPicture": {otherSide, func(w *world) {
		want(w.a.call("GroupChat.setPicture", w.group, picture).Bool(), "false")
		want(w.b.call("getProfilePicUrl", w.group).String() != "", "the other side finds none")
	}},
	"GroupChat.deletePicture": {otherSide, func(w *world) {
		w.a.call("GroupChat.setPicture", w.group, picture)
		want(w.a.call("GroupChat.deletePicture", w.group).Bool(), "false")
		want(w.b.call("getProfilePicUrl", w.group).Type == gjson.Null, "the other side finds one")
	}},
	"GroupChat.getInviteCode": {otherSide, func(w *world) {
		code := w.a.call("GroupChat.getInviteCode", w.group).String()
		want(w.c.call("getInviteInfo", code).Get("id._serialized").String() == w.group, "it leads elsewhere")
		want(w.b.call("GroupChat.getInviteCode", w.group).Type == gjson.Null, "a member got a code")
	}},
	"GroupChat.revokeInvite": {otherSide, func(w *world) {
		old := w.a.call("GroupChat.getInviteCode", w.group).String()
		next := w.a.call("GroupChat.revokeInvite", w.group).String()
		want(next != "" && next != old, "the same code")
		_, err := w.c.try("getInviteInfo", old)
		want(err != nil, "the old code leads somewhere")
	}},
	"GroupChat.leave": {otherSide, func(w *world) {
		id := w.makeGroup(w.a, w.b)
		w.b.call("GroupChat.leave", id)
		w.member(id, w.b, false)
		w.event(w.a, "group_leave", func(d gjson.Result) bool {
			return d.Get("chatId").String() == id &&
				d.Get("type").String() == "leave"
		})
	}},
	"GroupNotification.getChat": {answered, notice(func(w *world, n any) bool {
		return w.b.call("GroupNotification.getChat", n).Get("id._serialized").String() == w.group
	})},
	"GroupNotification.getContact": {answered, notice(func(w *world, n any) bool {
		return w.b.call("GroupNotification.getContact", n).Get("id._serialized").String() == w.a.wid()
	})},
	"GroupNotification.getRecipients": {answered, func(w *world) {
		id := w.makeGroup(w.a, w.b)
		w.a.call("GroupChat.addParticipants", id, []string{w.c.wid()})
		n := w.event(w.b, "group_join", func(d gjson.Result) bool {
			return d.Get("chatId").String() == id && d.Get("recipientIds.0").String() == w.c.wid()
		})
		want(w.b.call("GroupNotification.getRecipients",
			n.Value()).Get("0.id._serialized").String() == w.c.wid(), "somebody else")
	}},
	"GroupNotification.reply": {otherSide, notice(func(w *world, n any) bool {
		body := w.next("to the group")
		w.b.call("GroupNotification.reply", n, body)
		return w.arrived(w.a, w.group, body).Get("author").String() == w.b.wid()
	})},
}

func admin(who *account, on bool) func(gjson.Result) bool {
	return func(m gjson.Result) bool {
		for _, p := range m.Get("participants").Array() {
			if p.Get("id._serialized").String() == who.wid() {
				return p.Get("isAdmin").Bool() == on
			}
		}
		return false
	}
}

// member waits until the stand-in has somebody in a group, or not.
func (w *world) member(group string, who *account, in bool) {
	w.until("the members at the stand-in", func() bool {
		for _, g := range w.steer("GET", "/groups", nil).Get("groups").Array() {
			if g.Get("jid").String() == group {
				var members []string
				for _, m := range g.Get("members").Array() {
					members = append(members, m.String())
				}
				return slices.Contains(members, who.number) == in
			}
		}
		return false
	})
}

func groupSwitch(method string, on func(gjson.Result) bool) func(w *world) {
	return func(w *world) {
		want(w.a.call(method, w.group).Bool(), "false")
		w.meta(w.b, w.group, "it is on", on)
		want(w.a.call(method, w.group, false).Bool(), "false")
		w.meta(w.b, w.group, "it is off", func(m gjson.Result) bool { return !on(m) })
	}
}

// invitation is one from Bob to Alice into a group of Bob's, because Alice lets
// nobody add her, as Alice has it.
func (w *world) invitation() (group string, message gjson.Result) {
	w.a.call("whatsmeow.SetPrivacySetting", "groupadd", "none")
	defer w.a.call("whatsmeow.SetPrivacySetting", "groupadd", "all")
	made := w.b.call("createGroup", w.next("private"), []string{w.a.wid()})
	group = made.Get("gid._serialized").String()
	message = w.event(w.a, "message", func(d gjson.Result) bool { return d.Get("inviteV4.groupId").String() == group })
	return group, message
}

// request lets Carol ask to be let into a group of Alice's.
func (w *world) request() string {
	id := w.makeGroup(w.a)
	w.steer("POST", "/groups/"+id, map[string]any{"approval": true})
	w.c.call("acceptInvite", w.a.call("GroupChat.getInviteCode", id).String())
	return id
}

func waiting(method string) func(w *world) {
	return func(w *world) {
		id := w.request()
		r := w.a.call(method, id).Get("0")
		want(r.Get("id._serialized").String() == w.c.wid() && r.Get("requestMethod").String() == "InviteLink", "%s", r.Raw)
	}
}

func decide(method string, in bool) func(w *world) {
	return func(w *world) {
		id := w.request()
		r := w.a.call(method, id).Get("0")
		want(r.Get("requesterId").String() == w.c.wid() && !r.Get("error").Exists(), "%s", r.Raw)
		w.member(id, w.c, in)
		want(len(w.a.call("getGroupMembershipRequests", id).Array()) == 0, "somebody still waits")
	}
}

// notice gives the notification of a renaming by Alice, as Bob has it.
func notice(ok func(w *world, n any) bool) func(w *world) {
	return func(w *world) {
		name := w.next("renamed")
		w.a.call("GroupChat.setSubject", w.group, name)
		n := w.event(w.b, "group_update", func(d gjson.Result) bool { return d.Get("body").String() == name })
		want(ok(w, n.Value()), "not so")
	}
}
