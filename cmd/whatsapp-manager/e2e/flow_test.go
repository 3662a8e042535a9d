package e2e

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"whatsapp-manager/cmd/internal/stack"
	"whatsapp-manager/worker/wasim"
	"whatsapp-manager/worker/wasim/phone"
)

func TestTheMainJob(t *testing.T) {
	t.Parallel()
	s := start(t)
	alice := link(t, s, person(t, "Alice", wasim.AccountOptions{Chats: 3, Messages: 10}))
	bob := person(t, "Bob", wasim.AccountOptions{})
	carol := link(t, s, person(t, "Carol", wasim.AccountOptions{}))
	hook := receiver(t)
	alice.hook(t, hook, "message", "message_ack")

	t.Run("a message out, receipts change its ack", func(t *testing.T) {
		sent := alice.text(t, wid(bob), "hello Bob")
		if !sent.FromMe || sent.Body != "hello Bob" || sent.To != wid(bob) {
			t.Errorf("sendMessage answered %+v", sent)
		}
		got := wait(t, bob.Phone(), "the text", func(r phone.Received) bool { return r.Text == "hello Bob" })
		if got.ID != sent.ID.ID {
			t.Errorf("the phone got id %s, the API said %s", got.ID, sent.ID.ID)
		}
		ackIs(t, alice, wid(bob), sent.ID.ID, 2)
		must(t, bob.Phone().MarkRead(deadline(t, 10*time.Second), alice.LID(), alice.LID(), got.ID))
		ackIs(t, alice, wid(bob), sent.ID.ID, 3)
		must(t, hook.Wait(deadline(t, 20*time.Second), "the webhook heard of the read receipt",
			func(events []stack.Event) bool {
				for _, ev := range events {
					if m, err := ev.Message(); err == nil && ev.Event == "message_ack" && m.ID.ID == sent.ID.ID && m.Ack == 3 {
						return true
					}
				}
				return false
			}))
	})

	t.Run("a message in, through the feed to the webhook", func(t *testing.T) {
		id := say(t, bob, alice.PN(), "hello Alice")
		must(t, hook.Wait(deadline(t, 20*time.Second), "the message arrived", func(events []stack.Event) bool {
			for _, ev := range events {
				if m, err := ev.Message(); err == nil && ev.Event == "message" && m.ID.ID == id {
					if m.Body != "hello Alice" || m.From != wid(bob) || ev.Instance != alice.id {
						t.Errorf("webhook got %+v of %s", m, ev.Instance)
					}
					return true
				}
			}
			return false
		}))
	})

	t.Run("between two instances", func(t *testing.T) {
		alice.text(t, wid(carol.Account), "hello Carol")
		eventually(t, 20*time.Second, "Carol's feed has the text",
			func() bool { return count(carol.events(t), "message", "hello Carol") == 1 })
		carol.text(t, wid(alice.Account), "hello from Carol")
		eventually(t, 20*time.Second, "Alice's feed has the answer",
			func() bool { return count(alice.events(t), "message", "hello from Carol") == 1 })
	})

	t.Run("reply, mention, reaction, seen", func(t *testing.T) {
		id := say(t, bob, alice.PN(), "a question")
		eventually(t, 20*time.Second, "the question arrived",
			func() bool { return count(alice.events(t), "message", "a question") == 1 })
		quoted := "false_" + wid(bob) + "_" + id
		var m stack.Message
		alice.call(t, "sendMessage", &m, wid(bob), "an answer @"+bob.Number(),
			map[string]any{"quotedMessageId": quoted, "mentions": []string{wid(bob)}})
		got := wait(t, bob.Phone(), "the reply", func(r phone.Received) bool {
			return strings.HasPrefix(r.Text,
				"an answer")
		})
		info := got.Message.GetExtendedTextMessage().GetContextInfo()
		if info.GetStanzaID() != id || len(info.GetMentionedJID()) != 1 {
			t.Errorf("reply without quote or mention: %v", info)
		}
		alice.call(t, "Message.react", nil, quoted, "👍")
		wait(t, bob.Phone(), "the reaction", func(r phone.Received) bool {
			return r.Message.GetReactionMessage().GetText() == "👍" && r.Message.GetReactionMessage().GetKey().GetID() == id
		})
		alice.call(t, "Chat.sendSeen", nil, wid(bob))
		eventually(t, 20*time.Second, "Bob's phone got the read receipt", func() bool {
			for _, r := range bob.Phone().Receipts() {
				if r.Type == "read" {
					return true
				}
			}
			return false
		})
	})

	t.Run("history and live messages are in the mirror", func(t *testing.T) {
		var chats []struct {
			ID struct {
				Serialized string `json:"_serialized"`
			} `json:"id"`
			Name        string         `json:"name"`
			Timestamp   int64          `json:"timestamp"`
			LastMessage *stack.Message `json:"lastMessage"`
		}
		alice.call(t, "getChats", &chats)
		if len(chats) < 5 {
			t.Fatalf("getChats has %d chats, want three of the history, Bob and Carol", len(chats))
		}
		seen := map[string]bool{}
		for _, chat := range chats {
			seen[chat.ID.Serialized] = true
			var messages []stack.Message
			alice.call(t, "Chat.fetchMessages", &messages, chat.ID.Serialized, map[string]any{"limit": 50})
			if len(messages) == 0 {
				t.Errorf("chat %s has no messages", chat.ID.Serialized)
			}
		}
		if !seen[wid(bob)] || !seen[wid(carol.Account)] {
			t.Errorf("Bob or Carol is missing from %v", seen)
		}
	})

	t.Run("who is on WhatsApp", func(t *testing.T) {
		var registered bool
		alice.call(t, "isRegisteredUser", &registered, wid(bob))
		if !registered {
			t.Error("Bob is said not to be registered")
		}
		alice.call(t, "isRegisteredUser", &registered, "19990001234@c.us")
		if registered {
			t.Error("a number nobody has is said to be registered")
		}
		var id struct {
			Serialized string `json:"_serialized"`
		}
		alice.call(t, "getNumberId", &id, bob.Number())
		if id.Serialized != wid(bob) {
			t.Errorf("getNumberId says %q", id.Serialized)
		}
		var state string
		alice.call(t, "getState", &state)
		if state != "CONNECTED" {
			t.Errorf("getState says %q", state)
		}
	})

	t.Run("a group", func(t *testing.T) {
		group, err := sim.CreateGroup("Friends", alice.Account, bob, carol.Account)
		must(t, err)
		id := say(t, bob, group, "hello group")
		for _, member := range []*linked{alice, carol} {
			eventually(t, 20*time.Second, "the group text arrived",
				func() bool { return count(member.events(t), "message", "hello group") == 1 })
		}
		for _, ev := range alice.events(t) {
			if m, err := ev.Message(); err == nil && ev.Event == "message" && m.ID.ID == id {
				if m.From != group.String() || m.Author != wid(bob) {
					t.Errorf("group text: from %s, author %s", m.From, m.Author)
				}
			}
		}
		alice.text(t, group.String(), "hello from the API")
		wait(t, bob.Phone(), "the group text", func(r phone.Received) bool {
			return r.Text == "hello from the API" &&
				r.Chat == group
		})
		eventually(t, 20*time.Second, "Carol's instance got it",
			func() bool { return count(carol.events(t), "message", "hello from the API") == 1 })
	})

	t.Run("whatsmeow's methods directly", func(t *testing.T) {
		var infos []map[string]any
		alice.call(t, "whatsmeow.IsOnWhatsApp", &infos, []string{"+" + bob.Number()})
		if len(infos) != 1 || infos[0]["IsIn"] != true {
			t.Errorf("IsOnWhatsApp answered %v", infos)
		}
		var groups []map[string]any
		alice.call(t, "whatsmeow.GetJoinedGroups", &groups)
		if len(groups) != 1 || groups[0]["Name"] != "Friends" {
			t.Errorf("GetJoinedGroups answered %v", groups)
		}
	})

	t.Run("logout keeps the data and the worker", func(t *testing.T) {
		before, err := s.Client.Instance(t.Context(), carol.id)
		must(t, err)
		carol.call(t, "logout", nil)
		in, err := s.Client.Until(deadline(t, 20*time.Second), carol.id, "logged out",
			func(in stack.Instance) bool { return in.Status != "ready" })
		must(t, err)
		if in.PID != before.PID || in.RestartCount != before.RestartCount {
			t.Errorf("logging out restarted the worker: %+v, before %+v", in, before)
		}
		if count(carol.events(t), "message", "hello Carol") != 1 {
			t.Error("the feed of a logged-out account lost its messages")
		}
	})
}

