package phone_test

import (
	"bytes"
	"errors"
	"fmt"
	"testing"
	"time"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/appstate"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/proto/waHistorySync"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"
	"google.golang.org/protobuf/proto"

	"whatsapp-manager/worker/wasim/phone"
)

func TestClientGetsTheBootstrap(t *testing.T) {
	ctx, s := simulator(t)
	bob := account(t, s, "15550000002", "Bob", phone.History{})
	alice := account(t, s, "15550000001", "Alice", phone.History{
		Contacts: []phone.Contact{{PN: bob.PN(), FullName: "Bob Builder", FirstName: "Bob", PushName: "Bobby"}},
		Conversations: []phone.Conversation{{Chat: bob.LID(), Name: "Bob Builder", Unread: 1, Archived: true, Messages: []phone.HistoryMessage{
			{ID: "H1", FromMe: true, Text: "mine", Time: time.Now().Add(-2 * time.Hour)},
			{ID: "H2", Text: "his", Time: time.Now().Add(-time.Hour)},
		}}},
	})
	c := pair(ctx, t, s, alice)

	history := await(c, "history", func(h *events.HistorySync) bool {
		return h.Data.GetSyncType() == waHistorySync.HistorySync_INITIAL_BOOTSTRAP
	})
	chat := history.Data.GetConversations()[0]
	parsed, err := c.ParseWebMessage(bob.LID(), chat.GetMessages()[0].GetMessage())
	if err != nil || parsed.Info.ID != "H2" || parsed.Info.IsFromMe || parsed.Info.Sender != bob.LID() ||
		chat.GetUnreadCount() != 1 {
		t.Fatalf("newest is %+v, %v", parsed, err)
	}
	parsed, err = c.ParseWebMessage(bob.LID(), chat.GetMessages()[1].GetMessage())
	if err != nil || !parsed.Info.IsFromMe || parsed.Message.GetConversation() != "mine" {
		t.Fatalf("oldest is %+v, %v", parsed, err)
	}
	await(c, "push names", func(h *events.HistorySync) bool { return h.Data.GetSyncType() == waHistorySync.HistorySync_PUSH_NAME })
	for _, name := range appstate.AllPatchNames {
		await(c, string(name), func(e *events.AppStateSyncComplete) bool { return e.Name == name && e.Version == 1 })
	}
	if c.Store.PushName != "Alice" {
		t.Errorf("push name is %q", c.Store.PushName)
	}
	contact, err := c.Store.Contacts.GetContact(ctx, bob.PN())
	if err != nil || contact.FullName != "Bob Builder" || contact.FirstName != "Bob" {
		t.Errorf("contact is %+v, %v", contact, err)
	}
	settings, err := c.Store.ChatSettings.GetChatSettings(ctx, bob.LID())
	if err != nil || !settings.Archived {
		t.Errorf("settings are %+v, %v", settings, err)
	}
	if unknown := s.Unknown(); len(unknown) > 0 {
		t.Errorf("server did not know %v", unknown)
	}
}

