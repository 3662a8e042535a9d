package wwebjs

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"go.mau.fi/whatsmeow/appstate"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"

	"whatsapp-manager/proto/fault"
	"whatsapp-manager/worker/relay/relaytest"
	"whatsapp-manager/worker/shape"
)

func TestEditReachesThePhone(t *testing.T) {
	r := newRig(t)
	bob := r.Contact("15550000002", "Bob")
	const chat = "15550000002@c.us"
	sent := ask[shape.Message](r, "sendMessage", chat, "helo")
	edited := ask[*shape.Message](r, "Message.edit", sent.ID.Serialized, "hello")
	if edited == nil || edited.Body != "hello" || edited.ID != sent.ID || edited.LatestEditSenderTimestampMs == 0 {
		t.Fatalf("edited: %+v", edited)
	}
	r.Arrived(bob, "the edit", func(m *waE2E.Message) bool {
		p := m.GetEditedMessage().GetMessage().GetProtocolMessage()
		if p == nil {
			p = m.GetProtocolMessage()
		}
		return p.GetType() == waE2E.ProtocolMessage_MESSAGE_EDIT && p.GetKey().GetID() == sent.ID.ID && p.GetEditedMessage().GetConversation() == "hello"
	})
	if !slices.Contains(r.Feed(chat), "message_edit") {
		t.Errorf("events: %v", r.Feed(chat))
	}
	if m := ask[*shape.Message](r, "Message.reload", sent.ID.Serialized); m.Body != "hello" {
		t.Errorf("reloaded: %q", m.Body)
	}
	incoming := "false_" + chat + "_" + r.Say(bob, "mine")
	if m := ask[*shape.Message](r, "Message.edit", incoming, "not yours"); m != nil {
		t.Errorf("a message of somebody else was edited: %+v", m)
	}
	for _, method := range []string{"Message.edit", "Message.delete", "Message.star", "Message.forward", "Message.getChat", "Message.getInfo"} {
		params := []any{"true_" + chat + "_3EB000000000"}
		if method == "Message.edit" {
			params = append(params, "x")
		}
		if method == "Message.forward" {
			params = append(params, chat)
		}
		if _, err := r.Try("", method, params...); !fault.Is(err, fault.NotFound) {
			t.Errorf("%s of an unknown message: %v", method, err)
		}
	}
}

func TestDeleteForEveryoneAndForMe(t *testing.T) {
	r := newRig(t)
	r.Synced()
	bob := r.Contact("15550000002", "Bob")
	const chat = "15550000002@c.us"
	sent := ask[shape.Message](r, "sendMessage", chat, "oops")
	ask[any](r, "Message.delete", sent.ID.Serialized, true)
	r.Arrived(bob, "the revocation", func(m *waE2E.Message) bool {
		p := m.GetProtocolMessage()
		return p.GetType() == waE2E.ProtocolMessage_REVOKE && p.GetKey().GetID() == sent.ID.ID
	})
	if m := ask[*shape.Message](r, "getMessageById", sent.ID.Serialized); m == nil || m.Type != "revoked" || m.Body != "" {
		t.Errorf("revoked: %+v", m)
	}
	if !slices.Contains(r.Feed(chat), "message_revoke_everyone") {
		t.Errorf("events: %v", r.Feed(chat))
	}
	id := r.Say(bob, "delete me")
	incoming := "false_" + chat + "_" + id
	ask[any](r, "Message.delete", incoming, true) // it is Bob's, so only here
	if m := ask[*shape.Message](r, "getMessageById", incoming); m != nil {
		t.Errorf("still there: %+v", m)
	}
	r.Eventually("the own phone deletes it", func() bool {
		return r.Me.Phone().Setting(appstate.IndexDeleteMessageForMe, bob.PN().String(), id, "0", "0").GetDeleteMessageForMeAction().GetDeleteMedia()
	})
	for _, m := range bob.Phone().Received() {
		if m.Message.GetProtocolMessage().GetKey().GetID() == id {
			t.Error("Bob's own message was revoked by somebody else")
		}
	}
	if !slices.Contains(r.Feed(chat), "message_revoke_me") {
		t.Errorf("events: %v", r.Feed(chat))
	}
}

