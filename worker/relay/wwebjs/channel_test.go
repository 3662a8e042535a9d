package wwebjs

import (
	"slices"
	"strings"
	"testing"

	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"

	"whatsapp-manager/worker/mirror"
	"whatsapp-manager/worker/relay/relaytest"
	"whatsapp-manager/worker/shape"
	"whatsapp-manager/worker/wasim"
)

func (r *rig) channel(id string) wasim.ChannelState {
	r.T.Helper()
	jid, err := types.ParseJID(id)
	if err != nil {
		r.T.Fatal(err)
	}
	state, ok := r.Sim.Channel(jid)
	if !ok {
		r.T.Fatalf("no channel %s", id)
	}
	return state
}

// TestOwnChannel: what the server holds after each change.
func TestOwnChannel(t *testing.T) {
	r := newRig(t)
	bob := r.Contact("15550000002", "Bob")
	carol := r.Contact("15550000003", "Carol")
	media := map[string]any{"mimetype": "image/png", "data": b64(relaytest.Picture(t, 50, 80))}
	made := ask[createdChannel](r, "createChannel", "Our news", map[string]any{"description": "Weekly", "picture": media})
	id := made.NID.Serialized
	jid, _ := types.ParseJID(id)
	state := r.channel(id)
	if state.Name != "Our news" || state.Description != "Weekly" || len(state.Picture) == 0 || state.Roles["15550000001"] != "owner" || made.InviteLink != "https://whatsapp.com/channel/"+state.Code || made.CreatedAt == 0 {
		t.Fatalf("made %+v, the server holds %+v", made, state)
	}
	for _, step := range []struct {
		method string
		value  any
		holds  func(wasim.ChannelState) bool
	}{
		{"setSubject", "Bakery news", func(s wasim.ChannelState) bool { return s.Name == "Bakery news" }},
		{"setDescription", "Daily", func(s wasim.ChannelState) bool { return s.Description == "Daily" }},
		{"setReactionSetting", 1, func(s wasim.ChannelState) bool { return s.Reactions == "basic" }},
		{"setReactionSetting", 0, func(s wasim.ChannelState) bool { return s.Reactions == "none" }},
		{"setReactionSetting", 2, func(s wasim.ChannelState) bool { return s.Reactions == "all" }},
		{"setProfilePicture", map[string]any{"mimetype": "image/png", "data": b64(relaytest.Picture(t, 9, 9))}, func(s wasim.ChannelState) bool { return !slices.Equal(s.Picture, state.Picture) }},
	} {
		if !ask[bool](r, "Channel."+step.method, id, step.value) || !step.holds(r.channel(id)) {
			t.Errorf("%s: the server holds %+v", step.method, r.channel(id).Name)
		}
	}
	if ask[bool](r, "Channel.setReactionSetting", id, 7) {
		t.Error("reaction code 7")
	}

	post := ask[shape.Message](r, "Channel.sendMessage", id, "Fresh rolls!")
	if post.ID.Remote != id || post.Body != "Fresh rolls!" || !post.FromMe {
		t.Errorf("post %+v", post)
	}
	ask[shape.Message](r, "Channel.sendMessage", id, media, map[string]any{"caption": "rolls"})
	ask[shape.Message](r, "Channel.sendMessage", id, map[string]any{"$type": "Poll", "pollName": "Which?", "pollOptions": []string{"Rye", "Wheat"}})
	if got := r.Raw("Channel.sendMessage", id, map[string]any{"$type": "Location", "latitude": 1, "longitude": 2}); got != "null" {
		t.Errorf("a place in a channel: %s", got)
	}
	posts := r.channel(id).Posts
	if len(posts) != 3 || posts[0].Message.GetConversation() != "Fresh rolls!" || posts[1].Message.GetImageMessage().GetCaption() != "rolls" || posts[1].Message.GetImageMessage().GetMediaKey() != nil || posts[2].Message.GetPollCreationMessage() == nil && posts[2].Message.GetPollCreationMessageV3() == nil {
		t.Fatalf("the server holds %+v", posts)
	}
	list := ask[[]shape.Message](r, "Channel.fetchMessages", id, map[string]any{"limit": 2})
	if len(list) != 2 || list[0].Body != "rolls" || !list[0].FromMe {
		t.Errorf("fetched %+v", list)
	}
	if !ask[bool](r, "Channel.sendSeen", id) || r.channel(id).Posts[0].Views != 1 {
		t.Errorf("views %d", r.channel(id).Posts[0].Views)
	}

	// Followers and admins.
	if err := bob.FollowChannel(jid, false); err != nil {
		t.Fatal(err)
	}
	people := ask[[]channelSubscriber](r, "Channel.getSubscribers", id)
	roles := map[string]string{}
	for _, p := range people {
		roles[p.Contact.ID.Serialized] = p.Role
	}
	if len(people) != 2 || roles["15550000002@c.us"] != "subscriber" || roles["15550000001@c.us"] != "owner" {
		t.Errorf("subscribers %v", roles)
	}
	for method, params := range map[string][]any{
		"sendChannelAdminInvite": {"15550000002@c.us", id, map[string]any{"comment": "please"}}, "Channel.sendChannelAdminInvite": {id, "15550000003@c.us"},
	} {
		t.Run(method, func(t *testing.T) {
			if !ask[bool](r, method, params...) {
				t.Errorf("%s: false", method)
			}
		})
	}
	invitation := r.Arrived(bob, "invitation", func(m *waE2E.Message) bool { return m.GetNewsletterAdminInviteMessage() != nil }).Message.GetNewsletterAdminInviteMessage()
	if invitation.GetNewsletterJID() != id || invitation.GetNewsletterName() != "Bakery news" || invitation.GetCaption() != "please" || invitation.GetInviteExpiration() == 0 {
		t.Errorf("invitation %v", invitation)
	}
	if invited := r.channel(id).Invited; len(invited) != 2 {
		t.Errorf("invited %v", invited)
	}
	if !ask[bool](r, "revokeChannelAdminInvite", id, "15550000003@c.us") || len(r.channel(id).Invited) != 1 || ask[bool](r, "Channel.revokeChannelAdminInvite", id, "15550000003@c.us") {
		t.Errorf("revoked, and %v are invited", r.channel(id).Invited)
	}
	for _, a := range []*wasim.Account{bob, carol} {
		if err := a.FollowChannel(jid, true); err != nil {
			t.Fatal(err)
		}
	}
	if !ask[bool](r, "demoteChannelAdmin", id, "15550000003@c.us") || r.channel(id).Roles["15550000003"] != "subscriber" || ask[bool](r, "Channel.demoteChannelAdmin", id, "15550000003@c.us") {
		t.Errorf("roles %v", r.channel(id).Roles)
	}
	if ask[bool](r, "transferChannelOwnership", id, "15550000003@c.us") {
		t.Error("given to a follower")
	}
	if !ask[bool](r, "Channel.transferChannelOwnership", id, "15550000002@c.us", map[string]any{"shouldDismissSelfAsAdmin": true}) || r.channel(id).Roles["15550000002"] != "owner" || r.channel(id).Roles["15550000001"] != "subscriber" {
		t.Errorf("roles %v", r.channel(id).Roles)
	}
	if ask[bool](r, "deleteChannel", id) {
		t.Error("deleted somebody else's channel")
	}
	mine := ask[createdChannel](r, "createChannel", "Short-lived").NID.Serialized
	if !ask[bool](r, "Channel.deleteChannel", mine) {
		t.Error("not deleted")
	}
	gone, _ := types.ParseJID(mine)
	if _, ok := r.Sim.Channel(gone); ok {
		t.Error("deleted and still there")
	}
}

