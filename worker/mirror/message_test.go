package mirror

import (
	"errors"
	"testing"
	"time"

	"go.mau.fi/whatsmeow/proto/waE2E"
	"google.golang.org/protobuf/proto"

	"whatsapp-manager/worker/inbound"
	"whatsapp-manager/worker/shape"
)

func TestIncomingText(t *testing.T) {
	b := newBench(t)
	var heads []uint64
	b.OnHead(func(h uint64) { heads = append(heads, h) })
	change := inbound.Change{
		Account: us, Op: from(annaID, "A1", "hello <you> & me", 1000),
		Contacts: []inbound.Contact{{ID: annaID, PushName: "Anna"}},
	}
	events := b.expect("message_create message unread_count ", func() {
		if err := b.Apply(b.ctx, change); err != nil {
			t.Fatal(err)
		}
	})
	msg := decode[shape.Message](t, events[1].Args[0])
	if msg.Body != "hello <you> & me" || msg.From != annaID || msg.To != "4900@c.us" || msg.ID.Serialized != "false_4911@c.us_A1" {
		t.Errorf("message is %+v", msg)
	}
	if ch := decode[shape.Chat](t, events[2].Args[0]); ch.UnreadCount != 1 || ch.Name != "Anna" {
		t.Errorf("chat is %+v", ch)
	}
	if events[0].Lane != annaID || len(heads) != 1 || heads[0] != b.Head() {
		t.Errorf("lane %q, heads %v", events[0].Lane, heads)
	}
	b.expect("", func() { // redelivered to the same worker
		if err := b.Apply(b.ctx, change); err != nil {
			t.Fatal(err)
		}
	})
	b.Mirror = b.reopen(2)
	b.expect("", func() { // and to the one after a crash between commit and receipt
		if err := b.Apply(b.ctx, change); err != nil {
			t.Fatal(err)
		}
	})
	chats, err := b.Chats(b.ctx)
	if err != nil || len(chats) != 1 || chats[0].UnreadCount != 1 || chats[0].LastMessage.Body != "hello <you> & me" {
		t.Errorf("chats %+v, %v", chats, err)
	}
}

func TestRedeliveryOfDeletedMessageTellsNothing(t *testing.T) {
	b := newBench(t)
	b.apply(from(annaID, "A1", "x", 1000))
	b.expect("message_revoke_me ", func() {
		b.apply(&inbound.DeleteForMe{Chat: annaID, ID: "A1", At: time.Unix(1001, 0)})
	})
	b.expect("", func() { b.apply(from(annaID, "A1", "x", 1000)) })
	if _, err := b.Message(b.ctx, "A1"); !errors.Is(err, ErrNotFound) {
		t.Errorf("a deleted message came back: %v", err)
	}
}

func TestOwnMessageFromPhone(t *testing.T) {
	b := newBench(t)
	m := sent(annaID, "P1", "from my phone", 1000)
	m.Sent = false
	events := b.expect("message_create ", func() { b.apply(m) })
	if msg := decode[shape.Message](t, events[0].Args[0]); !msg.FromMe || msg.Ack != 1 || msg.To != annaID {
		t.Errorf("message is %+v", msg)
	}
}

func TestUndecryptableThenReadable(t *testing.T) {
	b := newBench(t)
	b.expect("message_ciphertext ", func() {
		b.apply(&inbound.Message{Chat: annaID, ID: "C1", Sender: annaID, At: time.Unix(1000, 0), Type: shape.TypeCiphertext, Ack: 1})
	})
	b.expect("", func() {
		b.apply(&inbound.Message{Chat: annaID, ID: "C1", Sender: annaID, At: time.Unix(1000, 0), Type: shape.TypeCiphertext, Ack: 1})
	})
	b.expect("message_create message unread_count ", func() { b.apply(from(annaID, "C1", "now readable", 1000)) })
	if got := b.message("false_4911@c.us_C1"); got.Type != "chat" || got.Body != "now readable" {
		t.Errorf("message is %s %q", got.Type, got.Body)
	}
}