func TestStarForwardAndPin(t *testing.T) {
	r := newRig(t)
	r.Synced()
	bob, carol := r.Contact("15550000002", "Bob"), r.Contact("15550000003", "Carol")
	const chat = "15550000002@c.us"
	id := r.Say(bob, "worth keeping")
	incoming := "false_" + chat + "_" + id
	starred := func() bool {
		return r.Me.Phone().Setting(appstate.IndexStar, bob.PN().String(), id, "0", "0").GetStarAction().GetStarred()
	}
	ask[any](r, "Message.star", incoming)
	if !ask[shape.Message](r, "Message.reload", incoming).IsStarred {
		t.Error("not starred")
	}
	r.Eventually("the phone stars it", starred)
	ask[any](r, "Message.unstar", incoming)
	if ask[shape.Message](r, "Message.reload", incoming).IsStarred {
		t.Error("still starred")
	}
	r.Eventually("the phone takes the star off", func() bool { return !starred() })

	ask[any](r, "Message.forward", incoming, "15550000003@c.us")
	r.Arrived(carol, "the forwarded message", func(m *waE2E.Message) bool {
		text := m.GetExtendedTextMessage()
		return text.GetText() == "worth keeping" && text.GetContextInfo().GetIsForwarded() && text.GetContextInfo().GetForwardingScore() == 1
	})
	if all := ask[[]shape.Message](r, "Chat.fetchMessages", "15550000003@c.us"); len(all) != 1 || all[0].IsForwarded == nil || !*all[0].IsForwarded {
		t.Errorf("forwarded: %+v", all)
	}

	if !ask[bool](r, "Message.pin", incoming, 86400) {
		t.Error("pin")
	}
	r.Arrived(bob, "the pin", func(m *waE2E.Message) bool {
		p := m.GetPinInChatMessage()
		return p.GetType() == waE2E.PinInChatMessage_PIN_FOR_ALL && p.GetKey().GetID() == id && m.GetMessageContextInfo().GetMessageAddOnDurationInSecs() == 86400
	})
	if !ask[bool](r, "Message.unpin", incoming) {
		t.Error("unpin")
	}
	r.Arrived(bob, "the end of the pin", func(m *waE2E.Message) bool {
		return m.GetPinInChatMessage().GetType() == waE2E.PinInChatMessage_UNPIN_FOR_ALL
	})
	for _, seconds := range []any{0, -1, 1.5, "x"} {
		if _, err := r.Try("", "Message.pin", incoming, seconds); !fault.Is(err, fault.Invalid) || relaytest.FieldOf(err) != "params[1]" {
			t.Errorf("pin for %v: %v", seconds, err)
		}
	}
}

func TestPollsAreSentAndVotedIn(t *testing.T) {
	r := newRig(t)
	bob := r.Contact("15550000002", "Bob")
	const chat = "15550000002@c.us"
	sent := ask[shape.Message](r, "sendMessage", chat, map[string]any{
		"$type": "Poll", "pollName": "Lunch?", "pollOptions": []any{"Soup", map[string]any{"name": "Salad", "localId": 1}, "None"}, "options": map[string]any{"allowMultipleAnswers": true},
	})
	if sent.Type != "poll_creation" || len(sent.PollOptions) != 3 || sent.PollOptions[1].Name != "Salad" {
		t.Errorf("sent: %+v", sent.PollOptions)
	}
	r.Arrived(bob, "the poll", func(m *waE2E.Message) bool {
		p := m.GetPollCreationMessage()
		return p.GetName() == "Lunch?" && len(p.GetOptions()) == 3 && p.GetSelectableOptionsCount() == 0 && len(m.GetMessageContextInfo().GetMessageSecret()) == 32
	})
	ask[any](r, "Message.vote", sent.ID.Serialized, []string{"Salad"})
	r.Arrived(bob, "the vote", func(m *waE2E.Message) bool {
		return m.GetPollUpdateMessage().GetPollCreationMessageKey().GetID() == sent.ID.ID && len(m.GetPollUpdateMessage().GetVote().GetEncPayload()) > 0
	})
	for _, method := range []string{"getPollVotes", "Message.getPollVotes"} {
		votes := ask[[]shape.PollVote](r, method, sent.ID.Serialized)
		if len(votes) != 1 || votes[0].Voter != "15550000001@c.us" || len(votes[0].SelectedOptions) != 1 || votes[0].SelectedOptions[0].Name != "Salad" {
			t.Errorf("%s: %+v", method, votes)
		}
	}
	if !slices.Contains(r.Feed(chat), "vote_update") {
		t.Errorf("events: %v", r.Feed(chat))
	}
	ask[any](r, "Message.vote", sent.ID.Serialized, []string{})
	if votes := ask[[]shape.PollVote](r, "getPollVotes", sent.ID.Serialized); len(votes) != 1 || len(votes[0].SelectedOptions) != 0 {
		t.Errorf("after taking it back: %+v", votes)
	}
	if _, err := r.Try("", "Message.vote", sent.ID.Serialized, []string{"Soup", "Pizza"}); !fault.Is(err, fault.Invalid) || relaytest.FieldOf(err) != "params[1][1]" {
		t.Errorf("an option that is not there: %v", err)
	}
	text := ask[shape.Message](r, "sendMessage", chat, "no poll")
	if _, err := r.Try("", "getPollVotes", text.ID.Serialized); !fault.Is(err, fault.Invalid) {
		t.Errorf("votes of a text: %v", err)
	}
	for field, poll := range map[string]any{
		"params[1].pollName":       map[string]any{"$type": "Poll", "pollName": " ", "pollOptions": []string{"a", "b"}},
		"params[1].pollOptions":    map[string]any{"$type": "Poll", "pollName": "?", "pollOptions": []string{"a"}},
		"params[1].pollOptions[1]": map[string]any{"$type": "Poll", "pollName": "?", "pollOptions": []string{"a", "a"}},
	} {
		t.Run(field, func(t *testing.T) {
			if _, err := r.Try("", "sendMessage", chat, poll); !fault.Is(err, fault.Invalid) || relaytest.FieldOf(err) != field {
				t.Errorf("%v: %v names %q, want %q", poll, err, relaytest.FieldOf(err), field)
			}
		})
	}
}