func TestOthersChannels(t *testing.T) {
	r := newRig(t)
	bob := r.Contact("15550000002", "Bob")
	jid := bob.CreateChannel("Bread of the day", "What is in the oven")
	id := jid.String()
	code := r.channel(id).Code
	found := ask[shape.Channel](r, "getChannelByInviteCode", "www.whatsapp.com/channel/"+code+"/12?x=1")
	if found.ID.Serialized != id || found.Name != "Bread of the day" || !found.IsChannel || !found.IsReadOnly || found.Metadata.MembershipType != "guest" || found.Metadata.InviteLink == "" {
		t.Errorf("found %+v", found)
	}
	if got := r.Raw("getChannelByInviteCode", "nosuchcodeatall"); got != "null" {
		t.Errorf("a code of nothing: %s", got)
	}
	for _, options := range []map[string]any{{"searchText": "bread"}, {"view": 2, "countryCodes": []string{"DE"}}} {
		if list := ask[[]shape.Channel](r, "searchChannels", options); len(list) != 1 || list[0].Name != "Bread of the day" {
			t.Errorf("search %v: %+v", options, list)
		}
	}
	if !ask[bool](r, "subscribeToChannel", id) || r.channel(id).Roles["15550000001"] != "subscriber" {
		t.Fatalf("roles %v", r.channel(id).Roles)
	}
	if list := ask[[]shape.Channel](r, "searchChannels", map[string]any{"searchText": "bread", "skipSubscribedNewsletters": true}); len(list) != 0 {
		t.Errorf("found what is followed: %+v", list)
	}
	if list := ask[[]shape.Channel](r, "getChannels"); len(list) != 1 || list[0].ID.Serialized != id || list[0].Metadata.MembershipType != "subscriber" {
		t.Errorf("channels %+v", list)
	}
	number, err := bob.PostToChannel(jid, "Rye today")
	if err != nil {
		t.Fatal(err)
	}
	await(r, "post", func(m *events.Message) bool { return m.Info.Chat == jid && m.Message.GetConversation() == "Rye today" })
	posts := ask[[]shape.Message](r, "Channel.fetchMessages", id)
	if len(posts) != 1 || posts[0].Body != "Rye today" || posts[0].FromMe || posts[0].From != id {
		t.Fatalf("posts %+v", posts)
	}
	if kinds := r.Feed(id); !slices.Contains(kinds, "message") {
		t.Errorf("events %v", kinds)
	}
	ask[any](r, "Message.react", posts[0].ID.Serialized, "🍞")
	r.Eventually("the reaction at the server", func() bool {
		for _, p := range r.channel(id).Posts {
			if p.ServerID == number && p.Reactions[r.Me.Number()] == "🍞" {
				return true
			}
		}
		return false
	})
	if !ask[bool](r, "Channel.mute", id) || !r.channel(id).Muted["15550000001"] || !ask[[]shape.Channel](r, "getChannels")[0].IsMuted {
		t.Error("not muted")
	}
	if !ask[bool](r, "Channel.unmute", id) || r.channel(id).Muted["15550000001"] {
		t.Error("muted")
	}
	if ask[bool](r, "acceptChannelAdminInvite", id) {
		t.Error("became an admin without an invitation")
	}
	if err := bob.InviteChannelAdmin(jid, r.Me); err != nil {
		t.Fatal(err)
	}
	if !ask[bool](r, "Channel.acceptChannelAdminInvite", id) || r.channel(id).Roles["15550000001"] != "admin" {
		t.Errorf("roles %v", r.channel(id).Roles)
	}
	kept := func() int {
		posts, err := r.Mirror.Messages(r.Ctx, id, mirror.Filter{})
		if err != nil {
			t.Fatal(err)
		}
		return len(posts)
	}
	if kept() == 0 {
		t.Error("no posts before the channel is left")
	}
	if !ask[bool](r, "unsubscribeFromChannel", id, map[string]any{"deleteLocalModels": true}) || r.channel(id).Roles["15550000001"] != "" {
		t.Errorf("roles %v", r.channel(id).Roles)
	}
	if n := kept(); n != 0 {
		t.Errorf("%d posts of a channel that was to be forgotten", n)
	}
	own := ask[createdChannel](r, "createChannel", "Mine").NID.Serialized
	if ask[bool](r, "subscribeToChannel", own) || ask[bool](r, "unsubscribeFromChannel", own) {
		t.Error("followed or left an own channel")
	}
	for field, params := range map[string][]any{"params[0]": {"15550000002@c.us"}, "params[1]": {id, strings.Repeat("x", 500)}} {
		t.Run(field, func(t *testing.T) {
			method := "Channel.mute"
			if len(params) == 2 {
				method = "Channel.setSubject"
			}
			if _, err := r.Try("", method, params...); relaytest.FieldOf(err) != field {
				t.Errorf("%s: %v", field, err)
			}
		})
	}
}
