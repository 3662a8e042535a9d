package wasim_test

import (
	"testing"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"

	"whatsapp-manager/worker/wasim"
)

func TestGroupTextBothWays(t *testing.T) {
	for name, settings := range map[string]func(*wasim.Server){
		"lid": nil,
		"pn":  func(s *wasim.Server) { s.GroupsByPhoneNumber = true },
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, settings)
			alice, bob := r.account("15550000001", "Alice"), r.account("15550000002", "Bob")
			carol := r.account("15550000003", "Carol")
			a, _ := r.pair(alice)
			b, _ := r.pair(bob)
			group, err := r.CreateGroup("Club", alice, bob, carol)
			if err != nil {
				t.Fatal(err)
			}
			joined := await[*events.JoinedGroup](a, "JoinedGroup", nil)
			if joined.JID != group || joined.Name != "Club" || len(joined.Participants) != 3 ||
				string(joined.AddressingMode) != name {
				t.Errorf("joined %+v", joined.GroupInfo)
			}

			sent := a.send(group, "hello all")
			if m := b.awaitText("hello all"); m.Info.Chat != group || m.Info.ID != sent.ID || m.Info.PushName != "Alice" {
				t.Errorf("bob got %+v", m.Info)
			}
			r.awaitReceived(carol, "hello all")
			await(a, "delivery from a member", func(e *events.Receipt) bool {
				return e.Chat == group && e.MessageIDs[0] == sent.ID && e.Type == types.ReceiptTypeDelivered
			})
			r.say(carol, group, "hello from a phone")
			a.awaitText("hello from a phone")
			b.awaitText("hello from a phone")
			b.send(group, "and from bob")
			a.awaitText("and from bob")
			m := r.awaitReceived(carol, "and from bob")
			if m.Chat != group || m.PN != bob.PN() {
				t.Errorf("carol got %+v", m)
			}
			// A companion that a member links later gets the next message too, although
			// the sender knew neither its device nor the new participant hash.
			c2, _ := r.pair(carol)
			a.send(group, "to the newcomer")
			c2.awaitText("to the newcomer")
		})
	}
}

func TestGroupChanges(t *testing.T) {
	r := newRig(t, nil)
	alice, bob := r.account("15550000001", "Alice"), r.account("15550000002", "Bob")
	carol := r.account("15550000003", "Carol")
	a, _ := r.pair(alice)
	b, _ := r.pair(bob)
	info, err := a.CreateGroup(r.ctx, whatsmeow.ReqCreateGroup{Name: "Team", Participants: []types.JID{bob.PN()}})
	if err != nil {
		t.Fatal(err)
	}
	await(b, "JoinedGroup", func(e *events.JoinedGroup) bool { return e.JID == info.JID })

	if _, err = a.UpdateGroupParticipants(r.ctx, info.JID, []types.JID{carol.PN()}, whatsmeow.ParticipantChangeAdd); err != nil {
		t.Fatal(err)
	}
	await(b, "join", func(e *events.GroupInfo) bool { return len(e.Join) == 1 && e.Join[0] == carol.LID() })
	a.send(info.JID, "welcome")
	r.awaitReceived(carol, "welcome")

	if err = a.SetGroupName(r.ctx, info.JID, "Crew"); err != nil {
		t.Fatal(err)
	}
	await(b, "new name", func(e *events.GroupInfo) bool { return e.Name != nil && e.Name.Name == "Crew" })
	if err = a.SetGroupTopic(r.ctx, info.JID, "", "", "what for"); err != nil {
		t.Fatal(err)
	}
	await(b, "topic", func(e *events.GroupInfo) bool { return e.Topic != nil && e.Topic.Topic == "what for" })
	if err = b.SetGroupLocked(r.ctx, info.JID, true); err == nil {
		t.Error("a member without rank locked the group")
	}
	if _, err = a.UpdateGroupParticipants(r.ctx, info.JID, []types.JID{carol.LID()}, whatsmeow.ParticipantChangeRemove); err != nil {
		t.Fatal(err)
	}
	await(b, "leave", func(e *events.GroupInfo) bool { return len(e.Leave) == 1 && e.Leave[0] == carol.LID() })

	link, err := a.GetGroupInviteLink(r.ctx, info.JID, false)
	if err != nil {
		t.Fatal(err)
	}
	c, _ := r.pair(carol)
	if _, err = c.JoinGroupWithLink(r.ctx, link); err != nil {
		t.Fatal(err)
	}
	groups, err := c.GetJoinedGroups(r.ctx)
	if err != nil || len(groups) != 1 || groups[0].Name != "Crew" || groups[0].Topic != "what for" {
		t.Fatalf("joined groups %+v, %v", groups, err)
	}
	if err = b.LeaveGroup(r.ctx, info.JID); err != nil {
		t.Fatal(err)
	}
	if _, err = b.GetGroupInfo(r.ctx, info.JID); err == nil {
		t.Error("group info after leaving")
	}
	if members := r.GroupMembers(info.JID); len(members) != 2 {
		t.Errorf("%d members", len(members))
	}
}
