package relay

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"go.mau.fi/whatsmeow/appstate"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"

	"whatsapp-manager/proto/fault"
	"whatsapp-manager/worker/shape"
	"whatsapp-manager/worker/wasim"
	"whatsapp-manager/worker/wasim/phone"
)

func (r *rig) contact(number, name string) *wasim.Account {
	r.t.Helper()
	a, err := r.sim.CreateAccount(number, name, wasim.AccountOptions{})
	if err != nil {
		r.t.Fatal(err)
	}
	return a
}

// received waits until a contact's phone has a message with the text.
func (r *rig) received(a *wasim.Account, text string) phone.Received {
	r.t.Helper()
	found := make(chan phone.Received, 1)
	look := func(m phone.Received) {
		if m.Text == text {
			select {
			case found <- m:
			default:
			}
		}
	}
	defer a.Phone().Subscribe(look)()
	for _, m := range a.Phone().Received() {
		look(m)
	}
	select {
	case m := <-found:
		return m
	case <-r.ctx.Done():
		r.t.Fatalf("%s did not receive %q", a.Number(), text)
		return phone.Received{}
	}
}

// say makes a contact write to us and waits until the mirror has it.
func (r *rig) say(from *wasim.Account, text string) string {
	r.t.Helper()
	id, err := from.Phone().SendText(r.ctx, r.me.PN(), text)
	if err != nil {
		r.t.Fatal(err)
	}
	await(r, "message "+text, func(m *events.Message) bool { return m.Info.ID == id })
	return id
}

func TestSendReplyReactAndRead(t *testing.T) {
	r := newRig(t)
	bob := r.contact("15550000002", "Bob")
	chat := "15550000002@c.us"

	sent := ask[shape.Message](r, "sendMessage", chat, "hello bob")
	got := r.received(bob, "hello bob")
	if sent.ID.ID != got.ID || sent.ID.Remote != chat || !sent.FromMe || sent.Ack < 1 || sent.Body != "hello bob" || sent.Type != "chat" {
		t.Errorf("sent %+v, received as %s", sent.ID, got.ID)
	}
	if kinds := strings.Join(r.feed(chat), " "); !strings.HasPrefix(kinds, "message_create message_ack") {
		t.Errorf("feed after sending: %s", kinds)
	}

	id := r.say(bob, "hello alice")
	incoming := "false_" + chat + "_" + id
	if m := ask[*shape.Message](r, "getMessageById", incoming); m == nil || m.Body != "hello alice" {
		t.Errorf("incoming message: %+v", m)
	}
	if c := ask[shape.Chat](r, "getChatById", chat); c.UnreadCount != 1 || c.Name != "Bob" {
		t.Errorf("chat before reading: %+v", c)
	}
	reply := ask[shape.Message](r, "Message.reply", incoming, "I hear you", nil, map[string]any{"mentions": []string{chat}})
	quoted := r.received(bob, "I hear you")
	if !reply.HasQuotedMsg || reply.Data.QuotedStanzaID != id || quoted.ID != reply.ID.ID {
		t.Errorf("reply: quoted %q of %q", reply.Data.QuotedStanzaID, id)
	}
	if len(reply.MentionedIDs) != 1 || reply.MentionedIDs[0] != chat {
		t.Errorf("mentions: %v", reply.MentionedIDs)
	}
	// Replying has read the chat.
	r.receipt(bob, id, "read")
	if c := ask[shape.Chat](r, "getChatById", chat); c.UnreadCount != 0 {
		t.Errorf("unread after replying: %d", c.UnreadCount)
	}

	if _, err := r.try("", "Message.react", incoming, "👍"); err != nil {
		t.Fatal(err)
	}
	if m := ask[*shape.Message](r, "getMessageById", incoming); !m.HasReaction {
		t.Error("the message does not have its reaction")
	}
	second := r.say(bob, "still there?")
	if !ask[bool](r, "Chat.sendSeen", chat) {
		t.Error("sendSeen of a known chat is false")
	}
	r.receipt(bob, second, "read")
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
		_, err := r.try("", missing, "true_"+chat+"_3EB000000000", "👍")
		if !fault.Is(err, fault.NotFound) {
			t.Errorf("%s to an unknown message: %v", missing, err)
		}
	}
	if m := ask[*shape.Message](r, "getMessageById", "true_"+chat+"_3EB000000000"); m != nil {
		t.Errorf("an unknown message: %+v", m)
	}
}

func (r *rig) receipt(a *wasim.Account, id, kind string) {
	r.t.Helper()
	found := make(chan struct{}, 1)
	look := func(receipt phone.Receipt) {
		for _, about := range receipt.IDs {
			if about == id && receipt.Type == kind {
				select {
				case found <- struct{}{}:
				default:
				}
			}
		}
	}
	defer a.Phone().SubscribeReceipts(look)()
	for _, receipt := range a.Phone().Receipts() {
		look(receipt)
	}
	select {
	case <-found:
	case <-r.ctx.Done():
		r.t.Fatalf("%s got no %q receipt", a.Number(), kind)
	}
}

