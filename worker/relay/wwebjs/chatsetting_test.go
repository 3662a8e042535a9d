package wwebjs

import (
	"slices"
	"strings"
	"testing"
	"time"

	"go.mau.fi/whatsmeow/appstate"

	"whatsapp-manager/proto/fault"
	"whatsapp-manager/worker/relay/relaytest"
	"whatsapp-manager/worker/shape"
	"whatsapp-manager/worker/wasim"
	"whatsapp-manager/worker/wasim/phone"
)

func TestChatSettingsReachThePhone(t *testing.T) {
	r := newRig(t)
	r.Synced()
	bob := r.Contact("15550000002", "Bob")
	chat := "15550000002@c.us"
	r.Say(bob, "hello")
	onPhone := func(what string, ok func(phone.ChatState) bool) {
		t.Helper()
		r.Eventually(what, func() bool { return ok(r.Me.Phone().Chat(bob.PN())) })
	}
	ours := func() shape.Chat { return ask[shape.Chat](r, "getChatById", chat) }

	if !ask[bool](r, "archiveChat", chat) || !ours().Archived {
		t.Error("archiveChat")
	}
	onPhone("archived", func(s phone.ChatState) bool { return s.Archived })
	if ask[bool](r, "Chat.unarchive", chat) || ours().Archived {
		t.Error("unarchive")
	}
	onPhone("not archived", func(s phone.ChatState) bool { return !s.Archived })
	if kinds := r.Feed(chat); strings.Count(strings.Join(kinds, " "), "chat_archived") != 2 {
		t.Errorf("events %v, want chat_archived twice", kinds)
	}

	if !ask[bool](r, "Chat.pin", chat) || !ours().Pinned {
		t.Error("pin")
	}
	onPhone("pinned", func(s phone.ChatState) bool { return s.Pinned })
	if ask[bool](r, "unpinChat", chat) || ours().Pinned {
		t.Error("unpin")
	}
	onPhone("not pinned", func(s phone.ChatState) bool { return !s.Pinned })

	until := time.Now().Add(48 * time.Hour).Truncate(time.Second)
	if got := ask[muteResult](r, "muteChat", chat, until.Format(time.RFC3339)); !got.IsMuted || got.MuteExpiration != until.Unix() {
		t.Errorf("mute: %+v", got)
	}
	onPhone("muted until then", func(s phone.ChatState) bool { return s.Muted && s.MutedUntil.Unix() == until.Unix() })
	if now := ours(); !now.IsMuted || now.MuteExpiration != until.Unix() {
		t.Errorf("muted chat: %v %d", now.IsMuted, now.MuteExpiration)
	}
	if got := ask[muteResult](r, "Chat.mute", chat); got.MuteExpiration != -1 {
		t.Errorf("mute for ever: %+v", got)
	}
	onPhone("muted for ever", func(s phone.ChatState) bool { return s.Muted && s.MutedUntil.IsZero() })
	if got := ask[muteResult](r, "Chat.unmute", chat); got.IsMuted || got.MuteExpiration != 0 || ours().IsMuted {
		t.Errorf("unmute: %+v", got)
	}
	onPhone("not muted", func(s phone.ChatState) bool { return !s.Muted })

	ask[any](r, "sendSeen", chat)
	ask[any](r, "markChatUnread", chat)
	onPhone("unread", func(s phone.ChatState) bool { return s.MarkedUnread })
	if n := ours().UnreadCount; n != -1 {
		t.Errorf("unread count %d of a chat marked as unread", n)
	}
	if !ask[bool](r, "sendSeen", chat) {
		t.Error("sendSeen")
	}
	onPhone("read", func(s phone.ChatState) bool { return !s.MarkedUnread })
}

