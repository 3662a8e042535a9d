package wasim

import (
	"crypto/rand"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"
)

// iqGroup answers requests about groups: those on g.us itself, and those on a
// group, which only members may make.
func (s *Server) iqGroup(from origin, iq *waBinary.Node) ([]waBinary.Node, *iqError) {
	to, _ := iq.Attrs["to"].(types.JID)
	kind, _ := iq.Attrs["type"].(string)
	child := first(iq)
	if to.User == "" {
		return s.iqGroups(from, child, kind)
	}
	g := s.group(to)
	if g == nil {
		return nil, errNotFound
	}
	if child.Tag == "accept" {
		return s.acceptInvitation(g, from, child.Attrs)
	}
	if request, ok := child.GetOptionalChildByTag("add_request"); ok && child.Tag == "query" {
		if refused := g.checkInvitation(from.account, request.Attrs); refused != nil {
			return nil, refused
		}
		return []waBinary.Node{g.node()}, nil
	}
	if !g.has(from.account) {
		return nil, errForbidden
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
		return nil, errBadRequest
	}
	return s.changeGroup(g, from, child)
}

// iqGroups answers requests that are about no group yet, or about many.
func (s *Server) iqGroups(from origin, child waBinary.Node, kind string) ([]waBinary.Node, *iqError) {
	switch {
	case child.Tag == "create":
		return s.createGroup(from, child)
	case child.Tag == "participating":
		groups := s.groupsOf(from.account)
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
				return nil, errNotFound
			}
			s.changeMembers(g, from, "remove", []*Account{from.account})
		}
		return []waBinary.Node{child}, nil
	case child.Tag == "invite":
		code, _ := child.Attrs["code"].(string)
		g := s.groupByCode(code)
		switch {
		case g == nil && s.wasCode(code):
			return nil, errGone
		case g == nil:
			return nil, errNotAcceptable
		case kind == "get":
			return []waBinary.Node{g.node()}, nil
		}
		return s.joinByLink(g, from)
	}
	return nil, errBadRequest
}

func (s *Server) createGroup(from origin, child waBinary.Node) ([]waBinary.Node, *iqError) {
	subject, _ := child.Attrs["subject"].(string)
	// WhatsApp's limit, after ReqCreateGroup of whatsmeow; phones allow more by now.
	if utf8.RuneCountInString(subject) > 100 {
		return nil, errNotAcceptable
	}
	members := []*Account{from.account}
	var private []*Account
	var unknown []types.JID
	for _, participant := range child.GetChildrenByTag("participant") {
		jid, _ := participant.Attrs["jid"].(types.JID)
		// Participants come in whatever form the caller used, in either mode.
		switch account := s.account(jid); {
		case account == nil:
			unknown = append(unknown, jid)
		case account.privateOnly():
			private = append(private, account)
		default:
			members = append(members, account)
		}
	}
	g := s.makeGroup(subject, members)
	for _, flag := range []string{"announcement", "locked"} {
		if _, ok := child.GetOptionalChildByTag(flag); ok {
			g.flags[flag] = true
		}
	}
	if timer, ok := child.GetOptionalChildByTag("ephemeral"); ok {
		g.expiry = number(timer.Attrs["expiration"])
	}
	if mode, ok := child.GetOptionalChildByTag("member_add_mode"); ok {
		raw, _ := mode.Content.([]byte)
		g.addMode = string(raw)
	}
	if mode, ok := child.GetOptionalChildByTag("membership_approval_mode"); ok {
		join := mode.GetChildByTag("group_join")
		g.approval = join.Attrs["state"] == "on"
	}
	key, _ := child.Attrs["key"].(string)
	s.announceGroup(g, from, g.snapshot(), key)
	answer := g.node()
	content, _ := answer.Content.([]waBinary.Node)
	for _, account := range private {
		content = append(content, g.invitePrivately(from.account, account))
	}
	for _, jid := range unknown {
		content = append(content, waBinary.Node{Tag: "participant", Attrs: waBinary.Attrs{"jid": jid, "error": 404}})
	}
	answer.Content = content
	return []waBinary.Node{answer}, nil
}