func TestARetryDoesNotSendTwice(t *testing.T) {
	r := newRig(t)
	bob := r.contact("15550000002", "Bob")
	var ids []string
	for range 2 {
		result, err := r.try("3EB0AAAABBBBCCCCDDDD00", "sendMessage", "15550000002@c.us", "once")
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
	r.received(bob, "last")
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

func TestNumbers(t *testing.T) {
	r := newRig(t)
	r.contact("15550000002", "Bob")
	for _, form := range []string{"15550000002@c.us", "+1 555 000-0002", "15550000002"} {
		if !ask[bool](r, "isRegisteredUser", form) {
			t.Errorf("%s is not registered", form)
		}
	}
	if ask[bool](r, "isRegisteredUser", "15559999999") {
		t.Error("a number nobody has is registered")
	}
	if id := ask[*shape.Wid](r, "getNumberId", "+15550000002"); id == nil || id.Serialized != "15550000002@c.us" {
		t.Errorf("number id %+v", id)
	}
	if id := ask[*shape.Wid](r, "getNumberId", "15559999999"); id != nil {
		t.Errorf("number id %+v", id)
	}
	if c := ask[shape.Chat](r, "getChatById", "15550000002@c.us"); c.ID.Serialized != "15550000002@c.us" || c.IsGroup {
		t.Errorf("chat that does not exist yet: %+v", c)
	}
	for _, unknown := range []string{"15559999999@c.us", "120363000000000000@g.us"} {
		if _, err := r.try("", "getChatById", unknown); !fault.Is(err, fault.NotFound) {
			t.Errorf("%s: %v", unknown, err)
		}
	}
	if _, err := r.try("", "sendMessage", "15559999999@c.us", "anyone?"); !fault.Is(err, fault.Refused) {
		t.Errorf("message to a number nobody has: %v", err)
	}
}

// TestAMessageNobodyCanReadIsNoSuccess: whatsmeow reports success although the
// recipient's prekeys could not be had.
func TestAMessageNobodyCanReadIsNoSuccess(t *testing.T) {
	r := newRig(t)
	r.contact("15550000002", "Bob")
	r.sim.Faults.IQError("encrypt", 503, 1000)
	_, err := r.try("", "sendMessage", "15550000002@c.us", "into the void")
	var f *fault.Error
	if !errors.As(err, &f) || f.Kind != fault.Refused || f.Code != "not_encrypted" {
		t.Errorf("got %v", err)
	}
	if kinds := r.feed("15550000002@c.us"); len(kinds) != 0 {
		t.Errorf("the feed has %v", kinds)
	}
	r.sim.Faults.Heal()
	ask[shape.Message](r, "sendMessage", "15550000002@c.us", "now it works")
}

// TestAGroupMessageWithoutItsKeyArrives: when nobody could be given the key of
// a group's message, each member asks for it, and gets it.
func TestAGroupMessageWithoutItsKeyArrives(t *testing.T) {
	r := newRig(t)
	bob, carol := r.contact("15550000002", "Bob"), r.contact("15550000003", "Carol")
	group, err := r.sim.CreateGroup("Friends", r.me, bob, carol)
	if err != nil {
		t.Fatal(err)
	}
	r.sim.Faults.IQError("encrypt", 503, 1000)
	sent := ask[shape.Message](r, "sendMessage", group.String(), "to all")
	for _, member := range []*wasim.Account{bob, carol} {
		if got := r.received(member, "to all"); got.ID != sent.ID.ID || got.Attempt < 1 {
			t.Errorf("%s received %s at attempt %d, sent was %s", member.Number(), got.ID, got.Attempt, sent.ID.ID)
		}
	}
}

func TestWhatsAppSaysNo(t *testing.T) {
	r := newRig(t)
	r.contact("15550000002", "Bob")
	ask[shape.Message](r, "sendMessage", "15550000002@c.us", "first")
	r.sim.Faults.MessageError(479, 1)
	_, err := r.try("", "sendMessage", "15550000002@c.us", "second")
	var f *fault.Error
	if !errors.As(err, &f) || f.Kind != fault.Refused || f.Code != "server_error" {
		t.Errorf("message refused: %v", err)
	}
	for _, tc := range []struct {
		code int
		want fault.Kind
	}{{403, fault.Refused}, {404, fault.NotFound}, {429, fault.RateLimited}, {500, fault.Unavailable}} {
		r.sim.Faults.IQError("usync", tc.code, 1)
		if _, err := r.try("", "isRegisteredUser", "15550000002"); !fault.Is(err, tc.want) {
			t.Errorf("status %d: %v, want %s", tc.code, err, tc.want)
		}
	}
	r.sim.Faults.LoseAcks(1)
	ctx, cancel := context.WithTimeout(r.ctx, 300*time.Millisecond)
	defer cancel()
	if _, err := r.Call(ctx, "sendMessage", json.RawMessage(`["15550000002@c.us","third"]`), ""); !fault.Is(err, fault.Deadline) {
		t.Errorf("no ack: %v", err)
	}
}

func TestWhatsmeowByReflection(t *testing.T) {
	r := newRig(t)
	bob := r.contact("15550000002", "Bob")
	response := ask[struct{ ID, Timestamp string }](r, "whatsmeow.SendMessage", "15550000002@c.us", map[string]any{"conversation": "raw"})
	if got := r.received(bob, "raw"); got.ID != response.ID || response.Timestamp == "" {
		t.Errorf("sent %+v, received %s", response, got.ID)
	}
	if m := ask[*shape.Message](r, "getMessageById", "true_15550000002@c.us_"+response.ID); m == nil || m.Body != "raw" {
		t.Errorf("the mirror has %+v", m)
	}
	ask[any](r, "whatsmeow.RevokeMessage", "15550000002@c.us", response.ID)
	if kinds := strings.Join(r.feed("15550000002@c.us"), " "); !strings.Contains(kinds, "message_revoke_everyone") {
		t.Errorf("feed after revoking: %s", kinds)
	}
	answers := ask[[]struct {
		IsIn        bool
		PhoneNumber string
	}](r, "whatsmeow.IsOnWhatsApp", []string{"+15550000002"})
	if len(answers) != 1 || !answers[0].IsIn || answers[0].PhoneNumber != "15550000002@s.whatsapp.net" {
		t.Errorf("answers %+v", answers)
	}
	users := ask[map[string]struct{ Devices []string }](r, "whatsmeow.GetUserInfo", []string{"15550000002@c.us"})
	if len(users["15550000002@s.whatsapp.net"].Devices) == 0 {
		t.Errorf("users %+v", users)
	}
	group := ask[struct {
		JID          types.JID
		Name         string
		Participants []struct{ JID string }
	}](r, "whatsmeow.CreateGroup", map[string]any{"name": "Holiday", "participants": []string{"15550000002@c.us"}})
	if group.Name != "Holiday" || len(group.Participants) != 2 {
		t.Errorf("group %+v", group)
	}
	await(r, "group", func(e *events.JoinedGroup) bool { return e.JID == group.JID })
	ask[shape.Message](r, "sendMessage", group.JID.String(), "hello group")
	if got := r.received(bob, "hello group"); got.Chat != group.JID {
		t.Errorf("group message arrived in %s", got.Chat)
	}
	if _, err := r.try("", "whatsmeow.GetGroupInfo", "120363999999999999@g.us"); !fault.Is(err, fault.NotFound) {
		t.Errorf("a group that is not there: %v", err)
	}
}

// TestNothingOddBreaksALiveClient repeats the walk over whatsmeow's methods
// where the simulator answers.
func TestNothingOddBreaksALiveClient(t *testing.T) {
	r := newRig(t)
	devices := r.me.Devices()
	device := devices[len(devices)-1]
	logins := device.Logins()
	for _, m := range reflectedMethods() {
		switch m.name {
		case "Logout", "ResetConnection", "SetPassive":
			continue // they end what the others need
		}
		if m.reason != "" || m.need == needClient {
			continue
		}
		good := samples(m)
		lists := [][]string{good}
		for place := range good {
			for _, value := range odd {
				list := append([]string(nil), good...)
				list[place] = value
				lists = append(lists, list)
			}
		}
		for _, list := range lists {
			if _, err := m.decode(rawList(list)); err == nil {
				try(t, r.Table, familyPrefix+m.name, "["+strings.Join(list, ",")+"]")
			}
		}
	}
	// A stanza that WhatsApp cannot read ends the connection.
	if n := device.Logins(); n != logins || !device.Connected() {
		t.Errorf("the connection was lost %d times", n-logins)
	}
}

func TestTheAccountItself(t *testing.T) {
	r := newRig(t)
	await(r, "app state", func(e *events.AppStateSyncComplete) bool { return e.Name == appstate.WAPatchCriticalBlock })
	if info := ask[shape.ClientInfo](r, "info"); info.Wid.Serialized != "15550000001@c.us" || info.Pushname != "Alice" || info.Platform != "android" {
		t.Errorf("info %+v", info)
	}
	if state := ask[string](r, "getState"); state != "CONNECTED" {
		t.Errorf("state %s", state)
	}
	ask[any](r, "logout")
	ask[any](r, "whatsmeow.Logout")
	if r.logouts != 2 {
		t.Errorf("the worker was asked %d times to log out", r.logouts)
	}
}
