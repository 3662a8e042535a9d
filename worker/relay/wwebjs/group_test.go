package wwebjs

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"maps"
	"slices"
	"strings"
	"testing"

	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"

	"whatsapp-manager/proto/fault"
	"whatsapp-manager/worker/relay/relaytest"
	"whatsapp-manager/worker/shape"
	"whatsapp-manager/worker/wasim"
)

// What callers read of the answers about groups.
type (
	createResult struct {
		GID          shape.Wid
		Participants map[string]added
	}
	added struct {
		StatusCode, Code int
		Message          string
		IsGroupCreator   *bool
		IsInviteV4Sent   bool
	}
	statusResult      struct{ Status int }
	membershipRequest struct {
		ID      shape.Wid
		AddedBy shape.Wid `json:"addedBy"`
		Method  string    `json:"requestMethod"`
		At      int64     `json:"t"`
	}
	decided struct {
		Requester string `json:"requesterId"`
		Error     int
		Message   string
	}
)

// addedTexts are whatsapp-web.js' texts for what became of a person.
var addedTexts = map[int]string{
	200: "The participant was added successfully",
	403: "The participant can be added by sending private invitation only",
	404: "The phone number is not registered on WhatsApp",
	409: "The participant is already a group member",
}

// group makes a group by the method under test and waits until it is known.
func (r *rig) group(title string, options map[string]any, people ...string) (types.JID, createResult) {
	r.T.Helper()
	made := ask[createResult](r, "createGroup", title, people, options)
	jid, err := types.ParseJID(made.GID.Serialized)
	if err != nil {
		r.T.Fatalf("createGroup answered %+v", made)
	}
	await(r, "group", func(e *events.JoinedGroup) bool { return e.JID == jid })
	return jid, made
}

// held is what the simulator's server holds of a group.
func (r *rig) held(jid types.JID) wasim.GroupState {
	r.T.Helper()
	state, ok := r.Sim.Group(jid)
	if !ok {
		r.T.Fatalf("no group %s", jid)
	}
	return state
}

// notices lists the types of the group notifications in the feed, with those
// they happened to.
func (r *rig) notices(group types.JID) []string {
	r.T.Helper()
	rows, err := r.Pool.Query(r.Ctx, `select type, payload from events where instance_id = $1 and lane = $2 and type like 'group%' order by seq`, relaytest.Instance, group.String())
	if err != nil {
		r.T.Fatal(err)
	}
	defer rows.Close()
	var all []string
	for rows.Next() {
		var kind string
		var payload struct{ Args []shape.GroupNotification }
		var raw []byte
		if err := rows.Scan(&kind, &raw); err != nil {
			r.T.Fatal(err)
		}
		if err := json.Unmarshal(raw, &payload); err != nil {
			r.T.Fatal(err)
		}
		told := payload.Args[0]
		all = append(all, strings.TrimSpace(kind+" "+told.Type+" "+strings.Join(told.RecipientIDs, ",")))
	}
	return all
}

func TestCreateGroup(t *testing.T) {
	r := newRig(t)
	r.Contact("15550000002", "Bob")
	shy := r.Contact("15550000003", "Shy")
	shy.OnlyByInvitation(true)
	jid, made := r.group("Holiday", map[string]any{"announce": true, "memberAddMode": true, "membershipApprovalMode": true, "isRestrict": false, "messageTimer": 86400, "comment": "please"},
		"15550000002@c.us", "15550000003@c.us", "15559999999@c.us")

	state := r.held(jid)
	if state.Subject != "Holiday" || !state.Announce || !state.Restrict || state.AddMode != "admin_add" || !state.Approval || state.Expiry.Hours() != 24 {
		t.Errorf("the server holds %+v", state)
	}
	if !maps.Equal(state.Members, map[string]string{"15550000001": "superadmin", "15550000002": ""}) {
		t.Errorf("members %v", state.Members)
	}
	want := map[string]int{"15550000001@c.us": 200, "15550000002@c.us": 200, "15550000003@c.us": 403, "15559999999@c.us": 404}
	for id, code := range want {
		if got := made.Participants[id]; got.StatusCode != code || got.Message != addedTexts[code] || *got.IsGroupCreator != (id == "15550000001@c.us") || got.IsInviteV4Sent != (code == 403) {
			t.Errorf("%s: %+v", id, got)
		}
	}
	// Who lets nobody add them got an invitation, and it is good.
	invitation := r.Arrived(shy, "invitation", func(m *waE2E.Message) bool { return m.GetGroupInviteMessage() != nil }).Message.GetGroupInviteMessage()
	if invitation.GetGroupJID() != jid.String() || invitation.GetGroupName() != "Holiday" || invitation.GetCaption() != "please" {
		t.Errorf("invitation %v", invitation)
	}
	if err := shy.AcceptInvitation(jid, invitation.GetInviteCode(), invitation.GetInviteExpiration()); err != nil {
		t.Fatal(err)
	}
	r.Eventually("the joined one in the mirror", func() bool {
		people := ask[[]shape.GroupParticipant](r, "GroupChat.participants", jid.String())
		return len(people) == 3
	})
	if owner := ask[shape.Wid](r, "GroupChat.owner", jid.String()); owner.Serialized != "15550000001@c.us" {
		t.Errorf("owner %+v", owner)
	}
	if at := ask[string](r, "GroupChat.createdAt", jid.String()); !strings.HasSuffix(at, ".000Z") {
		t.Errorf("created at %q", at)
	}
	if notices := r.notices(jid); !slices.Contains(notices, "group_join invite 15550000003@c.us") {
		t.Errorf("notices %q", notices)
	}
	if common := ask[[]shape.Wid](r, "getCommonGroups", "15550000002@c.us"); len(common) != 1 || common[0].Serialized != jid.String() {
		t.Errorf("common groups %+v", common)
	}
	if common := ask[[]shape.Wid](r, "Contact.getCommonGroups", "15559999999@c.us"); len(common) != 0 {
		t.Errorf("common groups with a stranger %+v", common)
	}
}

