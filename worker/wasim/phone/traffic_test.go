package phone

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"
)

func TestTextsGoBothWaysWithReceipts(t *testing.T) {
	r := newRouter()
	alice, bob := r.phone(t, 1, "Alice", History{}), r.phone(t, 2, "Bob", History{})
	atBob, atAlice, receipts := inboxOf(bob), inboxOf(alice), receiptsOf(alice)

	id, err := alice.SendText(t.Context(), bob.PN(), "hello")
	if err != nil {
		t.Fatal(err)
	}
	got := next(t, atBob)
	if got.ID != id || got.Text != "hello" || got.Sender != alice.LID() || got.PN != alice.PN() ||
		got.Chat != alice.LID() || got.PushName != "Alice" || got.Own {
		t.Fatalf("got %+v", got)
	}
	if receipt := next(t, receipts); receipt.Type != "" || receipt.IDs[0] != id || receipt.From != bob.LID() {
		t.Fatalf("got receipt %+v", receipt)
	}
	if err := bob.MarkRead(t.Context(), got.Chat, got.Sender, got.ID, "OTHER"); err != nil {
		t.Fatal(err)
	}
	if receipt := next(t, receipts); receipt.Type != "read" || len(receipt.IDs) != 2 {
		t.Fatalf("got receipt %+v", receipt)
	}

	if _, err := bob.SendText(t.Context(), got.Chat, "hi @you", Reply(got), Mentions(alice.LID())); err != nil {
		t.Fatal(err)
	}
	answer := next(t, atAlice)
	info := answer.Message.GetExtendedTextMessage().GetContextInfo()
	if answer.Text != "hi @you" || info.GetStanzaID() != id || info.GetParticipant() != alice.LID().String() ||
		info.GetMentionedJID()[0] != alice.LID().String() {
		t.Fatalf("got %+v", answer)
	}
	if _, err := bob.React(t.Context(), alice.LID(), alice.LID(), id, "+1"); err != nil {
		t.Fatal(err)
	}
	reaction := next(t, atAlice).Message.GetReactionMessage()
	if reaction.GetText() != "+1" || reaction.GetKey().GetID() != id || reaction.GetKey().GetFromMe() {
		t.Fatalf("got %v", reaction)
	}
}

// What was encrypted before waits until it is handed over, and decrypts then.
func TestTextsPreparedAhead(t *testing.T) {
	r := newRouter()
	alice, bob := r.phone(t, 1, "Alice", History{}), r.phone(t, 2, "Bob", History{})
	carol := r.phone(t, 3, "Carol", History{})
	atBob := inboxOf(bob)
	var handOver []func()
	for i := range 3 {
		_, hand, err := alice.PrepareText(t.Context(), bob.PN(), fmt.Sprint("text ", i))
		if err != nil {
			t.Fatal(err)
		}
		handOver = append(handOver, hand)
	}
	if _, err := carol.SendText(t.Context(), bob.PN(), "between"); err != nil {
		t.Fatal(err)
	}
	if got := next(t, atBob); got.Text != "between" {
		t.Fatalf("%q came before it was handed over", got.Text)
	}
	for i, hand := range handOver {
		hand()
		if got := next(t, atBob); got.Text != fmt.Sprint("text ", i) {
			t.Fatalf("got %q as number %d", got.Text, i)
		}
	}
}

// Both sides write first at the same time, and so there are two sessions. What
// crosses then is read at once: a message in the one does not spoil the other.
func TestTwoSessionsAtATime(t *testing.T) {
	r := newRouter()
	alice, bob := r.phone(t, 1, "Alice", History{}), r.phone(t, 2, "Bob", History{})
	atAlice, atBob := inboxOf(alice), inboxOf(bob)
	prepared := func(from, to *Phone, text string) (handOver func()) {
		t.Helper()
		_, handOver, err := from.PrepareText(t.Context(), to.PN(), text)
		if err != nil {
			t.Fatal(err)
		}
		return handOver
	}
	arrives := func(at <-chan Received, text string) {
		t.Helper()
		if got := next(t, at); got.Text != text || got.Retry != 0 {
			t.Fatalf("got %q by retry %d, not %q at once", got.Text, got.Retry, text)
		}
	}
	inBobs := prepared(bob, alice, "in Bob's session")
	prepared(alice, bob, "in Alice's")()
	arrives(atBob, "in Alice's")
	inAlices := prepared(bob, alice, "in Alice's, too")
	inBobs()
	arrives(atAlice, "in Bob's session")
	prepared(alice, bob, "in Bob's, too")()
	arrives(atBob, "in Bob's, too")
	inAlices()
	arrives(atAlice, "in Alice's, too")
	prepared(bob, alice, "in Bob's again")()
	arrives(atAlice, "in Bob's again")
	prepared(alice, bob, "and back")()
	arrives(atBob, "and back")
}

