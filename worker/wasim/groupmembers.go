package wasim

import (
	"slices"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"
)

// changeParticipants carries out add, remove, promote or demote and answers with
// one participant element per person asked for, with an error where it failed.
func (s *Server) changeParticipants(g *group, from origin, child waBinary.Node) ([]waBinary.Node, *iqError) {
	var known []*Account
	var answers []waBinary.Node
	for _, participant := range child.GetChildrenByTag("participant") {
		jid, _ := participant.Attrs["jid"].(types.JID)
		account := s.account(jid)
		code := 0
		switch {
		case account == nil:
			answers = append(answers, waBinary.Node{Tag: "participant", Attrs: waBinary.Attrs{"jid": jid, "error": 404}})
			continue
		case child.Tag == "add" && g.has(account):
			code = 409
		case child.Tag == "add" && account.privateOnly():
			answers = append(answers, g.invitePrivately(from.account, account))
			continue
		case child.Tag != "add" && !g.has(account):
			code = 404
		}
		answer := (&member{account: account}).node(g.server())
		if code != 0 {
			answer.Attrs["error"] = code
		} else {
			known = append(known, account)
		}
		answers = append(answers, answer)
	}
	if len(known) > 0 {
		s.changeMembers(g, from, child.Tag, known)
	}
	return []waBinary.Node{{Tag: child.Tag, Content: answers}}, nil
}

// changeMembers applies a change and notifies those who are in the group before
// or after it.
func (s *Server) changeMembers(g *group, from origin, change string, accounts []*Account) {
	s.changeMembersFor(g, from, change, "", accounts)
}

// changeMembersFor is changeMembers with the reason of a join: "invite" for
// those who came by a link or an invitation.
func (s *Server) changeMembersFor(g *group, from origin, change, reason string, accounts []*Account) {
	before := g.snapshot()
	g.mu.Lock()
	previous := g.version
	g.version++
	version := g.version
	var listed []waBinary.Node
	var joined []*Account
	for _, account := range accounts {
		m := g.find(account)
		switch {
		case change == "add" && m == nil:
			m = &member{account: account}
			g.members = append(g.members, m)
			joined = append(joined, account)
		case m == nil || change == "add":
			continue
		case change == "remove":
			i := slices.Index(g.members, m)
			g.members = slices.Delete(slices.Clone(g.members), i, i+1)
		case change == "promote":
			m.rank = "admin"
		case change == "demote":
			m.rank = ""
		}
		listed = append(listed, m.node(g.server()))
	}
	g.mu.Unlock()
	if len(listed) == 0 {
		return
	}
	// Who joins gets the whole group, the others only the change.
	s.announceGroup(g, from, joined, "")
	attrs := waBinary.Attrs{"v_id": version, "prev_v_id": previous}
	if reason != "" {
		attrs["reason"] = reason
	}
	s.notifyGroup(g, from, before, waBinary.Node{Tag: change, Attrs: attrs, Content: listed})
}

// announceGroup sends accounts the create notification, which holds the whole group.
func (s *Server) announceGroup(g *group, from origin, to []*Account, key string) {
	attrs := waBinary.Attrs{"type": "new", "key": key}
	s.notifyGroup(g, from, to, waBinary.Node{Tag: "create", Attrs: attrs, Content: []waBinary.Node{g.node()}})
}

// notifyGroup sends a w:gp2 notification with one child to all devices of the
// given accounts, the actor's own included.
func (s *Server) notifyGroup(g *group, from origin, to []*Account, child waBinary.Node) {
	for _, account := range to {
		account.broadcast(s.notification("w:gp2", g.jid, waBinary.Attrs{
			"participant":     from.account.jid(g.server(), 0),
			"participant_pn":  from.account.pn,
			"notify":          from.account.phone.PushName(),
			"addressing_mode": g.mode(),
		}, child), -1)
	}
}
