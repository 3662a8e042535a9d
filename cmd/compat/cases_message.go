package main

import (
	"encoding/base64"
	"errors"
	"strconv"
	"strings"

	"github.com/tidwall/gjson"
)

func itoa(n int) string { return strconv.Itoa(n) }

var messageCases = map[string]check{
	"sendMessage":   {otherSide, func(w *world) { w.say(w.a, w.b) }},
	"sendReaction":  {otherSide, reaction(func(w *world, id string) { w.a.call("sendReaction", id, "👍") })},
	"Message.react": {otherSide, reaction(func(w *world, id string) { w.a.call("Message.react", id, "👍") })},
	"Message.getReactions": {answered, func(w *world) {
		sent, got, _ := w.say(w.b, w.a)
		w.a.call("Message.react", got, "🎉")
		w.until("the reaction", func() bool { return w.b.call("Message.getReactions", sent).Get("0.id").String() == "🎉" })
	}},
	"getMessageById": {answered, func(w *world) {
		sent, _, body := w.say(w.a, w.b)
		want(w.a.call("getMessageById", sent).Get("body").String() == body, "another message")
	}},
	"searchMessages": {answered, func(w *world) {
		_, got, body := w.say(w.b, w.a)
		want(w.a.call("searchMessages", strings.ToUpper(body)).Get("0.id._serialized").String() == got, "not found")
	}},
	"Message.reload": {answered, func(w *world) {
		sent, _, body := w.say(w.a, w.b)
		want(w.a.call("Message.reload", sent).Get("body").String() == body, "another message")
	}},
	"Message.rawData": {answered, func(w *world) {
		sent, _, body := w.say(w.a, w.b)
		want(w.a.call("Message.rawData", sent).Get("body").String() == body, "other data")
	}},
	"Message.getChat": {answered, func(w *world) {
		sent, _, _ := w.say(w.a, w.b)
		want(w.a.call("Message.getChat", sent).Get("id._serialized").String() == w.b.wid(), "another chat")
	}},
	"Message.getContact": {answered, func(w *world) {
		_, got, _ := w.say(w.b, w.a)
		want(w.a.call("Message.getContact", got).Get("id._serialized").String() == w.b.wid(), "another contact")
	}},
	"Message.getMentions": {otherSide, func(w *world) {
		body := w.next("hello @" + w.c.number)
		w.a.call("sendMessage", w.group, body, map[string]any{"mentions": []string{w.c.wid()}})
		// Members of this group know each other by hidden ids, and so does the text.
		lid, _, _ := strings.Cut(w.a.call("getContactLidAndPhone", []string{w.c.wid()}).Get("0.lid").String(), "@")
		want(lid != "", "no hidden id")
		written := strings.Replace(body, w.c.number, lid, 1)
		got := w.arrived(w.b, w.group, written).Get("id._serialized").String()
		want(w.b.call("Message.getMentions", got).Get("0.id._serialized").String() == w.c.wid(), "nobody is mentioned")
	}},
	"Message.getGroupMentions": {answered, func(w *world) {
		sent := w.a.call("sendMessage", w.b.wid(), w.next("see @group"),
			map[string]any{"groupMentions": []any{map[string]any{
				"subject": "us",
				"id":      w.group,
			}}}).Get("id._serialized").String()
		want(w.a.call("Message.getGroupMentions", sent).Get("0.id._serialized").String() == w.group, "no group is mentioned")
	}},
	"Message.getQuotedMessage": {otherSide, func(w *world) {
		sent, got, body := w.say(w.b, w.a)
		answer := w.next("answer")
		w.a.call("Message.reply", got, answer)
		quoting := w.arrived(w.b, w.a.wid(), answer).Get("id._serialized").String()
		q := w.b.call("Message.getQuotedMessage", quoting)
		want(q.Get("body").String() == body && q.Get("id._serialized").String() == sent, "%s", q.Raw)
	}},
	"Message.reply": {otherSide, func(w *world) {
		_, got, _ := w.say(w.b, w.a)
		answer := w.next("answer")
		w.a.call("Message.reply", got, answer)
		want(w.arrived(w.b, w.a.wid(), answer).Get("hasQuotedMsg").Bool(), "it quotes nothing")
	}},
	"Message.forward": {otherSide, func(w *world) {
		_, got, body := w.say(w.b, w.a)
		w.a.call("Message.forward", got, w.c.wid())
		want(w.arrived(w.c, w.a.wid(), body).Get("isForwarded").Bool(), "not marked as forwarded")
	}},
	"Message.downloadMedia": {otherSide, func(w *world) {
		caption := w.next("photo")
		w.a.call("sendMessage", w.b.wid(), picture, map[string]any{"caption": caption})
		got := w.arrived(w.b, w.a.wid(), caption).Get("id._serialized").String()
		file := w.b.call("Message.downloadMedia", got)
		want(file.Get("data").String() == picture["data"] && file.Get("mimetype").String() == "image/png", "another file")
	}},
	"Message.delete": {otherSide, func(w *world) {
		sent, got, _ := w.say(w.a, w.b)
		w.a.call("Message.delete", sent, true)
		w.event(w.b, "message_revoke_everyone", func(d gjson.Result) bool { return d.Get("id._serialized").String() == got })
	}},
	"Message.star": {readBack, func(w *world) {
		sent, _, _ := w.say(w.a, w.b)
		w.a.call("Message.star", sent)
		w.until("the star", func() bool { return w.a.call("getMessageById", sent).Get("isStarred").Bool() })
	}},
	"Message.unstar": {readBack, func(w *world) {
		sent, _, _ := w.say(w.a, w.b)
		w.a.call("Message.star", sent)
		w.a.call("Message.unstar", sent)
		w.until("no star", func() bool { return !w.a.call("getMessageById", sent).Get("isStarred").Bool() })
	}},
	"Message.pin": {otherSide, func(w *world) {
		sent, _, body := w.say(w.a, w.b)
		want(w.a.call("Message.pin", sent, 86400).Bool(), "false")
		w.until("the other side has it pinned", func() bool {
			return w.b.call("getPinnedMessages",
				w.a.wid()).Get("0.body").String() == body
		})
		w.a.call("Message.unpin", sent)
	}},
	"Message.unpin": {otherSide, func(w *world) {
		sent, _, body := w.say(w.a, w.b)
		w.a.call("Message.pin", sent, 86400)
		w.until("pinned", func() bool { return w.b.call("getPinnedMessages", w.a.wid()).Get("0.body").String() == body })
		want(w.a.call("Message.unpin", sent).Bool(), "false")
		w.until("unpinned", func() bool { return w.b.call("getPinnedMessages", w.a.wid()).Get("0.body").String() != body })
	}},
	"Message.getInfo": {answered, func(w *world) {
		sent, _, _ := w.say(w.a, w.b)
		w.until("who received it", func() bool { return len(w.a.call("Message.getInfo", sent).Get("delivery").Array()) > 0 })
	}},
	"Message.edit": {otherSide, func(w *world) {
		sent, got, _ := w.say(w.a, w.b)
		body := w.next("corrected")
		want(w.a.call("Message.edit", sent, body).Get("body").String() == body, "not edited")
		w.until("the other side has the edit", func() bool {
			return w.b.call("getMessageById",
				got).Get("body").String() == body
		})
	}},
	"Message.vote": {otherSide, func(w *world) {
		sent, got := w.poll()
		w.b.call("Message.vote", got, []string{"Soup"})
		w.until("the vote", func() bool {
			return w.a.call("getPollVotes",
				sent).Get("0.selectedOptions.0.name").String() == "Soup"
		})
	}},
	"getPollVotes":         {answered, votes("getPollVotes")},
	"Message.getPollVotes": {answered, votes("Message.getPollVotes")},
	"Message.getOrder": {otherSide, func(w *world) {
		id := w.next("order")
		w.steer("POST", "/accounts/"+w.a.number+"/shop", map[string]any{"orders": []any{map[string]any{
			"ID":    id,
			"Token": "t", "Currency": "EUR", "Products": []any{map[string]any{
				"ID": "p", "Name": "Bread", "Currency": "EUR",
				"Price": 1500, "Quantity": 2,
			}},
		}}})
		w.b.call("whatsmeow.SendMessage", w.a.wid(), map[string]any{"orderMessage": map[string]any{
			"orderID": id,
			"token":   "t", "itemCount": 2,
		}})
		message := w.event(w.a, "message", func(d gjson.Result) bool { return d.Get("orderId").String() == id })
		order := w.a.call("Message.getOrder", message.Get("id._serialized").String())
		want(order.Get("total").String() == "3000" && order.Get("products.0.name").String() == "Bread", "%s", order.Raw)
	}},
	"Message.getPayment": {otherSide, func(w *world) {
		note := w.next("lunch")
		w.b.call("whatsmeow.SendMessage", w.a.wid(),
			map[string]any{"requestPaymentMessage": map[string]any{
				"currencyCodeIso4217": "INR", "amount1000": "99000",
				"noteMessage": map[string]any{"conversation": note},
			}})
		w.until("the request", func() bool {
			for _, m := range w.a.call("Chat.fetchMessages", w.b.wid(), map[string]any{"limit": 5}).Array() {
				if p, err := w.a.try("Message.getPayment", m.Get("id._serialized").String()); err == nil &&
					p.Get("paymentNote").String() == note {
					return p.Get("paymentAmount1000").Int() == 99000
				}
			}
			return false
		})
	}},
	"Message.editScheduledEvent": {otherSide, func(w *world) {
		sent, got := w.event30("Lunch")
		want(w.a.call("Message.editScheduledEvent", sent, map[string]any{
			"$type": "ScheduledEvent", "name": "Dinner",
			"startTimeTs": soon.Unix(),
		}).Get("body").String() == "Dinner", "not edited")
		w.until("the other side has the change", func() bool {
			return w.b.call("getMessageById",
				got).Get("body").String() == "Dinner"
		})
	}},
	"sendResponseToScheduledEvent": {answered, func(w *world) {
		sent, got := w.event30("Lunch")
		want(w.b.call("sendResponseToScheduledEvent", 1, got).Bool(), "false")
		want(!w.b.call("sendResponseToScheduledEvent", 9, got).Bool(), "an answer that there is not was sent")
		want(!w.a.call("sendResponseToScheduledEvent", 1, strings.Replace(w.textID(), sent, "", 1)).Bool(),
			"a text was answered as an event")
	}},
	"Message.acceptGroupV4Invite": {standIn, func(w *world) {
		jid, invitation := w.invitation()
		want(w.a.call("Message.acceptGroupV4Invite", invitation.Get("id._serialized").String()).Get("status").Int() == 200,
			"no status 200")
		w.member(jid, w.a, true)
	}},
	"revokeStatusMessage": {readBack, func(w *world) {
		sent := w.a.call("sendMessage", "status@broadcast", w.next("status")).Get("id._serialized").String()
		w.a.call("revokeStatusMessage", sent)
		for _, m := range w.a.call("getBroadcastById", w.a.wid()).Get("msgs").Array() {
			want(m.Get("id._serialized").String() != sent, "still there")
		}
	}},
	"MessageMedia.fromUrl": {answered, func(w *world) {
		m := w.a.call("MessageMedia.fromUrl", w.files.URL+"/note.txt")
		want(m.Get("data").String() == base64.StdEncoding.EncodeToString([]byte("from a URL")) &&
			m.Get("mimetype").String() == "text/plain" && m.Get("filename").String() == "note.txt", "%s", m.Raw)
	}},
	"MessageMedia.fromFilePath": {"501: the files are on the caller's machine", func(w *world) {
		_, err := w.a.try("MessageMedia.fromFilePath", "/etc/hostname")
		r, ok := errors.AsType[*refusal](err)
		want(ok && r.status == 501, "%v", err)
	}},
}

