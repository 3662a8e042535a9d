package wasim

import (
	"crypto/rand"
	"strconv"
	"time"

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
	if !g.has(from.account) {
		return nil, errForbidden
	}
	if kind == "get" {
		switch child.Tag {
		case "query":
			return []waBinary.Node{g.node()}, nil
		case "invite":
			return g.invite(from, false)
		case "membership_approval_requests", "sub_groups", "linked_groups_participants":
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
		if g == nil {
			return nil, errNotAcceptable
		}
		if kind == "get" {
			return []waBinary.Node{g.node()}, nil
		}
		s.changeMembers(g, origin{account: from.account}, "add", []*Account{from.account})
		return []waBinary.Node{{Tag: "group", Attrs: waBinary.Attrs{"jid": g.jid}}}, nil
	}
	return nil, errBadRequest
}

func (s *Server) createGroup(from origin, child waBinary.Node) ([]waBinary.Node, *iqError) {
	members := []*Account{from.account}
	for _, participant := range child.GetChildrenByTag("participant") {
		jid, _ := participant.Attrs["jid"].(types.JID)
		// Participants come in whatever form the caller used, in either mode.
		if account := s.account(jid); account != nil {
			members = append(members, account)
		}
	}
	subject, _ := child.Attrs["subject"].(string)
	g := s.makeGroup(subject, members)
	for _, flag := range []string{"announcement", "locked"} {
		if _, ok := child.GetOptionalChildByTag(flag); ok {
			g.flags[flag] = true
		}
	}
	if timer, ok := child.GetOptionalChildByTag("ephemeral"); ok {
		g.expiry = number(timer.Attrs["expiration"])
	}
	key, _ := child.Attrs["key"].(string)
	s.announceGroup(g, from, g.snapshot(), key)
	return []waBinary.Node{g.node()}, nil
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
		if !admin && child.Tag != "add" {
			return nil, errForbidden
		}
		return s.changeParticipants(g, from, child)
	case "subject", "description":
		if locked && !admin {
			return nil, errForbidden
		}
	case "invite":
		return g.invite(from, true)
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

func newInviteCode() string { return rand.Text()[:22] }