func TestReceiptsRaiseAckAndNeverLowerIt(t *testing.T) {
	b := newBench(t)
	events := b.expect("message_create message_ack ", func() {
		msg, err := b.RecordSent(b.ctx, inbound.Change{Account: us, Op: sent(annaID, "S1", "hi", 1000)})
		if err != nil || msg.Ack != 1 {
			t.Fatalf("recorded %+v, %v", msg, err)
		}
	})
	if created := decode[shape.Message](t, events[0].Args[0]); created.Ack != 0 {
		t.Errorf("message_create has ack %d", created.Ack)
	}
	receipt := func(level inbound.Level) func() {
		return func() {
			b.apply(&inbound.Receipt{Chat: annaID, IDs: []string{"S1"}, By: annaID, Level: level, At: time.Unix(1001, 0)})
		}
	}
	events = b.expect("message_ack ", receipt(inbound.LevelRead))
	if msg := decode[shape.Message](t, events[0].Args[0]); msg.Ack != 3 || string(events[0].Args[1]) != "3" {
		t.Errorf("ack event %d %s", msg.Ack, events[0].Args[1])
	}
	b.expect("", receipt(inbound.LevelDelivered))
	b.expect("", receipt(inbound.LevelRead))
	if got := b.message("S1"); got.Ack != 3 {
		t.Errorf("ack is %d", got.Ack)
	}
	again, err := b.RecordSent(b.ctx, inbound.Change{Account: us, Op: sent(annaID, "S1", "hi", 1000)})
	if err != nil || again.Ack != 3 {
		t.Errorf("recorded again: %+v, %v", again, err)
	}
}

func TestReceiptBeforeMessageIsRecorded(t *testing.T) {
	b := newBench(t)
	b.expect("", func() {
		b.apply(&inbound.Receipt{Chat: annaID, IDs: []string{"S1"}, By: annaID, Level: inbound.LevelDelivered, At: time.Unix(1001, 0)})
		b.apply(&inbound.Receipt{Chat: annaID, IDs: []string{"S1"}, By: annaID, Level: inbound.LevelRead, At: time.Unix(1002, 0)})
	})
	b.expect("message_create message_ack message_ack ", func() {
		msg, err := b.RecordSent(b.ctx, inbound.Change{Account: us, Op: sent(annaID, "S1", "hi", 1000)})
		if err != nil || msg.Ack != 3 {
			t.Fatalf("recorded %+v, %v", msg, err)
		}
	})
}

func group(members ...string) shape.GroupMetadata {
	g := shape.GroupMetadata{ID: shape.NewWid(groupID), Subject: "Team", Size: len(members)}
	for _, id := range members {
		g.Participants = append(g.Participants, shape.GroupParticipant{ID: shape.NewWid(id)})
	}
	return g
}

func TestGroupAckRisesWhenAllHaveIt(t *testing.T) {
	b := newBench(t)
	b.apply(&inbound.Groups{Groups: []shape.GroupMetadata{group("4900@c.us", annaID, bertID)}})
	if _, err := b.RecordSent(b.ctx, inbound.Change{Account: us, Op: sent(groupID, "G1", "all", 1000)}); err != nil {
		t.Fatal(err)
	}
	receipt := func(by string, level inbound.Level) func() {
		return func() {
			b.apply(&inbound.Receipt{Chat: groupID, IDs: []string{"G1"}, By: by, Level: level, At: time.Unix(1001, 0)})
		}
	}
	b.expect("", receipt(annaID, inbound.LevelRead))
	b.expect("message_ack ", receipt(bertID, inbound.LevelDelivered))
	b.expect("", receipt(bertID, inbound.LevelDelivered))
	events := b.expect("message_ack ", receipt(bertID, inbound.LevelRead))
	if string(events[0].Args[1]) != "3" {
		t.Errorf("ack %s", events[0].Args[1])
	}
	info, err := b.Info(b.ctx, "true_12036@g.us_G1_4900@c.us")
	if err != nil || len(info.Read) != 2 || info.ReadRemaining != 0 || info.PlayedRemaining != 2 {
		t.Errorf("info %+v, %v", info, err)
	}
}

