package groups

import (
	"crypto/rand"
	"fmt"
	"slices"
	"strconv"
	"time"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"

	"whatsapp-manager/worker/wasim/stanza"
	"whatsapp-manager/worker/wasim/user"
)

// inviteLife is how long a private invitation holds: three days, as phones show it.
const inviteLife = 72 * time.Hour

// invitation is what an admin may send to somebody who lets nobody add them.
type invitation struct {
	code    string
	expires time.Time
	admin   user.User
}

// request is somebody's wish to join, waiting for an admin.
type request struct {
	user   user.User
	at     time.Time
	method string
}

// invitePrivately refuses to add a user and gives the admin an invitation for the user,
// in the form of whatsmeow's parseParticipant.
func (g *group) invitePrivately(admin, whom user.User) waBinary.Node {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.invitations == nil {
		g.invitations = map[user.User]invitation{}
	}
	inv := invitation{code: rand.Text()[:16], expires: time.Now().Add(inviteLife), admin: admin}
	g.invitations[whom] = inv
	node := g.listed(whom, "")
	node.Attrs["error"] = 403
	node.Content = []waBinary.Node{{
		Tag: "add_request", Attrs: waBinary.Attrs{"code": inv.code, "expiration": inv.expires.Unix()},
	}}
	return node
}

// acceptInvitation lets somebody in who was invited privately.
func (s *Groups) acceptInvitation(g *group, by user.User, attrs waBinary.Attrs) ([]waBinary.Node, *stanza.Error) {
	if refused := g.checkInvitation(by, attrs); refused != nil {
		return nil, refused
	}
	g.mu.Lock()
	delete(g.invitations, by)
	g.mu.Unlock()
	s.join(g, by)
	return []waBinary.Node{{Tag: "accept"}}, nil
}

func (g *group) checkInvitation(u user.User, attrs waBinary.Attrs) *stanza.Error {
	code, _ := attrs["code"].(string)
	g.mu.Lock()
	defer g.mu.Unlock()
	inv, ok := g.invitations[u]
	switch {
	case !ok || inv.code != code || stanza.Number(attrs["expiration"]) != uint64(inv.expires.Unix()):
		return stanza.ErrNotAcceptable
	case time.Now().After(inv.expires):
		return stanza.ErrGone
	}
	return nil
}

// join adds somebody who comes by a link or an invitation, in their own name.
func (s *Groups) join(g *group, u user.User) {
	s.changeMembers(g, u, "add", "invite", []user.User{u})
}

// joinByLink lets somebody in, or files a request when admins approve.
func (s *Groups) joinByLink(g *group, u user.User) []waBinary.Node {
	joined := []waBinary.Node{{Tag: "group", Attrs: waBinary.Attrs{"jid": g.jid}}}
	if g.has(u) {
		return joined
	}
	g.mu.Lock()
	wait := g.approval
	known := slices.ContainsFunc(g.requests, func(r request) bool { return r.user == u })
	if wait && !known {
		g.requests = append(g.requests, request{user: u, at: time.Now(), method: "invite_link"})
	}
	g.mu.Unlock()
	if !wait {
		s.join(g, u)
		return joined
	}
	if !known {
		// guess: the element's form; whatsmeow hands it on unparsed, and its name
		// is the one that published clients look for.
		s.notify(g, u, g.admins(), waBinary.Node{
			Tag: "created_membership_requests", Attrs: waBinary.Attrs{"request_method": "invite_link"},
			Content: []waBinary.Node{{
				Tag: "requested_user", Attrs: waBinary.Attrs{"jid": u.JID(g.server(), 0), "phone_number": u.PN},
			}},
		})
	}
	return []waBinary.Node{{Tag: "membership_approval_request", Attrs: waBinary.Attrs{"jid": g.jid}}}
}

// listRequests answers who waits. Only admins may ask.
func (g *group) listRequests(from user.Device) ([]waBinary.Node, *stanza.Error) {
	if !g.isAdmin(from.User) {
		return nil, stanza.ErrForbidden
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	var waiting []waBinary.Node
	for _, r := range g.requests {
		// guess: phone_number, as the participants of a group have it.
		waiting = append(waiting, waBinary.Node{Tag: "membership_approval_request", Attrs: waBinary.Attrs{
			"phone_number": r.user.PN, "jid": r.user.JID(g.server(), 0), "requestor": r.user.JID(g.server(), 0),
			"request_time": r.at.Unix(), "request_method": r.method,
		}})
	}
	return []waBinary.Node{{Tag: "membership_approval_requests", Content: waiting}}, nil
}

// decideRequests approves or rejects; one answer per person asked for.
func (s *Groups) decideRequests(g *group, from user.Device, child waBinary.Node) ([]waBinary.Node, *stanza.Error) {
	decision := stanza.First(&child)
	if decision.Tag != "approve" && decision.Tag != "reject" {
		return nil, stanza.ErrBadRequest
	}
	var answers []waBinary.Node
	var let []user.User
	for _, p := range decision.GetChildrenByTag("participant") {
		jid, _ := p.Attrs["jid"].(types.JID)
		u, found := s.directory.Find(jid)
		g.mu.Lock()
		i := slices.IndexFunc(g.requests, func(r request) bool { return r.user == u })
		if i >= 0 {
			g.requests = slices.Delete(slices.Clone(g.requests), i, i+1)
		}
		g.mu.Unlock()
		answer := waBinary.Node{Tag: "participant", Attrs: waBinary.Attrs{"jid": jid}}
		switch {
		case !found || i < 0:
			answer.Attrs["error"] = 404
		case decision.Tag == "approve":
			let = append(let, u)
		}
		answers = append(answers, answer)
	}
	if len(let) > 0 {
		s.changeMembers(g, from.User, "add", "invite", let)
	}
	return []waBinary.Node{{
		Tag: "membership_requests_action", Content: []waBinary.Node{{Tag: decision.Tag, Content: answers}},
	}}, nil
}

// Join lets a user's phone join by the code of an invite link; with approval on, it
// files a request. It fails with ErrNoGroup for a wrong code.
func (s *Groups) Join(u user.User, code string) error {
	g := s.byCode(code)
	if g == nil {
		return ErrNoGroup
	}
	s.joinByLink(g, u)
	return nil
}

// AcceptInvitation lets a user's phone join by a private invitation, as the message
// that brought it says.
func (s *Groups) AcceptInvitation(u user.User, jid types.JID, code string, expiration int64) error {
	g := s.group(jid)
	if g == nil {
		return ErrNoGroup
	}
	attrs := waBinary.Attrs{"code": code, "expiration": strconv.FormatInt(expiration, 10)}
	if _, refused := s.acceptInvitation(g, u, attrs); refused != nil {
		return fmt.Errorf("accept invitation: %d %s", refused.Code, refused.Text)
	}
	return nil
}

// InvitePrivately makes an invitation into a group that the inviting user is in, to
// be sent to somebody as a message.
func (s *Groups) InvitePrivately(
	by user.User, jid types.JID, whom user.User,
) (code string, expiration int64, err error) {
	g := s.group(jid)
	if g == nil || !g.has(by) {
		return "", 0, ErrNoGroup
	}
	g.invitePrivately(by, whom)
	g.mu.Lock()
	defer g.mu.Unlock()
	inv := g.invitations[whom]
	return inv.code, inv.expires.Unix(), nil
}
