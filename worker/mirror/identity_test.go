package mirror

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
	"google.golang.org/protobuf/proto"

	"whatsapp-manager/worker/inbound"
	"whatsapp-manager/worker/shape"
)

const bertLID, ourLID = "922@lid", "900@lid"

// directory reads the pairs that are in the database, and counts how often it is asked.
type directory struct {
	*bench
	asked int
}

func (d *directory) Others(ctx context.Context, people []types.JID) (map[types.JID]types.JID, error) {
	d.asked++
	rows, err := d.pool.Query(ctx, "select lid, pn from lid_pairs where instance_id = $1", instance)
	if err != nil {
		return nil, err
	}
	others := map[types.JID]types.JID{}
	for rows.Next() {
		var lid, pn string
		if err = rows.Scan(&lid, &pn); err != nil {
			return nil, err
		}
		l, p := types.NewJID(lid, types.HiddenUserServer), types.NewJID(pn, types.DefaultUserServer)
		if slices.Contains(people, l) || slices.Contains(people, p) {
			others[l], others[p] = p, l
		}
	}
	return others, rows.Err()
}

func (d *directory) Suppose(ctx context.Context, numbers map[types.JID]types.JID) error {
	for lid, pn := range numbers {
		if _, err := d.pool.Exec(ctx, `insert into lid_pairs (instance_id, lid, pn, hint) values ($1, $2, $3, true)
			on conflict do nothing`, instance, lid.User, pn.User); err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) pair(lid, pn string) {
	b.Helper()
	if _, err := b.pool.Exec(b.ctx, "insert into lid_pairs (instance_id, lid, pn) values ($1, $2, $3)", instance, lid, pn); err != nil {
		b.Fatal(err)
	}
}

// mentioning is a text in a LID group that mentions us, anna and bert, and quotes anna.
func mentioning() *waE2E.Message {
	return &waE2E.Message{ExtendedTextMessage: &waE2E.ExtendedTextMessage{
		Text: proto.String("@900 @911 @922"),
		ContextInfo: &waE2E.ContextInfo{
			MentionedJID: []string{ourLID, annaLID, bertLID}, StanzaID: proto.String("Q"), Participant: proto.String(annaLID),
			QuotedMessage: text("before"),
		},
	}}
}

// identity is what objects say of people.
type identity struct {
	Author       string   `json:"author,omitempty"`
	MentionedIDs []string `json:"mentionedIds,omitempty"`
	Data         struct {
		AuthorLID, FromLID, ToLID, QuotedParticipant, QuotedParticipantLID string
		MentionedJIDList, MentionedLIDs                                    []string
	} `json:"_data"`
	SenderID, SenderLID, Voter, VoterLID, From, FromLID, AuthorLID string
	RecipientIDs, RecipientLIDs                                    []string
}

func (b *bench) identityOf(v any) identity {
	b.Helper()
	raw, err := json.Marshal(v)
	if err != nil {
		b.Fatal(err)
	}
	return decode[identity](b, raw)
}

func same(t *testing.T, what string, got, want any) {
	t.Helper()
	if g, w := fmt.Sprintf("%+v", got), fmt.Sprintf("%+v", want); g != w {
		t.Errorf("%s: got %s, want %s", what, g, w)
	}
}

// In a group of hidden ids, everybody whose number is known is named by it, in events and in
// what is read: a mention of ourselves is the id that getInfo answers. A number that becomes
// known later is told once, and what is stored reads right from then on.
func TestPeopleAreNamedByNumberWhereItIsKnown(t *testing.T) {
	b := newBench(t)
	d := &directory{bench: b}
	b.Consult(d)
	b.pair("911", "4911")
	hello := from(bertLID, "M1", "", 1000)
	hello.Chat, hello.Raw = groupID, mentioning()
	events := b.expect("message_create message unread_count ", func() { b.apply(hello) })
	if d.asked != 1 {
		t.Errorf("a message costs %d look-ups", d.asked)
	}
	me := shape.NewClientInfo(us.ID(), "", "").Wid.Serialized
	got := decode[identity](t, events[1].Args[0])
	same(t, "author", []string{got.Author, got.Data.AuthorLID}, []string{bertLID, bertLID})
	same(t, "mentions", got.MentionedIDs, []string{me, annaID, bertLID})
	same(t, "in _data", got.Data.MentionedJIDList, got.MentionedIDs)
	same(t, "their hidden ids", got.Data.MentionedLIDs, []string{ourLID, annaLID, bertLID})
	same(t, "quoted", []string{got.Data.QuotedParticipant, got.Data.QuotedParticipantLID}, []string{annaID, annaLID})

	for name, op := range map[string]inbound.Op{
		"reaction": &inbound.Reaction{Chat: groupID, Target: "M1", ID: "R1", Sender: bertLID, Text: "+", AtMs: 5},
		"vote":     &inbound.Vote{Chat: groupID, Target: "M1", ID: "V1", Voter: bertLID, AtMs: 5},
		"members": &inbound.GroupChange{Chat: groupID, Full: &shape.GroupMetadata{
			ID: shape.NewWid(groupID), Subject: "Group", IsLIDAddressingMode: true,
			Participants: []shape.GroupParticipant{{ID: shape.NewWid(annaLID)}, {ID: shape.NewWid(bertLID)}, {ID: shape.NewWid(ourLID)}},
		}, Notices: []inbound.GroupNotice{{Event: "group_join", Type: "add", By: bertLID, Whom: []string{annaLID, bertLID}, At: time.Unix(1, 0)}}},
	} {
		t.Run(name, func(t *testing.T) { b.apply(op) })
	}

	t.Run("nothing new", func(t *testing.T) {
		b.expect("", func() { b.tell() })
	})
	b.pair("922", "4922")
	t.Run("told once", func(t *testing.T) {
		b.Mirror = b.reopen(2) // and a restart in between loses nothing
		b.Consult(d)
		told := b.expect("contact_identity ", func() { b.tell() })
		same(t, "identity", decode[shape.ContactIdentity](t, told[0].Args[0]), shape.ContactIdentity{ID: bertID, LID: bertLID, Name: ""})
		b.expect("", func() { b.tell() })
	})

	t.Run("what is stored", func(t *testing.T) {
		read := b.identityOf(b.message("M1"))
		same(t, "author", []string{read.Author, read.Data.AuthorLID}, []string{bertID, bertLID})
		same(t, "mentions", read.MentionedIDs, []string{me, annaID, bertID})
		if id := b.message("M1").ID.Serialized; id != "false_"+groupID+"_M1_"+bertID {
			t.Errorf("id %s", id)
		}
		if m, err := b.Mirror.Message(b.ctx, "false_"+groupID+"_M1_"+bertID); err != nil || m.ID != "M1" {
			t.Errorf("by its new id: %+v, %v", m, err)
		}
		ch, err := b.Chat(b.ctx, groupID)
		if err != nil {
			t.Fatal(err)
		}
		var members []string
		for _, p := range ch.GroupMetadata.Participants {
			members = append(members, p.ID.Serialized+" "+p.LID)
		}
		same(t, "members", members, []string{annaID + " " + annaLID, bertID + " " + bertLID, me + " " + ourLID})
		lists, err := b.Reactions(b.ctx, "M1")
		if err != nil || len(lists) != 1 || lists[0].Senders[0].SenderID != bertID || lists[0].Senders[0].SenderLID != bertLID {
			t.Errorf("reactions %+v, %v", lists, err)
		}
		votes, err := b.PollVotes(b.ctx, "M1")
		if err != nil || len(votes) != 1 || votes[0].Voter != bertID || votes[0].VoterLID != bertLID {
			t.Errorf("votes %+v, %v", votes, err)
		}
	})

	// The same person by number counts once.
	b.apply(&inbound.Reaction{Chat: groupID, Target: "M1", ID: "R2", Sender: bertID, Text: "-", AtMs: 9})
	b.apply(&inbound.Vote{Chat: groupID, Target: "M1", ID: "V2", Voter: bertID, AtMs: 9})
	lists, err := b.Reactions(b.ctx, "M1")
	if err != nil || len(lists) != 1 || lists[0].ID != "-" || len(lists[0].Senders) != 1 {
		t.Errorf("reactions %+v, %v", lists, err)
	}
	if votes, err := b.PollVotes(b.ctx, "M1"); err != nil || len(votes) != 1 || votes[0].InterractedAtTs != 9 {
		t.Errorf("votes %+v, %v", votes, err)
	}
}

func (b *bench) tell() {
	b.Helper()
	if err := b.TellIdentities(b.ctx); err != nil {
		b.Fatal(err)
	}
}

// The hidden id stands beside the number on every object that names a person.
func TestHiddenIDsStandBesideNumbers(t *testing.T) {
	b := newBench(t)
	b.Consult(&directory{bench: b})
	b.pair("911", "4911")
	first := func(op inbound.Op) identity {
		head := b.Head()
		b.apply(op)
		return decode[identity](t, b.feed(head)[0].Args[0])
	}
	message := first(from(annaID, "A1", "hello", 1000))
	same(t, "message", []string{message.From, message.Data.FromLID, message.Data.ToLID}, []string{annaID, annaLID, ourLID})
	call := first(&inbound.Call{Call: shape.Call{ID: "C1", From: annaID}})
	same(t, "call", []string{call.From, call.FromLID}, []string{annaID, annaLID})
	reaction := first(&inbound.Reaction{Chat: annaID, Target: "A1", ID: "R1", Sender: annaID, Text: "+", AtMs: 5})
	same(t, "reaction", []string{reaction.SenderID, reaction.SenderLID}, []string{annaID, annaLID})
	vote := first(&inbound.Vote{Chat: annaID, Target: "A1", ID: "V1", Voter: annaID, AtMs: 5})
	same(t, "vote", []string{vote.Voter, vote.VoterLID}, []string{annaID, annaLID})
	response := first(&inbound.EventResponse{Chat: annaID, Target: "A1", ID: "E1", Sender: annaID, AtMs: 5, Response: "going"})
	same(t, "answer to an event", []string{response.SenderID, response.SenderLID}, []string{annaID, annaLID})
	notice := first(&inbound.GroupChange{Chat: groupID, Notices: []inbound.GroupNotice{{Event: "group_join", Type: "add", By: annaID, Whom: []string{annaID, bertID}, At: time.Unix(1, 0)}}})
	same(t, "notification", []any{notice.Author, notice.AuthorLID, notice.RecipientIDs, notice.RecipientLIDs}, []any{annaID, annaLID, []string{annaID, bertID}, []string{annaLID, ""}})

	b.apply(sent(annaID, "S1", "hi", 1001))
	b.apply(&inbound.Receipt{Chat: annaID, By: annaID, IDs: []string{"S1"}, Level: inbound.LevelRead, At: time.Unix(1002, 0)})
	info, err := b.Info(b.ctx, "S1")
	if err != nil || len(info.Read) != 1 || info.Read[0].LID != annaLID || info.Read[0].ID.Serialized != annaID {
		t.Errorf("receipts %+v, %v", info, err)
	}
	if ch, err := b.Chat(b.ctx, annaID); err != nil || ch.LID != annaLID {
		t.Errorf("chat %+v, %v", ch, err)
	}
}