func TestPlacesAndPeopleAreSent(t *testing.T) {
	r := newRig(t)
	bob := r.Contact("15550000002", "Bob")
	carol := r.Contact("15550000003", "Carol; the one, and only")
	r.Say(carol, "hello")
	const chat = "15550000002@c.us"
	place := ask[shape.Message](r, "sendMessage", chat, map[string]any{"$type": "Location", "latitude": 52.5, "longitude": -13.25, "name": "Gate", "address": "Square 1", "url": "https://example.org"})
	if place.Type != "location" || place.Location == nil {
		t.Errorf("location: %+v", place)
	}
	r.Arrived(bob, "the place", func(m *waE2E.Message) bool {
		l := m.GetLocationMessage()
		return l.GetDegreesLatitude() == 52.5 && l.GetDegreesLongitude() == -13.25 && l.GetName() == "Gate" && l.GetAddress() == "Square 1" && l.GetURL() == "https://example.org"
	})
	card := ask[shape.Message](r, "sendMessage", chat, map[string]any{"$type": "Contact", "id": "15550000003@c.us"})
	if card.Type != "vcard" || len(card.VCards) != 1 {
		t.Errorf("contact: %+v", card.VCards)
	}
	r.Arrived(bob, "the card", func(m *waE2E.Message) bool {
		v := m.GetContactMessage().GetVcard()
		return strings.Contains(v, "waid=15550000003:+15550000003") && strings.Contains(v, `FN:Carol\; the one\, and only`)
	})
	several := ask[shape.Message](r, "sendMessage", chat, []string{"15550000003@c.us", "15550000002@c.us"})
	if several.Type != "multi_vcard" || len(several.VCards) != 2 {
		t.Errorf("contacts: %s %+v", several.Type, several.VCards)
	}
	for field, content := range map[string]any{
		"params[1].latitude":  map[string]any{"$type": "Location", "latitude": 91, "longitude": 0},
		"params[1].longitude": map[string]any{"$type": "Location", "latitude": 1},
		"params[1]":           []string{},
		"params[1][1]":        []any{"15550000003@c.us", 7},
	} {
		t.Run(field, func(t *testing.T) {
			if _, err := r.Try("", "sendMessage", chat, content); !fault.Is(err, fault.Invalid) || relaytest.FieldOf(err) != field {
				t.Errorf("%v: %v names %q, want %q", content, err, relaytest.FieldOf(err), field)
			}
		})
	}
}