func (w *world) textID() string { sent, _, _ := w.say(w.a, w.b); return sent }

func reaction(react func(w *world, id string)) func(w *world) {
	return func(w *world) {
		sent, got, _ := w.say(w.b, w.a)
		react(w, got)
		w.event(w.b, "message_reaction", func(d gjson.Result) bool {
			return d.Get("msgId._serialized").String() == sent && d.Get("reaction").String() == "👍"
		})
	}
}

// poll is a poll of a, as a and b have it.
func (w *world) poll() (sent, got string) {
	name := w.next("What to eat")
	sent = w.a.call("sendMessage", w.b.wid(), map[string]any{
		"$type": "Poll", "pollName": name,
		"pollOptions": []string{"Soup", "Salad"},
	}).Get("id._serialized").String()
	return sent, w.arrived(w.b, w.a.wid(), name).Get("id._serialized").String()
}

func votes(method string) func(w *world) {
	return func(w *world) {
		sent, got := w.poll()
		w.b.call("Message.vote", got, []string{"Salad"})
		w.until("the vote", func() bool {
			v := w.a.call(method, sent)
			return v.Get("0.selectedOptions.0.name").String() == "Salad" && v.Get("0.voter").String() == w.b.wid()
		})
	}
}

// event30 is an event of a in the group, as a and b have it.
func (w *world) event30(name string) (sent, got string) {
	sent = w.a.call("sendMessage", w.group, map[string]any{
		"$type": "ScheduledEvent", "name": name,
		"startTimeTs": soon.Unix(),
	}).Get("id._serialized").String()
	id := strings.Split(sent, "_")[2]
	m := w.event(w.b, "message", func(d gjson.Result) bool {
		return strings.Contains(d.Get("id._serialized").String(),
			id)
	})
	return sent, m.Get("id._serialized").String()
}
