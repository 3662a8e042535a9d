package mirror

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/rs/zerolog"
	"go.mau.fi/whatsmeow/types"

	"whatsapp-manager/worker/inbound"
	"whatsapp-manager/worker/shape"
)

// A known username stands at every place where its owner is named, in events and in what
// is read, and changes there with the next event.
func TestUsernamesStandWhereSomebodyIsNamed(t *testing.T) {
	b := newBench(t)
	username := "anna"
	call := func(username *string) {
		t.Helper()
		change := inbound.Change{Account: us, Contacts: []inbound.Contact{{ID: annaID, Username: username, Quiet: true}}}
		if err := b.Apply(b.ctx, change); err != nil {
			t.Fatal(err)
		}
	}
	call(&username)
	inGroup := from(annaID, "G1", "in the group", 1000)
	inGroup.Chat = groupID
	b.apply(&inbound.GroupChange{Chat: groupID, Full: &shape.GroupMetadata{
		ID: shape.NewWid(groupID), Subject: "Group",
		Participants: []shape.GroupParticipant{{ID: shape.NewWid(annaID)}, {ID: shape.NewWid(bertID)}, {ID: shape.NewWid(us.ID())}},
	}})
	type named struct {
		Username, ToUsername string
		RecipientUsernames   map[string]string
		ParentMessage        *struct{ ToUsername string }
	}
	for _, tc := range []struct {
		name, events string
		op           inbound.Op
		want         named
	}{
		{"a message", "message_create message unread_count ", from(annaID, "M1", "hello", 1000), named{Username: username}},
		{"somebody else's", "message_create message unread_count ", from(bertID, "M2", "hello", 1000), named{}},
		{"a message to her", "message_create message_ack ", sent(annaID, "M3", "hello", 1001), named{ToUsername: username}},
		{"a receipt of hers", "message_ack ", &inbound.Receipt{Chat: annaID, By: annaID, IDs: []string{"M3"}, Level: inbound.LevelRead, At: time.Unix(1002, 0)}, named{ToUsername: username}},
		{"in a group", "message_create message unread_count ", inGroup, named{Username: username}},
		{"an edit", "message_edit ", &inbound.Edit{Chat: annaID, Target: "M1", ID: "E1", Sender: annaID, AtMs: 1003000, Raw: text("hi")}, named{Username: username}},
		{"a reaction", "message_reaction ", &inbound.Reaction{Chat: annaID, Target: "M3", TargetFromMe: true, TargetSender: us.ID(), ID: "R1", Sender: annaID, Text: "x", AtMs: 1004000}, named{Username: username}},
		{"a vote", "vote_update ", &inbound.Vote{Chat: annaID, Target: "M3", TargetFromMe: true, TargetSender: us.ID(), ID: "V1", Voter: annaID, AtMs: 1005000}, named{Username: username, ParentMessage: &struct{ ToUsername string }{username}}},
		{"a call", "call ", &inbound.Call{Call: shape.Call{ID: "C1", From: annaID}}, named{Username: username}},
		{"a change in a group", "group_join ", &inbound.GroupChange{Chat: groupID, Notices: []inbound.GroupNotice{{Event: "group_join", Type: "add", By: bertID, Whom: []string{annaID}, At: time.Unix(1006, 0)}}}, named{RecipientUsernames: map[string]string{annaID: username}}},
		{"by her", "group_leave ", &inbound.GroupChange{Chat: groupID, Notices: []inbound.GroupNotice{{Event: "group_leave", Type: "remove", By: annaID, Whom: []string{bertID}, At: time.Unix(1007, 0)}}}, named{Username: username}},
		{"a revocation", "message_revoke_everyone ", &inbound.Revoke{Chat: annaID, Target: "M1", TargetSender: annaID, ID: "D1", By: annaID, At: time.Unix(1008, 0)}, named{Username: username}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			told := b.expect(tc.events, func() { b.apply(tc.op) })
			if len(told) == 0 {
				t.Fatal("nothing was told")
			}
			got, _ := json.Marshal(decode[named](t, told[0].Args[0]))
			if want, _ := json.Marshal(tc.want); string(got) != string(want) {
				t.Errorf("told %s, want %s", got, want)
			}
		})
	}

	check := func(when, want string) {
		t.Helper()
		read := map[string]string{"message": b.message("M1").Username, "message to her": b.message("M3").ToUsername, "somebody else": b.message("M2").Username}
		all, err := b.Messages(b.ctx, groupID, Filter{})
		if err != nil || len(all) != 1 {
			t.Fatalf("%v, %v", all, err)
		}
		read["page"] = all[0].Username
		if all, err = b.Search(b.ctx, "group", "", 0, 10); err != nil || len(all) != 1 {
			t.Fatalf("%v, %v", all, err)
		}
		read["search"] = all[0].Username
		chat, err := b.Chat(b.ctx, groupID)
		if err != nil {
			t.Fatal(err)
		}
		read["participant"], read["other participant"] = chat.GroupMetadata.Participants[0].Username, chat.GroupMetadata.Participants[1].Username
		read["last message"] = chat.LastMessage.Username
		chats, err := b.Chats(b.ctx)
		if err != nil {
			t.Fatal(err)
		}
		for _, chat := range chats {
			if chat.ID.Serialized == groupID {
				read["participant in the list"], read["last message in the list"] = chat.GroupMetadata.Participants[0].Username, chat.LastMessage.Username
			}
		}
		reactions, err := b.Reactions(b.ctx, "M3")
		if err != nil {
			t.Fatal(err)
		}
		read["reaction"] = reactions[0].Senders[0].Username
		votes, err := b.PollVotes(b.ctx, "M3")
		if err != nil {
			t.Fatal(err)
		}
		read["vote"] = votes[0].Username
		info, err := b.Info(b.ctx, "M3")
		if err != nil {
			t.Fatal(err)
		}
		read["receipt"] = info.Read[0].Username
		for place, got := range read {
			if other := place == "somebody else" || place == "other participant"; !other && got != want || other && got != "" {
				t.Errorf("%s, %s: %q", when, place, got)
			}
		}
	}
	check("as first told", username)
	changed, none := "anna.two", ""
	call(&changed)
	check("changed", changed)
	next := from(annaID, "G2", "again", 2000)
	next.Chat = groupID
	told := b.expect("message_create message unread_count ", func() { b.apply(next) })
	if got := decode[shape.Message](t, told[0].Args[0]); got.Username != changed {
		t.Errorf("told %q", got.Username)
	}
	b.apply(&inbound.DeleteForMe{Chat: groupID, ID: "G2", At: time.Unix(2001, 0), Quiet: true})
	call(&none)
	check("given up", none)
}