func TestReactionsReplaceAndVanish(t *testing.T) {
	b := newBench(t)
	b.apply(from(annaID, "A1", "x", 1000))
	react := func(id, emoji string, at int64) func() {
		return func() {
			b.apply(&inbound.Reaction{Chat: annaID, Target: "A1", TargetSender: annaID, ID: id, Sender: annaID, Text: emoji, AtMs: at, Unread: true})
		}
	}
	events := b.expect("message_reaction ", react("R1", "👍🏽", 5000))
	if r := decode[shape.Reaction](t, events[0].Args[0]); r.MsgID.Serialized != "false_4911@c.us_A1" || r.Orphan != 0 || r.Timestamp != 5 {
		t.Errorf("reaction %+v", r)
	}
	b.expect("", react("R1", "👍🏽", 5000))
	b.expect("", react("R0", "😢", 4000)) // older, arrives late
	if !b.message("A1").HasReaction {
		t.Error("hasReaction is false")
	}
	lists, err := b.Reactions(b.ctx, "A1")
	if err != nil || len(lists) != 1 || lists[0].AggregateEmoji != "👍" {
		t.Errorf("lists %+v, %v", lists, err)
	}
	b.expect("message_reaction ", react("R2", "", 6000))
	if b.message("A1").HasReaction {
		t.Error("hasReaction stays after the last was taken back")
	}
}

func TestReactionBeforeItsMessage(t *testing.T) {
	b := newBench(t)
	b.expect("message_reaction ", func() {
		b.apply(&inbound.Reaction{Chat: annaID, Target: "A9", TargetSender: annaID, ID: "R9", Sender: annaID, Text: "👍", AtMs: 1})
	})
	b.apply(from(annaID, "A9", "late", 1000))
	if !b.message("A9").HasReaction {
		t.Error("a late message does not know its reaction")
	}
}

func TestEditAndRevoke(t *testing.T) {
	b := newBench(t)
	b.apply(&inbound.Message{
		Chat: annaID, ID: "A1", Sender: annaID, At: time.Unix(1000, 0), Ack: 1,
		Raw: &waE2E.Message{ImageMessage: &waE2E.ImageMessage{Caption: proto.String("old"), DirectPath: proto.String("/v/x"), MediaKey: []byte{1}}},
	})
	edit := &inbound.Edit{
		Chat: annaID, Target: "A1", ID: "E1", Sender: annaID, AtMs: 2000_000, At: time.Unix(2000, 0),
		Raw: &waE2E.Message{ImageMessage: &waE2E.ImageMessage{Caption: proto.String("new")}},
	}
	events := b.expect("message_edit ", func() { b.apply(edit) })
	if string(events[0].Args[1]) != `"new"` || string(events[0].Args[2]) != `"old"` {
		t.Errorf("edit told %s %s", events[0].Args[1], events[0].Args[2])
	}
	got := b.message("A1")
	if got.Body != "new" || !got.HasMedia || got.MediaKey == "" || got.LatestEditSenderTimestampMs != 2000_000 {
		t.Errorf("edited message %+v", got)
	}
	b.expect("", func() { b.apply(edit) })
	forged := *edit
	forged.ID, forged.Sender, forged.AtMs = "E2", bertID, 3000_000
	b.expect("", func() { b.apply(&forged) })

	revoke := &inbound.Revoke{Chat: annaID, Target: "A1", TargetSender: annaID, ID: "V1", By: annaID, At: time.Unix(3000, 0)}
	badRevoke := *revoke
	badRevoke.By = bertID
	b.expect("", func() { b.apply(&badRevoke) })
	events = b.expect("message_revoke_everyone ", func() { b.apply(revoke) })
	after, before := decode[shape.Message](t, events[0].Args[0]), decode[shape.Message](t, events[0].Args[1])
	if after.Type != "revoked" || after.Body != "" || before.Body != "new" || after.ID.Serialized != before.ID.Serialized {
		t.Errorf("revoked %+v before %+v", after, before)
	}
	b.expect("", func() { b.apply(revoke) })
	b.expect("", func() { b.apply(edit) })
	var raw []byte
	if err := b.pool.QueryRow(b.ctx, `select raw from messages where id = 'A1'`).Scan(&raw); err != nil || raw != nil {
		t.Errorf("content of a revoked message is kept: %d bytes, %v", len(raw), err)
	}
}

