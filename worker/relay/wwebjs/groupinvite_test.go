package wwebjs

import (
	"slices"
	"testing"

	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types/events"

	"whatsapp-manager/proto/fault"
	"whatsapp-manager/worker/relay/relaytest"
	"whatsapp-manager/worker/shape"
	"whatsapp-manager/worker/wasim"
)

func TestGroupInvites(t *testing.T) {
	r := newRig(t)
	bob := r.Contact("15550000002", "Bob")
	carol := r.Contact("15550000003", "Carol")
	mine, _ := r.group("Mine", nil)

	code := ask[string](r, "GroupChat.getInviteCode", mine.String())
	if code != r.held(mine).Code {
		t.Errorf("code %q, the server holds %q", code, r.held(mine).Code)
	}
	next := ask[string](r, "GroupChat.revokeInvite", mine.String())
	if next == code || next != r.held(mine).Code {
		t.Errorf("new code %q", next)
	}
	if _, err := r.Try("", "acceptInvite", code); !fault.Is(err, fault.NotFound) {
		t.Errorf("a revoked link: %v", err)
	}

	// Requests, when admins approve.
	if err := r.Sim.SetApproval(mine, true); err != nil {
		t.Fatal(err)
	}
	for _, a := range []*wasim.Account{bob, carol} {
		if err := a.JoinGroup(next); err != nil {
			t.Fatal(err)
		}
	}
	waiting := ask[[]membershipRequest](r, "getGroupMembershipRequests", mine.String())
	if len(waiting) != 2 || waiting[0].ID.Serialized != "15550000002@c.us" || waiting[0].Method != "InviteLink" || waiting[0].At == 0 || waiting[0].AddedBy.Serialized != "15550000002@c.us" {
		t.Errorf("waiting %+v", waiting)
	}
	decided1 := ask[[]decided](r, "GroupChat.approveGroupMembershipRequests", mine.String(), map[string]any{"requesterIds": []string{"15550000002@c.us", "15559999999@c.us"}})
	if len(decided1) != 2 || decided1[0].Error != 0 || decided1[0].Message != "Approved successfully" || decided1[1].Error != 404 {
		t.Errorf("approved %+v", decided1)
	}
	if _, in := r.held(mine).Members["15550000002"]; !in {
		t.Error("approved and not in")
	}
	if got := ask[[]decided](r, "rejectGroupMembershipRequests", mine.String()); len(got) != 1 || got[0].Requester != "15550000003@c.us" || got[0].Message != "Rejected successfully" {
		t.Errorf("rejected %+v", got)
	}
	if state := r.held(mine); len(state.Requests) != 0 || len(state.Members) != 2 {
		t.Errorf("the server holds %+v", state)
	}
	r.Eventually("the requests in the feed", func() bool {
		return slices.Contains(r.notices(mine), "group_membership_request membership_approval_request")
	})

	// Others' groups, by link and by private invitation.
	theirs, err := r.Sim.CreateGroup("Theirs", bob)
	if err != nil {
		t.Fatal(err)
	}
	info := ask[shape.GroupMetadata](r, "getInviteInfo", "https://chat.whatsapp.com/"+r.held(theirs).Code+"/?mode=ac_t")
	if info.ID.Serialized != theirs.String() || info.Subject != "Theirs" || len(info.Participants) != 1 {
		t.Errorf("info %+v", info)
	}
	if joined := ask[string](r, "acceptInvite", r.held(theirs).Code); joined != theirs.String() {
		t.Errorf("joined %q", joined)
	}
	if _, in := r.held(theirs).Members["15550000001"]; !in {
		t.Error("accepted and not in")
	}
	secret, err := r.Sim.CreateGroup("Secret", carol)
	if err != nil {
		t.Fatal(err)
	}
	code, expires, err := carol.InvitePrivately(secret, r.Me)
	if err != nil {
		t.Fatal(err)
	}
	sent, err := carol.Phone().SendMessage(r.Ctx, r.Me.PN(), &waE2E.Message{GroupInviteMessage: &waE2E.GroupInviteMessage{
		GroupJID: ptr(secret.String()), GroupName: ptr("Secret"), InviteCode: &code, InviteExpiration: &expires,
	}})
	if err != nil {
		t.Fatal(err)
	}
	await(r, "invitation", func(m *events.Message) bool { return m.Info.ID == sent })
	message := ask[shape.Message](r, "getMessageById", "false_15550000003@c.us_"+sent)
	if message.InviteV4 == nil || message.Type != "groups_v4_invite" {
		t.Fatalf("message %+v", message)
	}
	wrong := *message.InviteV4
	wrong.InviteCode = "somethingelse"
	if _, err := r.Try("", "acceptGroupV4Invite", wrong); err == nil {
		t.Error("a wrong code let us in")
	}
	if got := ask[statusResult](r, "Message.acceptGroupV4Invite", message.ID.Serialized); got.Status != 200 {
		t.Errorf("%+v", got)
	}
	if _, in := r.held(secret).Members["15550000001"]; !in {
		t.Error("accepted and not in")
	}
	code, expires, err = carol.InvitePrivately(secret, r.Me)
	if err != nil {
		t.Fatal(err)
	}
	ask[any](r, "GroupChat.leave", secret.String())
	ask[statusResult](r, "acceptGroupV4Invite", map[string]any{"inviteCode": code, "inviteCodeExp": expires, "groupId": secret.String(), "fromId": "15550000003@c.us"})
	if _, in := r.held(secret).Members["15550000001"]; !in {
		t.Error("accepted by the client's method and not in")
	}
	for field, invite := range map[string]map[string]any{
		"params[0].inviteCode":    {"inviteCodeExp": 1, "groupId": secret.String(), "fromId": "15550000003@c.us"},
		"params[0].inviteCodeExp": {"inviteCode": "x", "groupId": secret.String(), "fromId": "15550000003@c.us"},
		"params[0].groupId":       {"inviteCode": "x", "inviteCodeExp": 1, "fromId": "15550000003@c.us"},
		"params[0].fromId":        {"inviteCode": "x", "inviteCodeExp": 1, "groupId": secret.String()},
	} {
		t.Run(field, func(t *testing.T) {
			if _, err := r.Try("", "acceptGroupV4Invite", invite); relaytest.FieldOf(err) != field {
				t.Errorf("%s: %v", field, err)
			}
		})
	}
}

func ptr[T any](v T) *T { return &v }