func TestWhatIsKnownOfAMessage(t *testing.T) {
	r := newRig(t)
	bob := r.Contact("15550000002", "Bob")
	const chat = "15550000002@c.us"
	sent := ask[shape.Message](r, "sendMessage", chat, "Hello 100% _sure_", map[string]any{"mentions": []string{chat}})
	id := r.Say(bob, "first answer")
	incoming := "false_" + chat + "_" + id
	reply := ask[shape.Message](r, "Message.reply", incoming, "second")
	if q := ask[*shape.Message](r, "Message.getQuotedMessage", reply.ID.Serialized); q == nil || q.ID.ID != id {
		t.Errorf("quoted: %+v", q)
	}
	if q := ask[*shape.Message](r, "Message.getQuotedMessage", sent.ID.Serialized); q != nil {
		t.Errorf("a quote that is none: %+v", q)
	}
	if people := ask[[]shape.Contact](r, "Message.getMentions", sent.ID.Serialized); len(people) != 1 || people[0].ID.Serialized != chat {
		t.Errorf("mentions: %+v", people)
	}
	if groups := ask[[]shape.Chat](r, "Message.getGroupMentions", sent.ID.Serialized); len(groups) != 0 {
		t.Errorf("group mentions: %+v", groups)
	}
	if c := ask[shape.Chat](r, "Message.getChat", incoming); c.ID.Serialized != chat {
		t.Errorf("chat: %+v", c.ID)
	}
	if c := ask[shape.Contact](r, "Message.getContact", incoming); c.ID.Serialized != chat || c.Pushname != "Bob" {
		t.Errorf("contact: %+v", c)
	}
	if d := ask[shape.Data](r, "Message.rawData", incoming); d.Body != "first answer" || d.Self != "in" {
		t.Errorf("raw data: %+v", d)
	}
	written := ask[struct{ Message struct{ Conversation string } }](r, "Message.rawData", incoming)
	if written.Message.Conversation != "first answer" {
		t.Errorf("the message itself: %+v", written)
	}
	r.Receipt(bob, id, "read")
	if err := bob.Phone().MarkRead(r.Ctx, r.Me.PN(), types.EmptyJID, sent.ID.ID); err != nil {
		t.Fatal(err)
	}
	await(r, "read receipt", func(e *events.Receipt) bool {
		return e.Type == types.ReceiptTypeRead && slices.Contains(e.MessageIDs, sent.ID.ID)
	})
	if info := ask[*shape.MessageInfo](r, "Message.getInfo", sent.ID.Serialized); info == nil || len(info.Read) != 1 || info.Read[0].ID.Serialized != chat || info.ReadRemaining != 0 {
		t.Errorf("info: %+v", info)
	}
	if info := ask[*shape.MessageInfo](r, "Message.getInfo", incoming); info != nil {
		t.Errorf("info of somebody else's message: %+v", info)
	}
	if lists := ask[[]shape.ReactionList](r, "Message.getReactions", incoming); lists != nil {
		t.Errorf("reactions: %+v", lists)
	}
	ask[any](r, "Message.react", incoming, "👍")
	if lists := ask[[]shape.ReactionList](r, "Message.getReactions", incoming); len(lists) != 1 || !lists[0].HasReactionByMe || lists[0].ID != "👍" {
		t.Errorf("reactions: %+v", lists)
	}
	for query, want := range map[string]int{"hello": 1, "100%": 1, "_sure_": 1, "2__%": 0, "answer": 1, "nothing": 0, "ell": 0} {
		t.Run(query, func(t *testing.T) {
			if found := ask[[]shape.Message](r, "searchMessages", query, map[string]any{"chatId": chat}); len(found) != want {
				t.Errorf("search %q: %d found, want %d", query, len(found), want)
			}
		})
	}
	if page := ask[[]shape.Message](r, "searchMessages", "answer", map[string]any{"limit": 1, "page": 1}); len(page) != 1 || page[0].ID.ID != id {
		t.Errorf("a page: %+v", page)
	}
	for field, options := range map[string]any{"params[1].limit": map[string]any{"limit": 0}, "params[1].page": map[string]any{"page": -1}, "params[1].chatId": map[string]any{"chatId": "x"}} {
		t.Run(field, func(t *testing.T) {
			if _, err := r.Try("", "searchMessages", "x", options); !fault.Is(err, fault.Invalid) || relaytest.FieldOf(err) != field {
				t.Errorf("%v: %v", options, fmt.Sprint(err))
			}
		})
	}
}

// TestReloadOfADeletedMessage is null, as in whatsapp-web.js 1.34.7: WhatsApp Web puts another
// message in its place.
func TestReloadOfADeletedMessage(t *testing.T) {
	r := newRig(t)
	bob := r.Contact("15550000002", "Bob")
	own := ask[shape.Message](r, "sendMessage", "15550000002@c.us", "a slip").ID.Serialized
	ask[any](r, "Message.delete", own, true)
	came := r.Say(bob, "another slip")
	r.Message(bob.Number(), r.Me.Number(), `{"protocolMessage":{"type":"REVOKE","key":{"remoteJID":"`+r.Me.LID().String()+`","fromMe":true,"ID":"`+came+`"}}}`, "")
	for _, id := range []string{own, "false_15550000002@c.us_" + came} {
		if got := r.Raw("Message.reload", id); got != "null" {
			t.Errorf("%s: %s", id, got)
		}
	}
}
