package mirror

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"go.mau.fi/whatsmeow/proto/waCommon"
	"go.mau.fi/whatsmeow/proto/waHistorySync"
	"go.mau.fi/whatsmeow/proto/waWeb"
	"go.mau.fi/whatsmeow/types/events"
	"google.golang.org/protobuf/proto"

	"whatsapp-manager/worker/inbound"
	"whatsapp-manager/worker/shape"
)

// past builds a history of chats × messages; every second message is ours.
func past(chats, messages int) *events.HistorySync {
	data := &waHistorySync.HistorySync{SyncType: waHistorySync.HistorySync_RECENT.Enum()}
	for c := range chats {
		jid := fmt.Sprintf("49%05d@s.whatsapp.net", c)
		conv := &waHistorySync.Conversation{
			ID: proto.String(jid), Name: proto.String(fmt.Sprint("Chat ", c)), UnreadCount: proto.Uint32(2),
			ConversationTimestamp: proto.Uint64(uint64(5000 + c)), Archived: proto.Bool(c%2 == 1), Pinned: proto.Uint32(uint32(c % 3)),
		}
		for i := range messages {
			conv.Messages = append(conv.Messages, &waHistorySync.HistorySyncMsg{Message: &waWeb.WebMessageInfo{
				Key: &waCommon.MessageKey{
					RemoteJID: proto.String(jid), FromMe: proto.Bool(i%2 == 1), ID: proto.String(fmt.Sprintf("H%d-%d", c, i)),
				},
				Message:          text(fmt.Sprint("message ", i)),
				MessageTimestamp: proto.Uint64(uint64(1000 + i)),
				Status:           waWeb.WebMessageInfo_READ.Enum(),
			}})
		}
		data.Conversations = append(data.Conversations, conv)
	}
	return &events.HistorySync{Data: data}
}

func TestHistoryFillsTheMirrorQuietly(t *testing.T) {
	b := newBench(t)
	e := past(3, 4)
	group := &waHistorySync.Conversation{
		ID: proto.String(groupID), Name: proto.String("Team"), ConversationTimestamp: proto.Uint64(9000),
		Participant: []*waHistorySync.GroupParticipant{
			{UserJID: proto.String("4900@s.whatsapp.net"), Rank: waHistorySync.GroupParticipant_SUPERADMIN.Enum()},
			{UserJID: proto.String("911@lid")},
		},
		Messages: []*waHistorySync.HistorySyncMsg{
			{Message: &waWeb.WebMessageInfo{
				Key:     &waCommon.MessageKey{RemoteJID: proto.String(groupID), ID: proto.String("G1"), Participant: proto.String("911@lid")},
				Message: text("in the group"), MessageTimestamp: proto.Uint64(9000), Starred: proto.Bool(true),
				Reactions: []*waWeb.Reaction{{Key: &waCommon.MessageKey{FromMe: proto.Bool(true), ID: proto.String("R1")}, Text: proto.String("👍"), SenderTimestampMS: proto.Int64(9001000)}},
			}},
			{Message: &waWeb.WebMessageInfo{
				Key:              &waCommon.MessageKey{RemoteJID: proto.String(groupID), ID: proto.String("G0")},
				MessageStubType:  waWeb.WebMessageInfo_GROUP_CHANGE_SUBJECT.Enum(),
				MessageTimestamp: proto.Uint64(8000), MessageStubParameters: []string{"Team"},
			}},
		},
	}
	e.Data.Conversations = append(e.Data.Conversations, group)
	e.Data.PhoneNumberToLidMappings = []*waHistorySync.PhoneNumberToLIDMapping{{PnJID: proto.String("4911@s.whatsapp.net"), LidJID: proto.String(annaLID)}}
	e.Data.Pushnames = []*waHistorySync.Pushname{{ID: proto.String("4911@s.whatsapp.net"), Pushname: proto.String("Anna")}}

	b.apply(from("4900001@c.us", "LIVE", "just now", 7000))
	b.expect("", func() { b.event(book{}, e) })
	b.expect("", func() { b.event(book{}, e) })

	chats, err := b.Chats(b.ctx)
	if err != nil || len(chats) != 4 {
		t.Fatalf("%d chats, %v", len(chats), err)
	}
	byID := map[string]shape.Chat{}
	for _, ch := range chats {
		byID[ch.ID.Serialized] = ch
	}
	if ch := byID["4900000@c.us"]; ch.UnreadCount != 2 || ch.Archived || ch.Name != "Chat 0" || ch.LastMessage.Body != "message 3" || ch.LastMessage.Ack != 3 {
		t.Errorf("chat 0: %+v", ch)
	}
	if ch := byID["4900001@c.us"]; ch.UnreadCount != 1 || ch.LastMessage.Body != "just now" || !ch.Archived {
		t.Errorf("the chat that is live already: %+v", ch)
	}
	g := byID[groupID]
	if g.GroupMetadata == nil || len(g.GroupMetadata.Participants) != 2 || g.GroupMetadata.Participants[1].ID.Serialized != annaID ||
		g.LastMessage.Author != annaID || !g.LastMessage.IsStarred || !g.LastMessage.HasReaction {
		t.Errorf("group: %+v", g)
	}
	list, err := b.Messages(b.ctx, groupID, Filter{})
	if err != nil || len(list) != 1 { // the notification is left out
		t.Errorf("%d messages in the group, %v", len(list), err)
	}
	if c, err := b.Contact(b.ctx, annaLID); err != nil || c.ID.Serialized != annaID || c.Pushname != "Anna" {
		t.Errorf("contact %+v, %v", c, err)
	}
}

