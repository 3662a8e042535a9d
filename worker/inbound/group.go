package inbound

import (
	"context"
	"slices"
	"strconv"
	"time"

	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"

	"whatsapp-manager/worker/shape"
)

// Joined translates a list of groups that we are in (of Client.GetJoinedGroups or
// GetGroupInfo) into their present metadata, without events.
func Joined(ctx context.Context, acct Account, ids IDs, groups []*types.GroupInfo) (Change, bool, error) {
	t := &translator{resolver: resolver{ctx: ctx, acct: acct, ids: ids}}
	op := &Groups{}
	for _, g := range groups {
		if g != nil {
			op.Groups = append(op.Groups, t.metadata(g))
		}
	}
	return t.change(op)
}

// metadata is the complete metadata of a group.
func (t *translator) metadata(g *types.GroupInfo) shape.GroupMetadata {
	m := shape.GroupMetadata{
		ID:      shape.NewWid(shape.ID(g.JID)),
		Subject: shape.Clean(g.Name), SubjectTime: seconds(g.NameSetAt), SubjectOwner: t.wid(g.NameSetBy, g.NameSetByPN),
		Owner:    t.wid(g.OwnerJID, g.OwnerPN),
		Creation: seconds(g.GroupCreated),
		Announce: g.IsAnnounce, Restrict: g.IsLocked, MemberAddMode: string(g.MemberAddMode),
		MembershipApprovalMode: g.IsJoinApprovalRequired, EphemeralDuration: g.DisappearingTimer,
		IsParentGroup: g.IsParent, ParentGroup: t.wid(g.LinkedParentJID, types.EmptyJID),
		DefaultSubgroup: g.IsDefaultSubGroup, IsLIDAddressingMode: g.AddressingMode == types.AddressingModeLID,
		Size: max(g.ParticipantCount, len(g.Participants)), Suspended: g.Suspended, Incognito: g.IsIncognito,
		Participants:        make([]shape.GroupParticipant, 0, len(g.Participants)),
		PendingParticipants: []shape.GroupParticipant{}, PastParticipants: []shape.GroupParticipant{},
		MembershipApprovalRequests: []shape.GroupParticipant{},
	}
	if g.Topic != "" {
		m.Desc, m.DescID, m.DescTime = shape.Clean(g.Topic), shape.Clean(g.TopicID), seconds(g.TopicSetAt)
		m.DescOwner = t.wid(g.TopicSetBy, g.TopicSetByPN)
	}
	for _, p := range g.Participants {
		alt := p.LID
		if plain(p.JID).Server == types.HiddenUserServer {
			alt = p.PhoneNumber
		}
		m.Participants = append(m.Participants, shape.GroupParticipant{
			ID: shape.NewWid(t.user(p.JID, alt)), LID: hiddenOf(p.JID, alt), IsAdmin: p.IsAdmin || p.IsSuperAdmin, IsSuperAdmin: p.IsSuperAdmin,
		})
	}
	return m
}

// hiddenOf returns the hidden id among two addresses of a person, empty when there is none.
func hiddenOf(jids ...types.JID) string {
	for _, jid := range jids {
		if plain(jid).Server == types.HiddenUserServer {
			return shape.ID(jid)
		}
	}
	return ""
}

func (t *translator) wid(jid, alt types.JID) *shape.Wid {
	if jid.IsEmpty() {
		jid, alt = alt, types.EmptyJID
	}
	if jid.IsEmpty() {
		return nil
	}
	wid := shape.NewWid(t.user(jid, alt))
	return &wid
}

func seconds(at time.Time) int64 {
	if at.IsZero() || at.Unix() < 0 {
		return 0
	}
	return at.Unix()
}

// joinedGroup is for an account that was added to a group, joined it by a link, or was in
// it when it was made.
func (t *translator) joinedGroup(e *events.JoinedGroup) Op {
	meta := t.metadata(&e.GroupInfo)
	me := t.acct.ID()
	at := e.GroupCreated
	notice := GroupNotice{Event: "group_join", Type: "add", Whom: []string{me}, At: at}
	if e.Sender != nil {
		notice.By = t.user(*e.Sender, deref(e.SenderPN))
	}
	switch {
	case e.Type == "new":
		notice.Event, notice.Type, notice.Body = "group_update", "create", meta.Subject
	case e.Reason == "invite":
		notice.Type = "invite"
	}
	return &GroupChange{Chat: meta.ID.Serialized, At: at, Full: &meta, Joined: true, Notices: []GroupNotice{notice}}
}