func TestPairByCode(t *testing.T) {
	t.Parallel()
	s := common.start(t)
	ctx := deadline(t, time.Minute)
	dave := person(t, "Dave", wasim.AccountOptions{})
	id, key, err := s.Client.Create(ctx, "by code")
	must(t, err)
	must(t, s.Client.Start(ctx, id))
	_, err = s.Client.QR(ctx, id)
	must(t, err)
	var out struct {
		Code string `json:"code"`
	}
	must(t, s.Client.Want(ctx, http.StatusOK, http.MethodPost, "/api/instances/"+id+"/pairing-code",
		map[string]string{"phoneNumber": dave.Number()}, &out))
	if len(out.Code) != 9 || out.Code[4] != '-' {
		t.Fatalf("code %q is not of the form ABCD-EFGH", out.Code)
	}
	must(t, dave.EnterCode(ctx, out.Code))
	in, err := s.Client.Ready(ctx, id)
	must(t, err)
	if in.PhoneNumber != dave.Number() {
		t.Errorf("phone number is %q, want %s", in.PhoneNumber, dave.Number())
	}
	erin := person(t, "Erin", wasim.AccountOptions{})
	l := &linked{Account: dave, stack: s, id: id, key: key}
	l.text(t, wid(erin), "paired by code")
	wait(t, erin.Phone(), "the text", func(r phone.Received) bool { return r.Text == "paired by code" })
}

// count says how many events of the type carry the text.
func count(events []stack.Event, event, text string) int {
	n := 0
	for _, ev := range events {
		if ev.Event != event {
			continue
		}
		if m, err := ev.Message(); err == nil && m.Body == text {
			n++
		}
	}
	return n
}

func ackIs(t *testing.T, l *linked, chat, id string, want int) {
	t.Helper()
	var messages []stack.Message
	eventually(t, 20*time.Second, "the ack rises", func() bool {
		l.call(t, "Chat.fetchMessages", &messages, chat, map[string]any{"limit": 50})
		for _, m := range messages {
			if m.ID.ID == id && m.Ack >= want {
				return true
			}
		}
		return false
	})
}
