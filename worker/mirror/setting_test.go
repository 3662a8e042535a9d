package mirror

import (
	"testing"
	"time"

	"go.mau.fi/whatsmeow/proto/waSyncAction"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"
	"google.golang.org/protobuf/proto"

	"whatsapp-manager/worker/inbound"
	"whatsapp-manager/worker/shape"
)

func TestChatSettings(t *testing.T) {
	b := newBench(t)
	b.apply(from(annaID, "A1", "x", 1000))
	archive := &events.Archive{JID: anna, Timestamp: time.Unix(2000, 0), Action: &waSyncAction.ArchiveChatAction{Archived: proto.Bool(true)}}
	told := b.expect("chat_archived ", func() { b.event(book{}, archive) })
	if string(told[0].Args[1]) != "true" || string(told[0].Args[2]) != "false" {
		t.Errorf("archived %s", told[0].Args[1:])
	}
	b.expect("", func() {
		b.event(book{}, archive)
		b.event(book{}, &events.Pin{JID: anna, Action: &waSyncAction.PinAction{Pinned: proto.Bool(true)}})
		b.event(book{}, &events.Mute{JID: anna, Action: &waSyncAction.MuteAction{Muted: proto.Bool(true), MuteEndTimestamp: proto.Int64(1_800_000_000_000)}})
		b.event(book{}, &events.MarkChatAsRead{JID: anna, Action: &waSyncAction.MarkChatAsReadAction{Read: proto.Bool(true)}, FromFullSync: true})
		b.event(book{}, &events.Star{ChatJID: anna, MessageID: "A1", Action: &waSyncAction.StarAction{Starred: proto.Bool(true)}})
		b.event(book{}, &events.Contact{JID: anna, Action: &waSyncAction.ContactAction{FullName: proto.String("Anna A."), FirstName: proto.String("Anna")}})
		b.event(book{}, &events.Mute{JID: bert, Action: &waSyncAction.MuteAction{Muted: proto.Bool(true), MuteEndTimestamp: proto.Int64(-1)}, FromFullSync: true})
		b.event(book{}, &events.Presence{From: anna})
	})
	chats, err := b.Chats(b.ctx)
	if err != nil || len(chats) != 1 { // Bert's chat is nothing but a setting
		t.Fatalf("%d chats, %v", len(chats), err)
	}
	ch := chats[0]
	if !ch.Archived || !ch.Pinned || ch.MuteExpiration != 1_800_000_000 || !ch.IsMuted || ch.UnreadCount != 0 || ch.Name != "Anna A." || !ch.LastMessage.IsStarred {
		t.Errorf("chat %+v", ch)
	}
	removed := &events.DeleteChat{JID: anna, Timestamp: time.Unix(3000, 0), Action: &waSyncAction.DeleteChatAction{}}
	b.expect("chat_removed ", func() { b.event(book{}, removed) })
	b.expect("", func() { b.event(book{}, removed) })
	if list, err := b.Messages(b.ctx, annaID, Filter{}); err != nil || len(list) != 0 {
		t.Errorf("%d messages left, %v", len(list), err)
	}
}

func TestOwnNameAndAccountSurvive(t *testing.T) {
	b := newBench(t)
	b.event(book{}, &events.PushNameSetting{Action: &waSyncAction.PushNameSetting{Name: proto.String("New name")}})
	if acct := b.reopen(2).Account(); acct.PushName != "New name" || acct.JID != us.JID || acct.LID != us.LID {
		t.Errorf("account %+v", acct)
	}
}