func TestGroupTextReachesMembersAndFollowsMembership(t *testing.T) {
	r := newRouter()
	group := types.NewJID("120363000000000001", types.GroupServer)
	alice, bob := r.phone(t, 1, "Alice", History{}), r.phone(t, 2, "Bob", History{})
	carol := r.phone(t, 3, "Carol", History{})
	r.groups[group] = []types.JID{alice.LID(), bob.LID(), carol.LID()}
	atAlice, atBob, atCarol := inboxOf(alice), inboxOf(bob), inboxOf(carol)

	for i := range 3 {
		text := fmt.Sprint("text ", i)
		if _, err := alice.SendText(t.Context(), group, text); err != nil {
			t.Fatal(err)
		}
		for _, at := range []<-chan Received{atBob, atCarol} {
			if got := next(t, at); got.Text != text || got.Chat != group || got.Sender != alice.LID() {
				t.Fatalf("got %+v", got)
			}
		}
	}
	if _, err := bob.SendText(t.Context(), group, "back"); err != nil {
		t.Fatal(err)
	}
	if next(t, atAlice).Text != "back" || next(t, atCarol).Text != "back" {
		t.Fatal("answer did not reach the group")
	}

	ownKey := func() uint32 {
		alice.mu.Lock()
		defer alice.mu.Unlock()
		key, err := alice.store.LoadSenderKey(t.Context(), senderKeyName(group, alice.lid))
		if err != nil {
			t.Fatal(err)
		}
		state, err := key.SenderKeyState()
		if err != nil {
			t.Fatal(err)
		}
		return state.KeyID()
	}
	before := ownKey()
	r.mu.Lock()
	r.groups[group] = []types.JID{alice.LID(), bob.LID()}
	r.mu.Unlock()
	if _, err := alice.SendText(t.Context(), group, "without Carol"); err != nil {
		t.Fatal(err)
	}
	if next(t, atBob).Text != "without Carol" {
		t.Fatal("text lost after a member left")
	}
	if ownKey() == before {
		t.Fatal("sender key outlived a member")
	}
}

func TestUndecryptableMessageArrivesOnTheSecondTry(t *testing.T) {
	for _, kind := range []string{"direct", "group"} {
		t.Run(kind, func(t *testing.T) {
			r := newRouter()
			alice, bob := r.phone(t, 1, "Alice", History{}), r.phone(t, 2, "Bob", History{})
			to := bob.PN()
			if kind == "group" {
				to = types.NewJID("120363000000000001", types.GroupServer)
				r.groups[to] = []types.JID{alice.LID(), bob.LID()}
			}
			atBob := inboxOf(bob)
			spoiled := false
			r.spoil = func(_ types.JID, enc *waBinary.Node) {
				if !spoiled {
					spoiled = true
					broken := bytes.Clone(content(*enc))
					broken[len(broken)-1] ^= 0xff
					enc.Content = broken
				}
			}
			if _, err := alice.SendText(t.Context(), to, "again"); err != nil {
				t.Fatal(err)
			}
			if got := next(t, atBob); got.Text != "again" || got.Retry != 1 {
				t.Fatalf("got %+v", got)
			}
			if _, err := alice.SendText(t.Context(), to, "after"); err != nil {
				t.Fatal(err)
			}
			if got := next(t, atBob); got.Text != "after" || got.Retry != 0 {
				t.Fatalf("got %+v", got)
			}
			if err := bob.Wait(timeout(t)); err != nil {
				t.Fatal(err)
			}
			bob.mu.Lock()
			defer bob.mu.Unlock()
			if len(bob.failures) != 0 {
				t.Fatal("failure still booked")
			}
		})
	}
}