// The members of a large group cost one look-up of usernames, and so does the news of them.
func TestUsernamesOfALargeGroupCostOneQuery(t *testing.T) {
	b := newBench(t)
	config := b.pool.Config()
	counted := &tally{inTx: map[*pgx.Conn]bool{}}
	config.ConnConfig.Tracer = counted
	pool, err := pgxpool.NewWithConfig(b.ctx, config)
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	m := New(pool, instance, 2, zerolog.Nop())
	if err = m.Load(b.ctx); err != nil {
		t.Fatal(err)
	}
	cost := func(what string, most int, f func() error) {
		t.Helper()
		counted.mu.Lock()
		counted.begun, counted.alone = 0, 0
		counted.mu.Unlock()
		if err := f(); err != nil {
			t.Fatal(err)
		}
		counted.mu.Lock()
		defer counted.mu.Unlock()
		if n := counted.begun + counted.alone; n > most {
			t.Errorf("%s: %d statements and transactions, want at most %d", what, n, most)
		}
	}
	const members = 1024
	g, change := &shape.GroupMetadata{ID: shape.NewWid(groupID)}, inbound.Change{Account: us}
	for i := range members {
		id, username := shape.ID(types.NewJID(fmt.Sprint(5000+i), types.HiddenUserServer)), fmt.Sprint("member.", i)
		g.Participants = append(g.Participants, shape.GroupParticipant{ID: shape.NewWid(id)})
		change.Contacts = append(change.Contacts, inbound.Contact{ID: id, Username: &username, Quiet: true})
	}
	if err := m.Apply(b.ctx, inbound.Change{Account: us, Op: &inbound.GroupChange{Chat: groupID, Full: g}}); err != nil {
		t.Fatal(err)
	}
	cost("learning them", 2, func() error { return m.Apply(b.ctx, change) })
	cost("reading the group", 3, func() error {
		chat, err := m.Chat(b.ctx, groupID)
		for i, p := range chat.GroupMetadata.Participants {
			if p.Username != fmt.Sprint("member.", i) {
				t.Fatalf("%+v", p)
			}
		}
		return err
	})
}