func TestNoMoreThanThreePins(t *testing.T) {
	r := newRig(t)
	r.Synced()
	for i, number := range []string{"15550000002", "15550000003", "15550000004", "15550000005"} {
		r.Say(r.Contact(number, "Contact"), "hello")
		if got, want := ask[bool](r, "pinChat", number+"@c.us"), i < 3; got != want {
			t.Errorf("pin %d: %v", i+1, got)
		}
	}
	if state := r.Me.Phone().Chat(r.Sim.Account("15550000005").PN()); state.Pinned {
		t.Error("the fourth chat is pinned")
	}
	if !ask[bool](r, "pinChat", "15550000002@c.us") {
		t.Error("a chat that is pinned cannot be pinned again")
	}
}

func TestClearAndDelete(t *testing.T) {
	r := newRig(t)
	r.Synced()
	bob, carol := r.Contact("15550000002", "Bob"), r.Contact("15550000003", "Carol")
	for _, who := range []*wasim.Account{bob, carol} {
		r.Say(who, "one")
		r.Say(who, "two")
	}
	if !ask[bool](r, "Chat.clearMessages", "15550000002@c.us") {
		t.Error("clearMessages")
	}
	if left := ask[[]shape.Message](r, "Chat.fetchMessages", "15550000002@c.us"); len(left) != 0 {
		t.Errorf("%d messages are left", len(left))
	}
	r.Eventually("the phone clears it", func() bool {
		v := r.Me.Phone().Setting(appstate.IndexClearChat, bob.PN().String(), "1", "0")
		return v.GetClearChatAction().GetMessageRange().GetLastMessageTimestamp() > 0
	})
	if !ask[bool](r, "Chat.delete", "15550000003@c.us") {
		t.Error("delete")
	}
	for _, c := range ask[[]shape.Chat](r, "getChats") {
		if c.ID.Serialized == "15550000003@c.us" {
			t.Error("the deleted chat is listed")
		}
	}
	if !slices.Contains(r.Feed("15550000003@c.us"), "chat_removed") {
		t.Errorf("events %v", r.Feed("15550000003@c.us"))
	}
	r.Eventually("the phone deletes it", func() bool {
		return r.Me.Phone().Setting(appstate.IndexDeleteChat, carol.PN().String(), "1") != nil
	})
}

func TestSettingsOfChatsThatAreNotKnown(t *testing.T) {
	r := newRig(t)
	for _, method := range []string{
		"archiveChat", "unarchiveChat", "pinChat", "unpinChat", "muteChat", "unmuteChat", "markChatUnread", "Chat.clearMessages", "Chat.delete",
	} {
		if _, err := r.Try("", method, "15559999999@c.us"); !fault.Is(err, fault.NotFound) {
			t.Errorf("%s: %v", method, err)
		}
		if _, err := r.Try("", method, 7); !fault.Is(err, fault.Invalid) {
			t.Errorf("%s with a number: %v", method, err)
		}
	}
	r.Say(r.Contact("15550000002", "Bob"), "hello")
	for _, date := range []any{"yesterday", "2020-01-01T00:00:00Z", true} {
		if _, err := r.Try("", "muteChat", "15550000002@c.us", date); !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), "params[1]") && relaytest.FieldOf(err) != "params[1]" {
			t.Errorf("mute until %v: %v", date, err)
		}
	}
}

func TestTypingIsSeen(t *testing.T) {
	r := newRig(t)
	bob := r.Contact("15550000002", "Bob")
	chat := "15550000002@c.us"
	for n, step := range []struct{ method, state, media string }{
		{"Chat.sendStateTyping", "composing", ""}, {"Chat.sendStateRecording", "composing", "audio"}, {"Chat.clearState", "paused", ""},
	} {
		if !ask[bool](r, step.method, chat) {
			t.Error(step.method)
		}
		r.Eventually(step.method, func() bool { return len(bob.Typing()) > n })
		if got := bob.Typing()[n]; got.State != step.state || got.Media != step.media || got.From.User != r.Me.PN().User && got.From.User != r.Me.LID().User {
			t.Errorf("%s: Bob saw %+v", step.method, got)
		}
	}
}