func deref(jid *types.JID) types.JID {
	if jid == nil {
		return types.EmptyJID
	}
	return *jid
}

// groupInfo makes one notification of each of the changes that one event may have.
func (t *translator) groupInfo(e *events.GroupInfo) Op {
	by := ""
	if e.Sender != nil {
		by = t.user(*e.Sender, deref(e.SenderPN))
	}
	g := &groupEdit{GroupChange: GroupChange{Chat: shape.ID(e.JID), At: e.Timestamp}, by: by}
	t.members(e, g)
	for i := range g.Notices {
		g.Notices[i].Version = e.ParticipantVersionID
	}

	if e.Name != nil {
		subject, owner := shape.Clean(e.Name.Name), t.wid(e.Name.NameSetBy, e.Name.NameSetByPN)
		g.update("subject", subject, func(m *shape.GroupMetadata) {
			m.Subject, m.SubjectTime, m.SubjectOwner = subject, seconds(e.Name.NameSetAt), owner
		})
	}
	if e.Topic != nil {
		text, owner := shape.Clean(e.Topic.Topic), t.wid(e.Topic.TopicSetBy, e.Topic.TopicSetByPN)
		g.update("description", text, func(m *shape.GroupMetadata) {
			m.Desc, m.DescID, m.DescTime, m.DescOwner = text, shape.Clean(e.Topic.TopicID), seconds(e.Topic.TopicSetAt), owner
			if text == "" {
				m.DescID, m.DescTime, m.DescOwner = "", 0, nil
			}
		})
	}
	if e.Announce != nil {
		g.update("announce", onOff(e.Announce.IsAnnounce), func(m *shape.GroupMetadata) { m.Announce = e.Announce.IsAnnounce })
	}
	if e.Locked != nil {
		g.update("restrict", onOff(e.Locked.IsLocked), func(m *shape.GroupMetadata) { m.Restrict = e.Locked.IsLocked })
	}
	if e.Ephemeral != nil {
		timer := e.Ephemeral.DisappearingTimer
		g.update("ephemeral", strconv.FormatUint(uint64(timer), 10), func(m *shape.GroupMetadata) { m.EphemeralDuration = timer })
	}
	if e.MembershipApprovalMode != nil {
		on := e.MembershipApprovalMode.IsJoinApprovalRequired
		g.update("membership_approval_mode", onOff(on), func(m *shape.GroupMetadata) { m.MembershipApprovalMode = on })
	}
	if e.NewInviteLink != nil {
		g.update("revoke_invite", "", nil)
	}
	if e.Delete != nil {
		g.update("delete", "", nil)
		g.Left = true
	}
	if e.Link != nil {
		g.update("link", shape.ID(e.Link.Group.JID), nil)
	}
	if e.Unlink != nil {
		g.update("unlink", shape.ID(e.Unlink.Group.JID), nil)
	}
	if e.Suspended || e.Unsuspended {
		g.update("suspended", onOff(e.Suspended), func(m *shape.GroupMetadata) { m.Suspended = e.Suspended })
	}
	t.unparsed(e, g)
	return g.op()
}

