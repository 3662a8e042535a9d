package wwebjs

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"whatsapp-manager/proto/fault"
	"whatsapp-manager/worker/shape"
	"whatsapp-manager/worker/wasim"
)

func TestSendReplyReactAndRead(t *testing.T) {
	r := newRig(t)
	bob := r.Contact("15550000002", "Bob")
	chat := "15550000002@c.us"

	sent := ask[shape.Message](r, "sendMessage", chat, "hello bob")
	got := r.Received(bob, "hello bob")
	if sent.ID.ID != got.ID || sent.ID.Remote != chat || !sent.FromMe || sent.Ack < 1 || sent.Body != "hello bob" || sent.Type != "chat" {
		t.Errorf("sent %+v, received as %s", sent.ID, got.ID)
	}
	if kinds := strings.Join(r.Feed(chat), " "); !strings.HasPrefix(kinds, "message_create message_ack") {
		t.Errorf("feed after sending: %s", kinds)
	}

	id := r.Say(bob, "hello alice")
	incoming := "false_" + chat + "_" + id
	if m := ask[*shape.Message](r, "getMessageById", incoming); m == nil || m.Body != "hello alice" {
		t.Errorf("incoming message: %+v", m)
	}
	if c := ask[shape.Chat](r, "getChatById", chat); c.UnreadCount != 1 || c.Name != "Bob" {
		t.Errorf("chat before reading: %+v", c)
	}
	reply := ask[shape.Message](r, "Message.reply", incoming, "I hear you", nil, map[string]any{"mentions": []string{chat}})
	quoted := r.Received(bob, "I hear you")
	if !reply.HasQuotedMsg || reply.Data.QuotedStanzaID != id || quoted.ID != reply.ID.ID {
		t.Errorf("reply: quoted %q of %q", reply.Data.QuotedStanzaID, id)
	}
	if len(reply.MentionedIDs) != 1 || reply.MentionedIDs[0] != chat {
		t.Errorf("mentions: %v", reply.MentionedIDs)
	}
	// Replying has read the chat.
	r.Receipt(bob, id, "read")
	if c := ask[shape.Chat](r, "getChatById", chat); c.UnreadCount != 0 {
		t.Errorf("unread after replying: %d", c.UnreadCount)
	}

	if _, err := r.Try("", "Message.react", incoming, "👍"); err != nil {
		t.Fatal(err)
	}
	if m := ask[*shape.Message](r, "getMessageById", incoming); !m.HasReaction {
		t.Error("the message does not have its reaction")
	}
	second := r.Say(bob, "still there?")
	if !ask[bool](r, "Chat.sendSeen", chat) {
		t.Error("sendSeen of a known chat is false")
	}
	r.Receipt(bob, second, "read")
	if ask[bool](r, "sendSeen", "15559999999@c.us") {
		t.Error("sendSeen of an unknown chat is true")
	}

	all := ask[[]shape.Message](r, "Chat.fetchMessages", chat)
	var bodies []string
	for _, m := range all {
		bodies = append(bodies, m.Body)
	}
	if strings.Join(bodies, "|") != "hello bob|hello alice|I hear you|still there?" {
		t.Errorf("messages: %v", bodies)
	}
	if own := ask[[]shape.Message](r, "Chat.fetchMessages", chat, map[string]any{"limit": 1, "fromMe": true}); len(own) != 1 || own[0].Body != "I hear you" {
		t.Errorf("newest own message: %+v", own)
	}
	if chats := ask[[]shape.Chat](r, "getChats"); len(chats) != 1 || chats[0].ID.Serialized != chat {
		t.Errorf("chats: %+v", chats)
	}
	if people := ask[[]shape.Contact](r, "getContacts"); len(people) == 0 {
		t.Error("no contacts")
	}
	for _, missing := range []string{"Message.react", "Message.reply"} {
		_, err := r.Try("", missing, "true_"+chat+"_3EB000000000", "👍")
		if !fault.Is(err, fault.NotFound) {
			t.Errorf("%s to an unknown message: %v", missing, err)
		}
	}
	if m := ask[*shape.Message](r, "getMessageById", "true_"+chat+"_3EB000000000"); m != nil {
		t.Errorf("an unknown message: %+v", m)
	}
}

