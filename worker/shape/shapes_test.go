package shape

import (
	"os"
	"path/filepath"
	"testing"

	"go.mau.fi/whatsmeow/proto/waE2E"
	"google.golang.org/protobuf/proto"
)

// TestShapesByteForByte holds what integrators read against files: names, order
// and what is absent. A change of a file is a change for every integrator.
func TestShapesByteForByte(t *testing.T) {
	anna, team, me := NewWid("4915123456789@c.us"), NewWid("120363000000000000@g.us"), NewWid("4917000000000@c.us")
	number := "4915123456789"
	message := Render(Source{
		Me: me.Serialized, Chat: anna.Serialized, ID: "3EB0C431C26A1916E07E", Sender: anna.Serialized, Timestamp: 1700000000, PushName: "Anna", Ack: 1,
		Raw: &waE2E.Message{Conversation: proto.String("Hello")},
	})
	reaction := Reaction{ID: message.ID, Timestamp: 1700000001, Reaction: "👍", MsgID: message.ID, SenderID: anna.Serialized}
	for name, v := range map[string]any{
		"chat":         Chat{ID: anna, Name: "Anna", UnreadCount: 2, Timestamp: 1700000000, Pinned: true, IsMuted: true, MuteExpiration: -1, LastMessage: &message},
		"chat_without": Chat{ID: anna},
		"group_chat": Chat{ID: team, Name: "Team", IsGroup: true, Timestamp: 1700000000, GroupMetadata: &GroupMetadata{
			ID: team, Creation: 1600000000, Owner: &me, Subject: "Team", SubjectTime: 1600000001, SubjectOwner: &me, Desc: "About us", DescID: "A1", DescTime: 1600000002, DescOwner: &me,
			Announce: true, MemberAddMode: "all_member_add", EphemeralDuration: 86400, IsLIDAddressingMode: true, Size: 2,
			Participants: []GroupParticipant{{ID: me, IsAdmin: true, IsSuperAdmin: true}, {ID: anna}}, PendingParticipants: []GroupParticipant{}, PastParticipants: []GroupParticipant{}, MembershipApprovalRequests: []GroupParticipant{},
		}},
		"group_chat_without_description": Chat{ID: team, Name: "Team", IsGroup: true, GroupMetadata: &GroupMetadata{
			ID: team, Subject: "Team", Participants: []GroupParticipant{}, PendingParticipants: []GroupParticipant{}, PastParticipants: []GroupParticipant{}, MembershipApprovalRequests: []GroupParticipant{},
		}},
		"contact":            Contact{ID: anna, Number: &number, Name: "Anna Bell", ShortName: "Anna", Pushname: "anna", IsUser: true, IsWAContact: true, IsMyContact: true},
		"contact_hidden":     Contact{ID: NewWid("998877@lid"), IsUser: true, IsWAContact: true},
		"contact_business":   Contact{ID: anna, Number: &number, IsBusiness: true, VerifiedName: "Anna's bakery", IsUser: true, IsWAContact: true},
		"client_info":        NewClientInfo(me.Serialized, "Shop", "android"),
		"channel":            Channel{ID: NewWid("120363100000000000@newsletter"), Name: "News", IsChannel: true, IsReadOnly: true, Metadata: ChannelMetadata{ID: NewWid("120363100000000000@newsletter"), Name: "News", Reactions: "all", MembershipType: "subscriber", CreatedAt: 1600000000, InviteLink: "https://whatsapp.com/channel/abc", Size: 7, State: "active"}},
		"group_notification": GroupNotification{ID: message.ID, Body: "", Type: "add", Timestamp: 1700000000, ChatID: team.Serialized, Author: me.Serialized, RecipientIDs: []string{anna.Serialized}},
		"call":               Call{ID: "A1B2", From: anna.Serialized, Timestamp: 1700000000, IsVideo: true, Participants: map[string]any{}},
		"label":              NewLabel("1", "New customer", 2),
		"reaction":           reaction,
		"reaction_list":      ReactionList{ID: "👍", AggregateEmoji: "👍", Senders: []Reaction{reaction}},
		"poll_vote":          PollVote{Voter: anna.Serialized, SelectedOptions: []PollOption{{Name: "Yes", LocalID: 0}}, InterractedAtTs: 1700000000123, ParentMsgKey: message.ID},
		"message_info":       MessageInfo{Delivery: []ReceiptEntry{{ID: anna, T: 1700000002}}, DeliveryRemaining: 1, Played: []ReceiptEntry{}, Read: []ReceiptEntry{}, ReadRemaining: 2},
		"customer_note":      CustomerNote{ChatID: anna.Serialized},
		"location":           Location{Latitude: 52.5, Longitude: 13.4, Name: "Bakery", Description: "Bakery"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := Marshal(v)
			if err != nil {
				t.Fatal(err)
			}
			file := filepath.Join("testdata", "shapes", name+".json")
			if *update {
				if err := os.WriteFile(file, append(got, '\n'), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if string(got)+"\n" != string(want) {
				t.Errorf("%s is\n%s\nwant\n%s", name, got, want)
			}
		})
	}
}