// members covers members who joined, left, became admins, and are no longer admins.
func (t *translator) members(e *events.GroupInfo, g *groupEdit) {
	if joined := t.users(e.Join); len(joined) > 0 {
		kind := "add"
		if e.JoinReason == "invite" || e.JoinReason == "linked_group_join" {
			kind = e.JoinReason
		}
		g.members("group_join", kind, joined, func(m *shape.GroupMetadata) {
			for _, id := range joined {
				if memberAt(m, id) < 0 {
					m.Participants = append(m.Participants, shape.GroupParticipant{ID: shape.NewWid(id)})
				}
			}
		})
		g.Joined = slices.Contains(joined, t.acct.ID())
	}
	if left := t.users(e.Leave); len(left) > 0 {
		kind := "remove"
		if len(left) == 1 && left[0] == g.by {
			kind = "leave"
		}
		g.members("group_leave", kind, left, func(m *shape.GroupMetadata) {
			m.Participants = slices.DeleteFunc(m.Participants, func(p shape.GroupParticipant) bool {
				return slices.Contains(left, p.ID.Serialized)
			})
		})
		g.Left = g.Left || slices.Contains(left, t.acct.ID())
	}
	rank := func(ids []string, admin bool) func(*shape.GroupMetadata) {
		return func(m *shape.GroupMetadata) {
			for _, id := range ids {
				if i := memberAt(m, id); i >= 0 {
					m.Participants[i].IsAdmin = admin
					m.Participants[i].IsSuperAdmin = admin && m.Participants[i].IsSuperAdmin
				}
			}
		}
	}
	if ids := t.users(e.Promote); len(ids) > 0 {
		g.members("group_admin_changed", "promote", ids, rank(ids, true))
	}
	if ids := t.users(e.Demote); len(ids) > 0 {
		g.members("group_admin_changed", "demote", ids, rank(ids, false))
	}
}

func memberAt(m *shape.GroupMetadata, id string) int {
	return slices.IndexFunc(m.Participants, func(p shape.GroupParticipant) bool { return p.ID.Serialized == id })
}

func (t *translator) users(jids []types.JID) []string {
	ids := make([]string, 0, len(jids))
	for _, jid := range jids {
		if id := t.user(jid, types.EmptyJID); id != "" {
			ids = append(ids, id)
		}
	}
	return ids
}

// unparsed covers elements that whatsmeow passes on without parsing them.
func (t *translator) unparsed(e *events.GroupInfo, g *groupEdit) {
	for _, node := range e.UnknownChanges {
		switch node.Tag {
		case "member_add_mode":
			mode, _ := node.Content.([]byte)
			text := shape.Clean(string(mode))
			g.update("member_add_mode", text, func(m *shape.GroupMetadata) { m.MemberAddMode = text })
		case "created_membership_requests":
			g.Notices = append(g.Notices, GroupNotice{
				Event: "group_membership_request", Type: "membership_approval_request", By: g.by, At: g.At,
			})
		}
	}
}

func (t *translator) picture(e *events.Picture) Op {
	if e.JID.Server != types.GroupServer {
		return nil
	}
	g := &groupEdit{GroupChange: GroupChange{Chat: shape.ID(e.JID), At: e.Timestamp}, by: t.user(e.Author, types.EmptyJID)}
	g.update("picture", "", nil)
	if g.Notices[0].Version = e.PictureID; e.Remove {
		g.Notices[0].Version = "removed"
	}
	return g.op()
}

func onOff(on bool) string {
	if on {
		return "on"
	}
	return "off"
}

// groupEdit collects the changes of one event.
type groupEdit struct {
	GroupChange
	by    string
	edits []func(*shape.GroupMetadata)
}

func (g *groupEdit) update(kind, body string, edit func(*shape.GroupMetadata)) {
	g.Notices = append(g.Notices, GroupNotice{Event: "group_update", Type: kind, Body: body, By: g.by, At: g.At})
	if edit != nil {
		g.edits = append(g.edits, edit)
	}
}

func (g *groupEdit) members(event, kind string, whom []string, edit func(*shape.GroupMetadata)) {
	g.Notices = append(g.Notices, GroupNotice{Event: event, Type: kind, By: g.by, Whom: whom, At: g.At})
	g.edits = append(g.edits, func(m *shape.GroupMetadata) {
		edit(m)
		m.Size = len(m.Participants)
	})
}

func (g *groupEdit) op() Op {
	if len(g.Notices) == 0 {
		return nil
	}
	if len(g.edits) > 0 {
		edits := g.edits
		g.Apply = func(m *shape.GroupMetadata) {
			for _, edit := range edits {
				edit(m)
			}
		}
	}
	return &g.GroupChange
}

// GroupMetadata is the shape of a group. The account need not be in it.
func GroupMetadata(ctx context.Context, acct Account, ids IDs, g *types.GroupInfo) shape.GroupMetadata {
	t := &translator{resolver: resolver{ctx: ctx, acct: acct, ids: ids}}
	return t.metadata(g)
}