func TestAppStateGoesBothWays(t *testing.T) {
	ctx, s := simulator(t)
	bob := account(t, s, "15550000002", "Bob", phone.History{})
	alice := account(t, s, "15550000001", "Alice", phone.History{})
	c := pair(ctx, t, s, alice)
	p := alice.Phone()

	if err := p.Archive(ctx, bob.LID(), true); err != nil {
		t.Fatal(err)
	}
	if e := await[*events.Archive](c, "archive", nil); e.JID != bob.LID() || !e.Action.GetArchived() || e.FromFullSync {
		t.Fatalf("got %+v", e)
	}
	if err := p.Mute(ctx, bob.LID(), time.Time{}); err != nil {
		t.Fatal(err)
	}
	if e := await[*events.Mute](c, "mute", nil); !e.Action.GetMuted() {
		t.Fatalf("got %+v", e)
	}
	if err := p.SaveContact(ctx, phone.Contact{PN: bob.PN(), FullName: "Bob Builder"}); err != nil {
		t.Fatal(err)
	}
	if e := await[*events.Contact](c, "contact", nil); e.JID != bob.PN() || e.Action.GetFullName() != "Bob Builder" {
		t.Fatalf("got %+v", e)
	}
	if err := c.SendAppState(ctx, appstate.BuildPin(bob.LID(), true)); err != nil {
		t.Fatal(err)
	}
	if err := c.SendAppState(ctx, appstate.BuildArchive(bob.LID(), false, time.Now(), nil)); err != nil {
		t.Fatal(err)
	}
	if err := p.MarkChat(ctx, bob.LID(), false); err != nil {
		t.Fatal(err)
	}
	await(c, "mark as unread", func(e *events.MarkChatAsRead) bool { return !e.Action.GetRead() })
	if state := p.Chat(bob.PN()); state.Archived || !state.Pinned || !state.Muted || !state.MarkedUnread {
		t.Fatalf("phone holds %+v", state)
	}
}

func TestClientAsksItsPhone(t *testing.T) {
	ctx, s := simulator(t)
	bob := account(t, s, "15550000002", "Bob", phone.History{})
	day := time.Now().Add(-24 * time.Hour).Truncate(time.Second)
	alice := account(t, s, "15550000001", "Alice", phone.History{Conversations: []phone.Conversation{{
		Chat: bob.LID(), Messages: []phone.HistoryMessage{
			{ID: "OLD1", Text: "older", Time: day},
			{ID: "OLD2", Text: "newer", Time: day.Add(time.Hour)},
		},
	}}})
	c := pair(ctx, t, s, alice)

	known := &types.MessageInfo{ID: "OLD2", Timestamp: day.Add(time.Hour), MessageSource: types.MessageSource{Chat: bob.LID(), Sender: bob.LID()}}
	if _, err := c.SendPeerMessage(ctx, c.BuildHistorySyncRequest(known, 10)); err != nil {
		t.Fatal(err)
	}
	history := await(c, "older history", func(h *events.HistorySync) bool { return h.Data.GetSyncType() == waHistorySync.HistorySync_ON_DEMAND })
	messages := history.Data.GetConversations()[0].GetMessages()
	if len(messages) != 1 || messages[0].GetMessage().GetKey().GetID() != "OLD1" {
		t.Fatalf("got %v", messages)
	}

	asked, err := c.SendPeerMessage(ctx, c.BuildUnavailableMessageRequest(bob.LID(), bob.LID(), "OLD2"))
	if err != nil {
		t.Fatal(err)
	}
	resent := await(c, "resent message", func(m *events.Message) bool { return m.Info.ID == "OLD2" })
	if resent.UnavailableRequestID != asked.ID || resent.Message.GetConversation() != "newer" {
		t.Fatalf("got %+v", resent)
	}
}