func TestGroupChanges(t *testing.T) {
	b := newBench(t)
	gid := types.NewJID("12036", types.GroupServer)
	joined := &events.JoinedGroup{Reason: "invite", Sender: &anna}
	joined.JID, joined.Name = gid, "Team"
	joined.GroupCreated = time.Unix(500, 0)
	joined.Participants = []types.GroupParticipant{{JID: anna, IsAdmin: true, IsSuperAdmin: true}, {JID: us.JID}}
	told := b.expect("group_join ", func() { b.event(book{}, joined) })
	if n := decode[shape.GroupNotification](t, told[0].Args[0]); n.Type != "invite" || n.RecipientIDs[0] != "4900@c.us" || n.Author != annaID {
		t.Errorf("notice %+v", n)
	}
	change := &events.GroupInfo{
		JID: gid, Sender: &anna, Timestamp: time.Unix(600, 0),
		Name:  &types.GroupName{Name: "Crew", NameSetAt: time.Unix(600, 0), NameSetBy: anna},
		Topic: &types.GroupTopic{Topic: "about", TopicID: "T1", TopicSetAt: time.Unix(600, 0), TopicSetBy: anna},
		Join:  []types.JID{bert}, Promote: []types.JID{bert}, Announce: &types.GroupAnnounce{IsAnnounce: true},
	}
	b.expect("group_join group_admin_changed group_update group_update group_update ", func() { b.event(book{}, change) })
	b.expect("", func() { b.event(book{}, change) })
	ch, err := b.Chat(b.ctx, groupID)
	if err != nil || ch.Name != "Crew" || ch.GroupMetadata.Desc != "about" || !ch.IsReadOnly ||
		len(ch.GroupMetadata.Participants) != 3 || !ch.GroupMetadata.Participants[2].IsAdmin || ch.GroupMetadata.Size != 3 {
		t.Errorf("chat %+v %+v, %v", ch, ch.GroupMetadata, err)
	}
	told = b.expect("group_leave group_leave ", func() {
		b.event(book{}, &events.GroupInfo{JID: gid, Sender: &bert, Timestamp: time.Unix(700, 0), Leave: []types.JID{bert}})
		b.event(book{}, &events.GroupInfo{JID: gid, Sender: &anna, Timestamp: time.Unix(701, 0), Leave: []types.JID{us.LID}})
	})
	if a, z := decode[shape.GroupNotification](t, told[0].Args[0]), decode[shape.GroupNotification](t, told[1].Args[0]); a.Type != "leave" || z.Type != "remove" || z.RecipientIDs[0] != "4900@c.us" {
		t.Errorf("notices %+v %+v", a, z)
	}
	b.event(book{}, &events.GroupInfo{JID: gid, Timestamp: time.Unix(702, 0), Announce: &types.GroupAnnounce{}})
	if ch, _ := b.Chat(b.ctx, groupID); !ch.IsReadOnly || len(ch.GroupMetadata.Participants) != 1 {
		t.Errorf("after leaving %+v", ch)
	}
}

func TestCallOnce(t *testing.T) {
	b := newBench(t)
	offer := &events.CallOffer{BasicCallMeta: types.BasicCallMeta{CallID: "CALL1", CallCreator: anna, From: anna, Timestamp: time.Unix(1, 0)}}
	told := b.expect("call ", func() {
		b.event(book{}, offer)
		b.event(book{}, offer)
	})
	if c := decode[shape.Call](t, told[0].Args[0]); c.From != annaID || c.IsVideo || c.IsGroup {
		t.Errorf("call %+v", c)
	}
}

func TestVotes(t *testing.T) {
	b := newBench(t)
	poll := from(annaID, "P1", "", 1000)
	poll.Raw = pollOf("Lunch?", "Soup", "Bread")
	b.apply(poll)
	vote := &inbound.Vote{Chat: annaID, Target: "P1", TargetSender: annaID, ID: "V1", Voter: annaID, AtMs: 5, Hashes: hashes("Bread", "Gone")}
	told := b.expect("vote_update ", func() {
		b.apply(vote)
		b.apply(vote)
	})
	v := decode[shape.PollVote](t, told[0].Args[0])
	if len(v.SelectedOptions) != 1 || v.SelectedOptions[0] != (shape.PollOption{Name: "Bread", LocalID: 1}) || v.ParentMessage.Type != "poll_creation" {
		t.Errorf("vote %+v", v)
	}
}