func TestGroupMembers(t *testing.T) {
	r := newRig(t)
	for number, name := range map[string]string{"15550000002": "Bob", "15550000003": "Carol"} {
		r.Contact(number, name)
	}
	shy := r.Contact("15550000004", "Shy")
	shy.OnlyByInvitation(true)
	jid, _ := r.group("Crew", nil, "15550000002@c.us")
	id := jid.String()

	results := ask[map[string]added](r, "GroupChat.addParticipants", id, []string{"15550000003@c.us", "15550000002@c.us", "15550000004@c.us", "15559999999@c.us"}, map[string]any{"sleep": []int{1, 2}})
	for who, code := range map[string]int{"15550000003@c.us": 200, "15550000002@c.us": 409, "15550000004@c.us": 403, "15559999999@c.us": 404} {
		t.Run(who, func(t *testing.T) {
			if got := results[who]; got.Code != code || got.Message != addedTexts[code] || got.IsInviteV4Sent != (code == 403) {
				t.Errorf("%s: %+v", who, got)
			}
		})
	}
	r.Arrived(shy, "invitation", func(m *waE2E.Message) bool { return m.GetGroupInviteMessage().GetGroupJID() == id })
	if got := ask[statusResult](r, "GroupChat.promoteParticipants", id, "15550000003@c.us"); got.Status != 200 || r.held(jid).Members["15550000003"] != "admin" {
		t.Errorf("promote: %+v, %v", got, r.held(jid).Members)
	}
	ask[statusResult](r, "GroupChat.demoteParticipants", id, []string{"15550000003@c.us"})
	if rank, ok := r.held(jid).Members["15550000003"]; rank != "" || !ok {
		t.Errorf("demote: %v", r.held(jid).Members)
	}
	ask[statusResult](r, "GroupChat.removeParticipants", id, []string{"15550000003@c.us"})
	if _, ok := r.held(jid).Members["15550000003"]; ok {
		t.Error("removed and still there")
	}
	want := []string{
		"group_update create 15550000001@c.us", "group_join add 15550000003@c.us", "group_admin_changed promote 15550000003@c.us",
		"group_admin_changed demote 15550000003@c.us", "group_leave remove 15550000003@c.us",
	}
	r.Eventually("all notifications", func() bool { return len(r.notices(jid)) >= len(want) })
	if got := r.notices(jid); !slices.Equal(got, want) {
		t.Errorf("notices %q", got)
	}

	// What an event brought can be asked about.
	told := map[string]any{"chatId": id, "author": "15550000001@c.us", "recipientIds": []string{"15550000003@c.us"}}
	if chat := ask[shape.Chat](r, "GroupNotification.getChat", told); chat.Name != "Crew" {
		t.Errorf("chat %+v", chat)
	}
	if author := ask[shape.Contact](r, "GroupNotification.getContact", told); !author.IsMe {
		t.Errorf("author %+v", author)
	}
	if whom := ask[[]shape.Contact](r, "GroupNotification.getRecipients", told); len(whom) != 1 || whom[0].ID.Serialized != "15550000003@c.us" {
		t.Errorf("recipients %+v", whom)
	}
	ask[shape.Message](r, "GroupNotification.reply", told, "farewell")
	bob := r.Sim.Account("15550000002")
	if got := r.Received(bob, "farewell"); got.Chat != jid {
		t.Errorf("reply in %s", got.Chat)
	}

	ask[any](r, "GroupChat.leave", id)
	if _, ok := r.held(jid).Members["15550000001"]; ok {
		t.Error("left and still there")
	}
	r.Eventually("a chat that can only be read", func() bool { return ask[shape.Chat](r, "getChatById", id).IsReadOnly })
	if got := ask[string](r, "GroupChat.addParticipants", id, "15550000003@c.us"); !strings.HasPrefix(got, "AddParticipantsError") {
		t.Errorf("adding from outside: %q", got)
	}
}