func TestLongHistoryInBoundedMemory(t *testing.T) {
	b := newBench(t)
	e := past(20, 1000)
	most := uint64(0)
	runtime.GC()
	var before, now runtime.MemStats
	runtime.ReadMemStats(&before)
	change, _, err := inbound.Translate(b.ctx, us, book{}, e)
	if err != nil {
		t.Fatal(err)
	}
	each := change.Op.(*inbound.History).Each
	change.Op = &inbound.History{Each: func(yield func(inbound.Past) error) error {
		return each(func(p inbound.Past) error {
			if n := len(p.Messages) + len(p.Chats); n > 600 {
				t.Errorf("a part of %d rows", n)
			}
			err := yield(p)
			runtime.GC()
			runtime.ReadMemStats(&now)
			most = max(most, now.HeapAlloc)
			return err
		})
	}}
	start := time.Now()
	b.expect("", func() {
		if err := b.Apply(b.ctx, change); err != nil {
			t.Fatal(err)
		}
	})
	took := time.Since(start)
	grown := int64(most) - int64(before.HeapAlloc)
	t.Logf("20,000 messages in %v, live heap grew by %d KiB at most", took.Round(time.Millisecond), grown/1024)
	if grown > 16<<20 {
		t.Errorf("live heap grew by %d bytes beside the blob", grown)
	}
	runtime.KeepAlive(e)
	var n int
	if err := b.pool.QueryRow(b.ctx, `select count(*) from messages`).Scan(&n); err != nil || n != 20000 {
		t.Errorf("%d messages, %v", n, err)
	}
}

func TestPagesOfALongChat(t *testing.T) {
	b := newBench(t)
	if _, err := b.pool.Exec(b.ctx, `insert into messages (instance_id, chat, id, from_me, sender, timestamp, type, body, ack)
		select $1, $2, 'M' || i, i % 10 = 0, $2, 1000 + i / 3, 'chat', 'x', 1 from generate_series(1, 100000) i`, instance, annaID); err != nil {
		t.Fatal(err)
	}
	if _, err := b.pool.Exec(b.ctx, `insert into chats (instance_id, id, timestamp, unread_count) select $1, '48' || i || '@c.us', i, 1 from generate_series(1, 5000) i`, instance); err != nil {
		t.Fatal(err)
	}
	if _, err := b.pool.Exec(b.ctx, `insert into messages (instance_id, chat, id, from_me, sender, timestamp, type, body, ack)
		select $1, '48' || (i % 5000 + 1) || '@c.us', 'C' || i, false, 'x@c.us', i, 'chat', 'x', 1 from generate_series(1, 20000) i`, instance); err != nil {
		t.Fatal(err)
	}
	if _, err := b.manager.Exec(b.ctx, `analyze messages; analyze chats`); err != nil {
		t.Fatal(err)
	}
	timed := func(what string, limit time.Duration, f func()) {
		start := time.Now()
		f()
		took := time.Since(start)
		t.Logf("%s: %v", what, took.Round(time.Millisecond))
		if took > limit {
			t.Errorf("%s took %v", what, took)
		}
	}
	before, seen := "", map[string]bool{}
	timed("3 pages of 100 of 100,000", 2*time.Second, func() {
		for range 3 {
			list, err := b.Messages(b.ctx, annaID, Filter{Limit: 100, Before: before})
			if err != nil || len(list) != 100 {
				t.Fatalf("%d messages, %v", len(list), err)
			}
			for _, msg := range list {
				if seen[msg.ID.ID] {
					t.Errorf("%s twice", msg.ID.ID)
				}
				seen[msg.ID.ID] = true
			}
			before = list[0].ID.ID
		}
	})
	if !seen["M100000"] || !seen["M99701"] || len(seen) != 300 {
		t.Error("not the newest 300")
	}
	own := true
	timed("50 own of 100,000", 2*time.Second, func() {
		list, err := b.Messages(b.ctx, annaID, Filter{Limit: 50, FromMe: &own})
		if err != nil || len(list) != 50 || list[49].ID.ID != "M100000" {
			t.Errorf("%d own, %v", len(list), err)
		}
	})
	if list, err := b.Messages(b.ctx, annaID, Filter{}); err != nil || len(list) != MaxMessages {
		t.Errorf("without limit: %d, %v", len(list), err)
	}
	timed("5,000 chats with last messages", 10*time.Second, func() {
		chats, err := b.Chats(b.ctx)
		if err != nil || len(chats) != 5000 || chats[0].LastMessage == nil {
			t.Errorf("%d chats, %v", len(chats), err)
		}
	})
}