func TestRevokeBeforeMessage(t *testing.T) {
	b := newBench(t)
	b.expect("message_revoke_everyone ", func() {
		b.apply(&inbound.Revoke{Chat: annaID, Target: "A1", TargetSender: annaID, ID: "V1", By: annaID, At: time.Unix(3000, 0)})
	})
	b.expect("", func() { b.apply(from(annaID, "A1", "too late", 1000)) })
	if got := b.message("A1"); got.Type != "revoked" || got.Body != "" {
		t.Errorf("message %+v", got)
	}
}

func TestUnreadCount(t *testing.T) {
	b := newBench(t)
	for i := range 4 {
		b.apply(from(annaID, name(i), "x", int64(1000+i)))
	}
	refs, err := b.Unread(b.ctx, annaID)
	if err != nil || len(refs) != 4 || refs[0].ID != name(3) || refs[0].Sender != anna {
		t.Fatalf("unread %+v, %v", refs, err)
	}
	events := b.expect("unread_count ", func() {
		b.apply(&inbound.Receipt{Chat: annaID, IDs: []string{name(1), name(2)}, By: "4900@c.us", Level: inbound.LevelRead, Self: true, At: time.Unix(2000, 0)})
	})
	if ch := decode[shape.Chat](t, events[0].Args[0]); ch.UnreadCount != 1 {
		t.Errorf("unread %d", ch.UnreadCount)
	}
	b.expect("unread_count ", func() {
		if err := b.MarkSeen(b.ctx, annaID); err != nil {
			t.Fatal(err)
		}
	})
	b.expect("", func() {
		if err := b.MarkSeen(b.ctx, annaID); err != nil {
			t.Fatal(err)
		}
		if err := b.MarkSeen(b.ctx, "4999@c.us"); err != nil {
			t.Fatal(err)
		}
	})
	minus := -1
	b.expect("unread_count ", func() {
		b.apply(&inbound.ChatSetting{State: inbound.ChatState{ID: annaID, Unread: &minus}, At: time.Unix(3000, 0)})
	})
	b.expect("message_create message unread_count ", func() { b.apply(from(annaID, "N1", "x", 4000)) })
	if ch, err := b.Chat(b.ctx, annaID); err != nil || ch.UnreadCount != 1 {
		t.Errorf("chat %+v, %v", ch, err)
	}
}

func TestNotFound(t *testing.T) {
	b := newBench(t)
	for _, id := range []string{"nope", "false_4911@c.us_nope", "a_b", "", "\x00", "true_x_y"} {
		t.Run(id, func(t *testing.T) {
			if _, err := b.Message(b.ctx, id); !errors.Is(err, ErrNotFound) {
				t.Errorf("message %q: %v", id, err)
			}
		})
	}
	if _, err := b.Chat(b.ctx, annaID); !errors.Is(err, ErrNotFound) {
		t.Errorf("chat: %v", err)
	}
	c, err := b.Contact(b.ctx, annaID)
	if err != nil || *c.Number != "4911" || c.IsMyContact {
		t.Errorf("contact %+v, %v", c, err)
	}
}