func TestGroupSettings(t *testing.T) {
	r := newRig(t)
	r.Contact("15550000002", "Bob")
	jid, _ := r.group("Before", nil, "15550000002@c.us")
	id, longest := jid.String(), strings.Repeat("ж", 100)
	for _, step := range []struct {
		method string
		value  any
		holds  func(wasim.GroupState) bool
	}{
		{"setSubject", longest, func(s wasim.GroupState) bool { return s.Subject == longest }},
		{"setDescription", strings.Repeat("ж", 2048), func(s wasim.GroupState) bool { return s.Description == strings.Repeat("ж", 2048) }},
		{"setDescription", "What else", func(s wasim.GroupState) bool { return s.Description == "What else" }},
		{"setMessagesAdminsOnly", nil, func(s wasim.GroupState) bool { return s.Announce }},
		{"setMessagesAdminsOnly", false, func(s wasim.GroupState) bool { return !s.Announce }},
		{"setInfoAdminsOnly", true, func(s wasim.GroupState) bool { return s.Restrict }},
		{"setInfoAdminsOnly", false, func(s wasim.GroupState) bool { return !s.Restrict }},
		{"setAddMembersAdminsOnly", true, func(s wasim.GroupState) bool { return s.AddMode == "admin_add" }},
		{"setAddMembersAdminsOnly", false, func(s wasim.GroupState) bool { return s.AddMode == "all_member_add" }},
	} {
		params := []any{id}
		if step.value != nil {
			params = append(params, step.value)
		}
		if ok := ask[bool](r, "GroupChat."+step.method, params...); !ok || !step.holds(r.held(jid)) {
			t.Errorf("%s(%v): %t, the server holds %+v", step.method, step.value, ok, r.held(jid))
		}
	}
	r.Eventually("the description in the mirror", func() bool { return r.Raw("GroupChat.description", id) == `"What else"` })
	if !ask[bool](r, "GroupChat.setDescription", id, "") || r.held(jid).Description != "" {
		t.Error("the description stays")
	}
	r.Eventually("no description", func() bool { return r.Raw("GroupChat.description", id) == "null" })
	for method, most := range map[string]int{"setSubject": 100, "setDescription": 2048} {
		t.Run(method+" that is too long", func(t *testing.T) {
			if _, err := r.Try("", "GroupChat."+method, id, strings.Repeat("x", most+1)); relaytest.FieldOf(err) != "params[1]" {
				t.Errorf("%v", err)
			}
		})
	}

	wide := image.NewRGBA(image.Rect(0, 0, 900, 300))
	for i := range 300 {
		wide.Set(450, i, color.White)
	}
	var buf bytes.Buffer
	if err := png.Encode(&buf, wide); err != nil {
		t.Fatal(err)
	}
	media := map[string]any{"mimetype": "image/png", "data": base64.StdEncoding.EncodeToString(buf.Bytes())}
	if !ask[bool](r, "GroupChat.setPicture", id, media) {
		t.Fatal("no picture")
	}
	conf, err := jpeg.DecodeConfig(bytes.NewReader(r.held(jid).Picture))
	if err != nil || conf.Width != 640 || conf.Height != 640 {
		t.Errorf("the server holds a picture of %dx%d, %v", conf.Width, conf.Height, err)
	}
	if url := ask[string](r, "getProfilePicUrl", id); url == "" {
		t.Error("no address of the picture")
	}
	if !ask[bool](r, "GroupChat.deletePicture", id) || r.held(jid).Picture != nil {
		t.Error("the picture stays")
	}
	if !ask[bool](r, "setProfilePicture", media) {
		t.Error("own picture")
	}
	if _, picture := r.Me.Picture(); len(picture) == 0 {
		t.Error("the server holds no own picture")
	}
	if !ask[bool](r, "deleteProfilePicture") {
		t.Error("own picture not removed")
	}
	for _, media := range []any{"x", map[string]any{}, map[string]any{"mimetype": "image/png", "data": "!"}, map[string]any{"mimetype": "image/png", "data": "aGVsbG8="}} {
		if _, err := r.Try("", "setProfilePicture", media); !fault.Is(err, fault.Invalid) {
			t.Errorf("picture %v: %v", media, err)
		}
	}
	want := []string{
		"group_update create 15550000001@c.us", "group_update subject", "group_update description", "group_update description", "group_update announce", "group_update announce",
		"group_update restrict", "group_update restrict", "group_update member_add_mode", "group_update member_add_mode", "group_update description", "group_update picture", "group_update picture",
	}
	r.Eventually("the last notification", func() bool { return slices.Contains(r.notices(jid), "group_update picture") })
	if got := r.notices(jid); !slices.Equal(got, want) {
		t.Errorf("notices %q", got)
	}
}