func TestARetryDoesNotSendTwice(t *testing.T) {
	r := newRig(t)
	bob := r.Contact("15550000002", "Bob")
	var ids []string
	for range 2 {
		result, err := r.Try("3EB0AAAABBBBCCCCDDDD00", "sendMessage", "15550000002@c.us", "once")
		if err != nil {
			t.Fatal(err)
		}
		var m shape.Message
		if err := json.Unmarshal(result, &m); err != nil {
			t.Fatal(err)
		}
		ids = append(ids, m.ID.ID)
	}
	if ids[0] != "3EB0AAAABBBBCCCCDDDD00" || ids[1] != ids[0] {
		t.Errorf("ids %v", ids)
	}
	ask[shape.Message](r, "sendMessage", "15550000002@c.us", "last")
	r.Received(bob, "last")
	n := 0
	for _, m := range bob.Phone().Received() {
		if m.Text == "once" {
			n++
		}
	}
	if n != 1 {
		t.Errorf("received %d times", n)
	}
}

// TestAMessageNobodyCanReadIsNoSuccess: whatsmeow reports success although the
// recipient's prekeys could not be had.
func TestAMessageNobodyCanReadIsNoSuccess(t *testing.T) {
	r := newRig(t)
	r.Contact("15550000002", "Bob")
	r.Sim.Faults.IQError("encrypt", 503, 1000)
	_, err := r.Try("", "sendMessage", "15550000002@c.us", "into the void")
	var f *fault.Error
	if !errors.As(err, &f) || f.Kind != fault.Refused || f.Code != "not_encrypted" {
		t.Errorf("got %v", err)
	}
	if kinds := r.Feed("15550000002@c.us"); len(kinds) != 0 {
		t.Errorf("the feed has %v", kinds)
	}
	r.Sim.Faults.Heal()
	ask[shape.Message](r, "sendMessage", "15550000002@c.us", "now it works")
}

// TestAGroupMessageWithoutItsKeyArrives: when nobody could be given the key of
// a group's message, each member asks for it, and gets it.
func TestAGroupMessageWithoutItsKeyArrives(t *testing.T) {
	r := newRig(t)
	bob, carol := r.Contact("15550000002", "Bob"), r.Contact("15550000003", "Carol")
	group, err := r.Sim.CreateGroup("Friends", r.Me, bob, carol)
	if err != nil {
		t.Fatal(err)
	}
	r.Sim.Faults.IQError("encrypt", 503, 1000)
	sent := ask[shape.Message](r, "sendMessage", group.String(), "to all")
	for _, member := range []*wasim.Account{bob, carol} {
		if got := r.Received(member, "to all"); got.ID != sent.ID.ID || got.Retry < 1 {
			t.Errorf("%s received %s by retry %d, sent was %s", member.Number(), got.ID, got.Retry, sent.ID.ID)
		}
	}
}

func TestWhatsAppSaysNo(t *testing.T) {
	r := newRig(t)
	r.Contact("15550000002", "Bob")
	ask[shape.Message](r, "sendMessage", "15550000002@c.us", "first")
	r.Sim.Faults.MessageError(479, 1)
	_, err := r.Try("", "sendMessage", "15550000002@c.us", "second")
	var f *fault.Error
	if !errors.As(err, &f) || f.Kind != fault.Refused || f.Code != "server_error" {
		t.Errorf("message refused: %v", err)
	}
	for _, tc := range []struct {
		code int
		want fault.Kind
	}{{403, fault.Refused}, {404, fault.NotFound}, {429, fault.RateLimited}, {500, fault.Unavailable}} {
		r.Sim.Faults.IQError("usync", tc.code, 1)
		if _, err := r.Try("", "isRegisteredUser", "15550000002"); !fault.Is(err, tc.want) {
			t.Errorf("status %d: %v, want %s", tc.code, err, tc.want)
		}
	}
	r.Sim.Faults.LoseAcks(1)
	ctx, cancel := context.WithTimeout(r.Ctx, 300*time.Millisecond)
	defer cancel()
	if _, err := r.Call(ctx, "sendMessage", json.RawMessage(`["15550000002@c.us","third"]`), ""); !fault.Is(err, fault.Deadline) {
		t.Errorf("no ack: %v", err)
	}
}
