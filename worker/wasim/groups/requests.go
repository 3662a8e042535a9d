package groups

import (
	"unicode/utf8"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"

	"whatsapp-manager/worker/wasim/stanza"
	"whatsapp-manager/worker/wasim/user"
)

// Answer answers requests about groups: those on g.us itself, and those on a group,
// which only members may make. With byNumber new groups address their members by
// phone number.
func (s *Groups) Answer(from user.Device, iq *waBinary.Node, byNumber bool) ([]waBinary.Node, *stanza.Error) {
	to, _ := iq.Attrs["to"].(types.JID)
	kind, _ := iq.Attrs["type"].(string)
	child := stanza.First(iq)
	if to.User == "" {
		return s.answerGeneral(from, child, kind, byNumber)
	}
	g := s.group(to)
	if g == nil {
		return nil, stanza.ErrNotFound
	}
	if child.Tag == "accept" {
		return s.acceptInvitation(g, from.User, child.Attrs)
	}
	if request, ok := child.GetOptionalChildByTag("add_request"); ok && child.Tag == "query" {
		if refused := g.checkInvitation(from.User, request.Attrs); refused != nil {
			return nil, refused
		}
		return []waBinary.Node{g.node()}, nil
	}
	if !g.has(from.User) {
		return nil, stanza.ErrForbidden
	}
	if kind == "get" {
		switch child.Tag {
		case "query":
			return []waBinary.Node{g.node()}, nil
		case "invite":
			return g.invite(from, false)
		case "membership_approval_requests":
			return g.listRequests(from)
		case "sub_groups", "linked_groups_participants":
			return []waBinary.Node{{Tag: child.Tag}}, nil
		}
		return nil, stanza.ErrBadRequest
	}
	return s.change(g, from, child)
}

// answerGeneral answers requests that are about no group yet, or about many.
func (s *Groups) answerGeneral(
	from user.Device, child waBinary.Node, kind string, byNumber bool,
) ([]waBinary.Node, *stanza.Error) {
	switch {
	case child.Tag == "create":
		return s.answerCreate(from, child, byNumber)
	case child.Tag == "participating":
		groups := s.of(from.User)
		nodes := make([]waBinary.Node, len(groups))
		for i, g := range groups {
			nodes[i] = g.node()
		}
		return []waBinary.Node{{Tag: "groups", Content: nodes}}, nil
	case child.Tag == "leave":
		for _, left := range child.GetChildrenByTag("group") {
			jid, _ := left.Attrs["id"].(types.JID)
			g := s.group(jid)
			if g == nil {
				return nil, stanza.ErrNotFound
			}
			s.changeMembers(g, from.User, "remove", "", []user.User{from.User})
		}
		return []waBinary.Node{child}, nil
	case child.Tag == "invite":
		code, _ := child.Attrs["code"].(string)
		g := s.byCode(code)
		switch {
		case g == nil && s.revoked(code):
			return nil, stanza.ErrGone
		case g == nil:
			return nil, stanza.ErrNotAcceptable
		case kind == "get":
			return []waBinary.Node{g.node()}, nil
		}
		return s.joinByLink(g, from.User), nil
	}
	return nil, stanza.ErrBadRequest
}

func (s *Groups) answerCreate(
	from user.Device, child waBinary.Node, byNumber bool,
) ([]waBinary.Node, *stanza.Error) {
	subject, _ := child.Attrs["subject"].(string)
	// WhatsApp's limit, after ReqCreateGroup of whatsmeow; phones allow more by now.
	if utf8.RuneCountInString(subject) > 100 {
		return nil, stanza.ErrNotAcceptable
	}
	members := []user.User{from.User}
	var private []user.User
	var unknown []types.JID
	for _, participant := range child.GetChildrenByTag("participant") {
		jid, _ := participant.Attrs["jid"].(types.JID)
		// Participants come in whatever form the caller used, in either mode.
		switch u, found := s.directory.Find(jid); {
		case !found:
			unknown = append(unknown, jid)
		case s.directory.OnlyInvited(u):
			private = append(private, u)
		default:
			members = append(members, u)
		}
	}
	g := s.create(subject, byNumber, members)
	g.configure(child)
	key, _ := child.Attrs["key"].(string)
	s.announce(g, from.User, g.users(), key)
	answer := g.node()
	content, _ := answer.Content.([]waBinary.Node)
	for _, u := range private {
		content = append(content, g.invitePrivately(from.User, u))
	}
	for _, jid := range unknown {
		content = append(content, waBinary.Node{Tag: "participant", Attrs: waBinary.Attrs{"jid": jid, "error": 404}})
	}
	answer.Content = content
	return []waBinary.Node{answer}, nil
}

// configure takes the settings of a create request. The group can be found already.
func (g *group) configure(create waBinary.Node) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, flag := range []string{"announcement", "locked"} {
		if _, ok := create.GetOptionalChildByTag(flag); ok {
			g.flags[flag] = true
		}
	}
	if timer, ok := create.GetOptionalChildByTag("ephemeral"); ok {
		g.expiry = stanza.Number(timer.Attrs["expiration"])
	}
	if mode, ok := create.GetOptionalChildByTag("member_add_mode"); ok {
		raw, _ := mode.Content.([]byte)
		g.addMode = string(raw)
	}
	if mode, ok := create.GetOptionalChildByTag("membership_approval_mode"); ok {
		join := mode.GetChildByTag("group_join")
		g.approval = join.Attrs["state"] == "on"
	}
}
