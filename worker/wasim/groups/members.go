package groups

import (
	"slices"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"

	"whatsapp-manager/worker/wasim/user"
)

// changeParticipants carries out add, remove, promote or demote and answers with
// one participant element per person asked for, with an error where it failed.
func (s *Groups) changeParticipants(g *group, from user.Device, child waBinary.Node) []waBinary.Node {
	var known []user.User
	var answers []waBinary.Node
	for _, participant := range child.GetChildrenByTag("participant") {
		jid, _ := participant.Attrs["jid"].(types.JID)
		u, found := s.directory.Find(jid)
		code := 0
		switch {
		case !found:
			answers = append(answers, waBinary.Node{Tag: "participant", Attrs: waBinary.Attrs{"jid": jid, "error": 404}})
			continue
		case child.Tag == "add" && g.has(u):
			code = 409
		case child.Tag == "add" && s.directory.OnlyInvited(u):
			answers = append(answers, g.invitePrivately(from.User, u))
			continue
		case child.Tag != "add" && !g.has(u):
			code = 404
		}
		answer := g.listed(u, "")
		if code != 0 {
			answer.Attrs["error"] = code
		} else {
			known = append(known, u)
		}
		answers = append(answers, answer)
	}
	if len(known) > 0 {
		s.changeMembers(g, from.User, child.Tag, "", known)
	}
	return []waBinary.Node{{Tag: child.Tag, Content: answers}}
}

// changeMembers applies a change and notifies those who are in the group before
// or after it. The reason of a join is "invite" for those who came by a link or an
// invitation, else empty.
func (s *Groups) changeMembers(g *group, by user.User, change, reason string, users []user.User) {
	before := g.users()
	g.mu.Lock()
	previous := g.version
	g.version++
	version := g.version
	var listed []waBinary.Node
	var joined []user.User
	for _, u := range users {
		m := g.find(u)
		switch {
		case change == "add" && m == nil:
			m = &member{user: u}
			g.members = append(g.members, m)
			joined = append(joined, u)
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
		listed = append(listed, g.listed(m.user, m.rank))
	}
	g.mu.Unlock()
	if len(listed) == 0 {
		return
	}
	// Who joins gets the whole group, the others only the change.
	s.announce(g, by, joined, "")
	attrs := waBinary.Attrs{"v_id": version, "prev_v_id": previous}
	if reason != "" {
		attrs["reason"] = reason
	}
	s.notify(g, by, before, waBinary.Node{Tag: change, Attrs: attrs, Content: listed})
}

// announce sends users the create notification, which holds the whole group.
func (s *Groups) announce(g *group, by user.User, to []user.User, key string) {
	attrs := waBinary.Attrs{"type": "new", "key": key}
	s.notify(g, by, to, waBinary.Node{Tag: "create", Attrs: attrs, Content: []waBinary.Node{g.node()}})
}

// notify sends a w:gp2 notification with one child to all devices of the given
// users, the actor's own included.
func (s *Groups) notify(g *group, by user.User, to []user.User, child waBinary.Node) {
	for _, u := range to {
		attrs := waBinary.Attrs{
			"participant":     by.JID(g.server(), 0),
			"participant_pn":  by.PN,
			"notify":          s.directory.PushName(by),
			"addressing_mode": g.mode(),
		}
		s.directory.Username(by).Tell(attrs, "participant_username")
		s.delivery.Broadcast(u, s.delivery.Notification("w:gp2", g.jid, attrs, child))
	}
}