func TestEverythingAPersonDoesReachesTheClient(t *testing.T) {
	ctx, s := simulator(t)
	bob := account(t, s, "15550000002", "Bob", phone.History{})
	alice := account(t, s, "15550000001", "Alice", phone.History{})
	c := pair(ctx, t, s, alice)
	sent, err := c.SendMessage(ctx, bob.PN(), &waE2E.Message{Conversation: proto.String("question")})
	if err != nil {
		t.Fatal(err)
	}
	question := received(ctx, t, bob.Phone(), func(m phone.Received) bool { return m.ID == sent.ID })

	id, err := bob.Phone().SendText(ctx, alice.PN(), "answer @you", phone.Reply(question), phone.Mentions(alice.LID()))
	if err != nil {
		t.Fatal(err)
	}
	info := c.awaitText("answer @you").Message.GetExtendedTextMessage().GetContextInfo()
	if info.GetStanzaID() != sent.ID || info.GetQuotedMessage().GetConversation() != "question" ||
		len(info.GetMentionedJID()) != 1 {
		t.Fatalf("context is %v", info)
	}
	if _, err := bob.Phone().React(ctx, alice.LID(), alice.LID(), sent.ID, "+1"); err != nil {
		t.Fatal(err)
	}
	await(c, "reaction", func(m *events.Message) bool {
		return m.Message.GetReactionMessage().GetText() == "+1" &&
			m.Message.GetReactionMessage().GetKey().GetID() == sent.ID
	})
	if _, err := bob.Phone().Edit(ctx, alice.LID(), id, "better answer"); err != nil {
		t.Fatal(err)
	}
	await(c, "edit", func(m *events.Message) bool {
		edit := m.Message.GetProtocolMessage()
		return m.IsEdit && edit.GetKey().GetID() == id && edit.GetEditedMessage().GetConversation() == "better answer"
	})
	if _, err := bob.Phone().Revoke(ctx, alice.LID(), id); err != nil {
		t.Fatal(err)
	}
	await(c, "revocation", func(m *events.Message) bool {
		return m.Message.GetProtocolMessage().GetType() == waE2E.ProtocolMessage_REVOKE &&
			m.Message.GetProtocolMessage().GetKey().GetID() == id
	})
	// And the other way.
	if _, err := c.SendMessage(ctx, bob.PN(), c.BuildReaction(bob.LID(), bob.LID(), id, "ok")); err != nil {
		t.Fatal(err)
	}
	received(ctx, t, bob.Phone(), func(m phone.Received) bool { return m.Message.GetReactionMessage().GetText() == "ok" })
	bob.Phone().Typing(alice.LID(), true)
	await(c, "typing", func(e *events.ChatPresence) bool {
		return e.State == types.ChatPresenceComposing && e.Sender == bob.LID()
	})
	// What the owner writes on the phone itself shows up on the client.
	if _, err := alice.Phone().SendText(ctx, bob.PN(), "from my phone"); err != nil {
		t.Fatal(err)
	}
	if own := c.awaitText("from my phone"); !own.Info.IsFromMe || own.Info.Chat != bob.LID() {
		t.Fatalf("got %+v", own.Info)
	}
}

func TestMediaBothWaysAndAfterExpiry(t *testing.T) {
	ctx, s := simulator(t)
	bob := account(t, s, "15550000002", "Bob", phone.History{})
	alice := account(t, s, "15550000001", "Alice", phone.History{})
	c := pair(ctx, t, s, alice)
	picture := bytes.Repeat([]byte("pixels"), 5000)

	up, err := c.Upload(ctx, picture, whatsmeow.MediaImage)
	if err != nil {
		t.Fatal(err)
	}
	sent, err := c.SendMessage(ctx, bob.PN(), &waE2E.Message{ImageMessage: &waE2E.ImageMessage{
		URL: &up.URL, DirectPath: &up.DirectPath, MediaKey: up.MediaKey, FileSHA256: up.FileSHA256,
		FileEncSHA256: up.FileEncSHA256, FileLength: &up.FileLength, Mimetype: proto.String("image/png"), Caption: proto.String("look"),
	}})
	if err != nil {
		t.Fatal(err)
	}
	at := received(ctx, t, bob.Phone(), func(m phone.Received) bool { return m.ID == sent.ID })
	if data, err := bob.Phone().Download(at.Message); err != nil || !bytes.Equal(data, picture) || at.Text != "look" {
		t.Fatalf("phone got %d bytes, %v", len(data), err)
	}

	id, err := bob.Phone().SendImage(ctx, alice.PN(), "image/png", picture, "mine")
	if err != nil {
		t.Fatal(err)
	}
	got := await(c, "image", func(m *events.Message) bool { return m.Info.ID == id })
	image := got.Message.GetImageMessage()
	if data, err := c.Download(ctx, image); err != nil || !bytes.Equal(data, picture) {
		t.Fatalf("client got %d bytes, %v", len(data), err)
	}

	received(ctx, t, alice.Phone(), func(m phone.Received) bool { return m.ID == id })
	if !s.Media().Expire(image.GetDirectPath()) {
		t.Fatal("image was not on the host")
	}
	if _, err := c.Download(ctx, image); !errors.Is(err, whatsmeow.ErrMediaDownloadFailedWith404) {
		t.Fatalf("expired image: %v", err)
	}
	if err := c.SendMediaRetryReceipt(ctx, &got.Info, image.GetMediaKey()); err != nil {
		t.Fatal(err)
	}
	retry := await(c, "media retry", func(e *events.MediaRetry) bool { return e.MessageID == id })
	answer, err := whatsmeow.DecryptMediaRetryNotification(retry, image.GetMediaKey())
	if err != nil {
		t.Fatal(err)
	}
	image.DirectPath = answer.DirectPath
	if data, err := c.Download(ctx, image); err != nil || !bytes.Equal(data, picture) {
		t.Fatalf("client got %d bytes, %v", len(data), err)
	}
}