func TestRetriesEnd(t *testing.T) {
	r := newRouter()
	alice, bob := r.phone(t, 1, "Alice", History{}), r.phone(t, 2, "Bob", History{})
	receipts := receiptsOf(alice)
	r.spoil = func(_ types.JID, enc *waBinary.Node) {
		broken := bytes.Clone(content(*enc))
		broken[len(broken)-1] ^= 0xff
		enc.Content = broken
	}
	if _, err := alice.SendText(t.Context(), bob.PN(), "never"); err != nil {
		t.Fatal(err)
	}
	for i := range maxRetries {
		if receipt := next(t, receipts); receipt.Type != "retry" {
			t.Fatalf("receipt %d is %+v", i, receipt)
		}
	}
	for range 3 {
		for _, p := range []*Phone{alice, bob} {
			if err := p.Wait(timeout(t)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if len(alice.Receipts()) != maxRetries || len(bob.Received()) != 0 {
		t.Fatalf("%d retry receipts, %d messages", len(alice.Receipts()), len(bob.Received()))
	}
}

func TestRepeatedFrameIsIgnored(t *testing.T) {
	r := newRouter()
	alice, bob := r.phone(t, 1, "Alice", History{}), r.phone(t, 2, "Bob", History{})
	atBob, atAlice, receipts := inboxOf(bob), inboxOf(alice), receiptsOf(alice)
	// An answer ends the prekey stage, so that what follows are ordinary messages.
	if _, err := alice.SendText(t.Context(), bob.PN(), "one"); err != nil {
		t.Fatal(err)
	}
	next(t, atBob)
	next(t, receipts)
	if _, err := bob.SendText(t.Context(), alice.PN(), "two"); err != nil {
		t.Fatal(err)
	}
	next(t, atAlice)
	var frame waBinary.Node
	r.mu.Lock()
	r.spoil = func(to types.JID, enc *waBinary.Node) { frame = *enc }
	r.mu.Unlock()
	id, err := alice.SendText(t.Context(), bob.PN(), "three")
	if err != nil {
		t.Fatal(err)
	}
	next(t, atBob)
	next(t, receipts)
	bob.Receive(waBinary.Node{
		Tag: "message", Attrs: waBinary.Attrs{"id": id, "from": alice.LID(), "t": unix(time.Now()), "type": "text"},
		Content: []waBinary.Node{frame},
	})
	if receipt := next(t, receipts); receipt.Type != "" {
		t.Fatalf("repetition answered by %q", receipt.Type)
	}
	if n := len(bob.Received()); n != 2 {
		t.Fatalf("%d messages booked", n)
	}
}

func TestCompanionsGetCopies(t *testing.T) {
	r := newRouter()
	alice, bob := r.phone(t, 1, "Alice", History{}), r.phone(t, 2, "Bob", History{})
	laptop := r.link(alice, 1)
	if _, err := alice.SendText(t.Context(), bob.PN(), "copy"); err != nil {
		t.Fatal(err)
	}
	node, message := laptop.message(t)
	sent := message.GetDeviceSentMessage()
	if sent.GetMessage().GetConversation() != "copy" || sent.GetDestinationJID() != bob.LID().String() ||
		attrJID(node, "recipient") != bob.LID() {
		t.Fatalf("companion got %v", message)
	}
}

func TestAutoReadAndAutoReply(t *testing.T) {
	r := newRouter()
	alice, bob := r.phone(t, 1, "Alice", History{}), r.phone(t, 2, "Bob", History{})
	bob.AutoRead(true)
	bob.AutoReply(func(got Received) string { return "re: " + got.Text })
	atAlice, receipts := inboxOf(alice), receiptsOf(alice)
	if _, err := alice.SendText(t.Context(), bob.PN(), "ping"); err != nil {
		t.Fatal(err)
	}
	if got := next(t, atAlice); got.Text != "re: ping" {
		t.Fatalf("got %+v", got)
	}
	if next(t, receipts).Type != "" || next(t, receipts).Type != "read" {
		t.Fatalf("got %+v", alice.Receipts())
	}
}

func TestAttachmentTravels(t *testing.T) {
	r := newRouter()
	alice, bob := r.phone(t, 1, "Alice", History{}), r.phone(t, 2, "Bob", History{})
	atBob := inboxOf(bob)
	picture := bytes.Repeat([]byte("picture"), 1000)
	if _, err := alice.SendImage(t.Context(), bob.PN(), "image/jpeg", picture, "look"); err != nil {
		t.Fatal(err)
	}
	got := next(t, atBob)
	data, err := bob.Download(got.Message)
	if err != nil || !bytes.Equal(data, picture) || got.Text != "look" {
		t.Fatalf("got %d bytes, %v", len(data), err)
	}
}

func TestOrderHoldsAtRate(t *testing.T) {
	r := newRouter()
	alice, bob := r.phone(t, 1, "Alice", History{}), r.phone(t, 2, "Bob", History{})
	atBob := inboxOf(bob)
	const n = 2000
	start := time.Now()
	for i := range n {
		if _, err := alice.SendText(t.Context(), bob.PN(), fmt.Sprint(i)); err != nil {
			t.Fatal(err)
		}
	}
	sent := time.Since(start)
	for i := range n {
		if got := next(t, atBob); got.Text != fmt.Sprint(i) {
			t.Fatalf("message %d is %q", i, got.Text)
		}
	}
	t.Logf("%.0f sent a second, %.0f received", n/sent.Seconds(), n/time.Since(start).Seconds())
}

func TestSendToNobodyFails(t *testing.T) {
	r := newRouter()
	alice := r.phone(t, 1, "Alice", History{})
	if _, err := alice.SendText(t.Context(), types.NewJID("19999999999", types.DefaultUserServer), "?"); err == nil {
		t.Fatal("message to an unknown number was sent")
	}
	if _, err := alice.SendText(t.Context(), types.NewJID("120363000000000009", types.GroupServer), "?"); err == nil {
		t.Fatal("message to an unknown group was sent")
	}
}