// changeGroup carries out a set request on a group and notifies its members.
func (s *Server) changeGroup(g *group, from origin, child waBinary.Node) ([]waBinary.Node, *iqError) {
	rank := g.rank(from.account)
	admin := rank == "admin" || rank == "superadmin"
	g.mu.Lock()
	locked := g.flags["locked"]
	g.mu.Unlock()
	switch child.Tag {
	case "add", "remove", "promote", "demote":
		g.mu.Lock()
		byAll := g.addMode != "admin_add"
		g.mu.Unlock()
		if !admin && (child.Tag != "add" || !byAll) {
			return nil, errForbidden
		}
		return s.changeParticipants(g, from, child)
	case "subject", "description":
		if locked && !admin {
			return nil, errForbidden
		}
	case "invite":
		answer, refused := g.invite(from, true)
		if refused == nil {
			s.notifyGroup(g, from, g.snapshot(), waBinary.Node{Tag: "invite", Attrs: waBinary.Attrs{"code": answer[0].Attrs["code"]}})
		}
		return answer, refused
	case "membership_requests_action":
		if !admin {
			return nil, errForbidden
		}
		return s.decideRequests(g, from, child)
	default:
		if !admin {
			return nil, errForbidden
		}
	}
	now := time.Now()
	g.mu.Lock()
	g.version++
	version := strconv.Itoa(g.version)
	notice := waBinary.Node{Tag: child.Tag}
	switch child.Tag {
	case "subject":
		raw, _ := child.Content.([]byte)
		if len(raw) == 0 || utf8.RuneCount(raw) > 100 {
			g.mu.Unlock()
			return nil, errNotAcceptable
		}
		g.subject, g.named, g.namer = string(raw), now, from.account
		notice.Attrs = waBinary.Attrs{"subject": g.subject, "s_t": now.Unix(), "s_o": from.account.jid(g.server(), 0), "s_o_pn": from.account.pn}
	case "description":
		previous, _ := child.Attrs["prev"].(string)
		id, _ := child.Attrs["id"].(string)
		if g.topic != nil && g.topic.id != previous {
			g.mu.Unlock()
			return nil, errConflict
		}
		notice.Attrs = waBinary.Attrs{"id": id}
		if _, gone := child.Attrs["delete"]; gone {
			g.topic = nil
			notice.Content = []waBinary.Node{{Tag: "delete"}}
			break
		}
		body := child.GetChildByTag("body")
		text, _ := body.Content.([]byte)
		g.topic = &topic{id: id, text: string(text), by: from.account, at: now}
		notice.Content = []waBinary.Node{{Tag: "body", Content: text}}
	case "announcement", "not_announcement":
		g.flags["announcement"] = child.Tag == "announcement"
		notice.Attrs = waBinary.Attrs{"v_id": version}
	case "locked", "unlocked":
		g.flags["locked"] = child.Tag == "locked"
	case "ephemeral":
		g.expiry = number(child.Attrs["expiration"])
		notice.Attrs = waBinary.Attrs{"expiration": g.expiry}
	case "not_ephemeral":
		g.expiry = 0
	case "membership_approval_mode":
		join := child.GetChildByTag("group_join")
		g.approval = join.Attrs["state"] == "on"
		notice.Content = child.Content
	case "member_add_mode":
		raw, _ := child.Content.([]byte)
		g.addMode = string(raw)
		notice.Content = raw
	default:
		g.mu.Unlock()
		return nil, errBadRequest
	}
	g.mu.Unlock()
	s.notifyGroup(g, from, g.snapshot(), notice)
	return nil, nil
}

func (g *group) invite(from origin, reset bool) ([]waBinary.Node, *iqError) {
	if rank := g.rank(from.account); rank != "admin" && rank != "superadmin" {
		return nil, errNotAuthorized
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if reset {
		if g.revoked == nil {
			g.revoked = map[string]bool{}
		}
		g.revoked[g.code] = true
		g.code = newInviteCode()
	}
	return []waBinary.Node{{Tag: "invite", Attrs: waBinary.Attrs{"code": g.code}}}, nil
}

func (s *Server) groupByCode(code string) *group {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for _, g := range s.groups {
		g.mu.Lock()
		match := g.code == code
		g.mu.Unlock()
		if match {
			return g
		}
	}
	return nil
}

// wasCode tells whether the code was that of a group's link before.
func (s *Server) wasCode(code string) bool {
	return slices.ContainsFunc(s.allGroups(), func(g *group) bool {
		g.mu.Lock()
		defer g.mu.Unlock()
		return g.revoked[code]
	})
}

func newInviteCode() string { return rand.Text()[:22] }