func TestCorruptedMessagesArriveOnTheSecondTry(t *testing.T) {
	ctx, s := simulator(t)
	bob := account(t, s, "15550000002", "Bob", phone.History{})
	alice := account(t, s, "15550000001", "Alice", phone.History{})
	group, err := s.CreateGroup("Group", alice, bob)
	if err != nil {
		t.Fatal(err)
	}
	c := pair(ctx, t, s, alice)
	for i, to := range []types.JID{types.EmptyJID, group} {
		toAlice, toBob := to, to
		if to.IsEmpty() {
			toAlice, toBob = alice.PN(), bob.PN()
		}
		for round := range 3 {
			text := fmt.Sprintf("phone %d %d", i, round)
			bob.CorruptMessages(1)
			if _, err := bob.Phone().SendText(ctx, toAlice, text); err != nil {
				t.Fatal(err)
			}
			if m := c.awaitText(text); m.RetryCount == 0 {
				t.Errorf("%q was not corrupted", text)
			}
			// Every device has to ask again; a late answer would use up the next corruption.
			received(ctx, t, alice.Phone(), func(m phone.Received) bool { return m.Text == text })
			text = fmt.Sprintf("client %d %d", i, round)
			c.device.CorruptMessages(1)
			if _, err := c.SendMessage(ctx, toBob, &waE2E.Message{Conversation: proto.String(text)}); err != nil {
				t.Fatal(err)
			}
			if m := received(ctx, t, bob.Phone(), func(m phone.Received) bool { return m.Text == text }); m.Retry == 0 {
				t.Errorf("%q was not corrupted", text)
			}
			received(ctx, t, alice.Phone(), func(m phone.Received) bool { return m.Text == text })
		}
	}
}

func TestBurstsKeepTheirOrder(t *testing.T) {
	ctx, s := simulator(t)
	bob := account(t, s, "15550000002", "Bob", phone.History{})
	alice := account(t, s, "15550000001", "Alice", phone.History{})
	c := pair(ctx, t, s, alice)
	const n = 500
	start := time.Now()
	for i := range n {
		if _, err := bob.Phone().SendText(ctx, alice.PN(), fmt.Sprint("burst ", i)); err != nil {
			t.Fatal(err)
		}
	}
	handed := time.Since(start)
	c.awaitText(fmt.Sprint("burst ", n-1))
	t.Logf("%.0f handed over a second, %.0f received by the client", n/handed.Seconds(), n/time.Since(start).Seconds())
	c.mu.Lock()
	defer c.mu.Unlock()
	next := 0
	for _, event := range c.events {
		if m, ok := event.(*events.Message); ok && textOf(m) != "" {
			if textOf(m) != fmt.Sprint("burst ", next) {
				t.Fatalf("%q in place of %d", textOf(m), next)
			}
			next++
		}
	}
	if next != n {
		t.Fatalf("%d of %d arrived", next, n)
	}
}
