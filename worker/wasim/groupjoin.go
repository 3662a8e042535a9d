package wasim

import (
	"crypto/rand"
	"fmt"
	"slices"
	"strconv"
	"time"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"
)

// inviteLife is how long a private invitation holds: three days, as phones show it.
const inviteLife = 72 * time.Hour

// invitation is what an admin may send to somebody who lets nobody add them.
type invitation struct {
	code    string
	expires time.Time
	admin   *Account
}

// request is somebody's wish to join, waiting for an admin.
type request struct {
	account *Account
	at      time.Time
	method  string
}

// privateOnly tells whether the account lets nobody add it to groups.
//
// guess: only the value "none" is played; lists of contacts are not kept.
func (a *Account) privateOnly() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.privacy["groupadd"] == "none"
}

// OnlyByInvitation makes the account one that nobody may add to groups, or one
// that everybody may.
func (a *Account) OnlyByInvitation(on bool) {
	value := "all"
	if on {
		value = "none"
	}
	a.setPrivacy("groupadd", value)
}

// invitePrivately refuses to add an account and gives the admin an invitation
// for it, in the form of whatsmeow's parseParticipant.
func (g *group) invitePrivately(admin, whom *Account) waBinary.Node {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.invitations == nil {
		g.invitations = map[*Account]invitation{}
	}
	inv := invitation{code: rand.Text()[:16], expires: time.Now().Add(inviteLife), admin: admin}
	g.invitations[whom] = inv
	node := (&member{account: whom}).node(g.server())
	node.Attrs["error"] = 403
	node.Content = []waBinary.Node{{Tag: "add_request", Attrs: waBinary.Attrs{"code": inv.code, "expiration": inv.expires.Unix()}}}
	return node
}

// accept lets somebody in who was invited privately.
func (s *Server) acceptInvitation(g *group, from origin, attrs waBinary.Attrs) ([]waBinary.Node, *iqError) {
	if refused := g.checkInvitation(from.account, attrs); refused != nil {
		return nil, refused
	}
	g.mu.Lock()
	delete(g.invitations, from.account)
	g.mu.Unlock()
	s.join(g, from.account, "invite")
	return []waBinary.Node{{Tag: "accept"}}, nil
}

func (g *group) checkInvitation(a *Account, attrs waBinary.Attrs) *iqError {
	code, _ := attrs["code"].(string)
	g.mu.Lock()
	defer g.mu.Unlock()
	inv, ok := g.invitations[a]
	switch {
	case !ok || inv.code != code || number(attrs["expiration"]) != uint64(inv.expires.Unix()):
		return errNotAcceptable
	case time.Now().After(inv.expires):
		return errGone
	}
	return nil
}

// join adds somebody who comes by an invitation, in their own name.
func (s *Server) join(g *group, a *Account, reason string) {
	s.changeMembersFor(g, origin{account: a}, "add", reason, []*Account{a})
}

// joinByLink lets somebody in, or files a request when admins approve.
func (s *Server) joinByLink(g *group, from origin) ([]waBinary.Node, *iqError) {
	if g.has(from.account) {
		return []waBinary.Node{{Tag: "group", Attrs: waBinary.Attrs{"jid": g.jid}}}, nil
	}
	g.mu.Lock()
	wait := g.approval
	known := slices.ContainsFunc(g.requests, func(r request) bool { return r.account == from.account })
	if wait && !known {
		g.requests = append(g.requests, request{account: from.account, at: time.Now(), method: "invite_link"})
	}
	var admins []*Account
	for _, m := range g.members {
		if m.rank != "" {
			admins = append(admins, m.account)
		}
	}
	g.mu.Unlock()
	if !wait {
		s.join(g, from.account, "invite")
		return []waBinary.Node{{Tag: "group", Attrs: waBinary.Attrs{"jid": g.jid}}}, nil
	}
	if !known {
		// guess: the element's form; whatsmeow hands it on unparsed, and its name
		// is the one that published clients look for.
		s.notifyGroup(g, origin{account: from.account}, admins, waBinary.Node{
			Tag: "created_membership_requests", Attrs: waBinary.Attrs{"request_method": "invite_link"},
			Content: []waBinary.Node{{Tag: "requested_user", Attrs: waBinary.Attrs{"jid": from.account.jid(g.server(), 0), "phone_number": from.account.pn}}},
		})
	}
	return []waBinary.Node{{Tag: "membership_approval_request", Attrs: waBinary.Attrs{"jid": g.jid}}}, nil
}

// listRequests answers who waits. Only admins may ask.
func (g *group) listRequests(from origin) ([]waBinary.Node, *iqError) {
	if rank := g.rank(from.account); rank != "admin" && rank != "superadmin" {
		return nil, errForbidden
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	var waiting []waBinary.Node
	for _, r := range g.requests {
		// guess: phone_number, as the participants of a group have it.
		waiting = append(waiting, waBinary.Node{Tag: "membership_approval_request", Attrs: waBinary.Attrs{
			"phone_number": r.account.pn, "jid": r.account.jid(g.server(), 0), "requestor": r.account.jid(g.server(), 0),
			"request_time": r.at.Unix(), "request_method": r.method,
		}})
	}
	return []waBinary.Node{{Tag: "membership_approval_requests", Content: waiting}}, nil
}

// decideRequests approves or rejects; one answer per person asked for.
func (s *Server) decideRequests(g *group, from origin, child waBinary.Node) ([]waBinary.Node, *iqError) {
	decision := first(&child)
	if decision.Tag != "approve" && decision.Tag != "reject" {
		return nil, errBadRequest
	}
	var answers []waBinary.Node
	var let []*Account
	for _, p := range decision.GetChildrenByTag("participant") {
		jid, _ := p.Attrs["jid"].(types.JID)
		account := s.account(jid)
		g.mu.Lock()
		i := slices.IndexFunc(g.requests, func(r request) bool { return r.account == account })
		if i >= 0 {
			g.requests = slices.Delete(slices.Clone(g.requests), i, i+1)
		}
		g.mu.Unlock()
		answer := waBinary.Node{Tag: "participant", Attrs: waBinary.Attrs{"jid": jid}}
		switch {
		case account == nil || i < 0:
			answer.Attrs["error"] = 404
		case decision.Tag == "approve":
			let = append(let, account)
		}
		answers = append(answers, answer)
	}
	if len(let) > 0 {
		s.changeMembersFor(g, from, "add", "invite", let)
	}
	return []waBinary.Node{{Tag: "membership_requests_action", Content: []waBinary.Node{{Tag: decision.Tag, Content: answers}}}}, nil
}

// GroupState is what the server holds of a group.
type GroupState struct {
	Subject, Description string
	Addressing           string // of the members: lid, pn
	Announce, Restrict   bool
	AddMode              string // all_member_add, admin_add
	Approval             bool
	Expiry               time.Duration
	Code                 string            // of the invite link
	Picture              []byte            // JPEG, nil without one
	Members              map[string]string // number → "", admin, superadmin
	Requests             []string          // numbers of those who wait for an admin
}

// Group returns what the server holds of a group; false for an unknown one.
func (s *Server) Group(jid types.JID) (GroupState, bool) {
	g := s.group(jid)
	if g == nil {
		return GroupState{}, false
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	state := GroupState{
		Subject: g.subject, Addressing: g.mode(), Announce: g.flags["announcement"], Restrict: g.flags["locked"], AddMode: g.addMode, Approval: g.approval,
		Expiry: time.Duration(g.expiry) * time.Second, Code: g.code, Picture: g.image, Members: map[string]string{}, Requests: []string{},
	}
	if g.topic != nil {
		state.Description = g.topic.text
	}
	for _, m := range g.members {
		state.Members[m.account.Number()] = m.rank
	}
	for _, r := range g.requests {
		state.Requests = append(state.Requests, r.account.Number())
	}
	return state, true
}

// SetApproval switches whether admins approve who joins by the link.
func (s *Server) SetApproval(jid types.JID, on bool) error {
	g := s.group(jid)
	if g == nil {
		return ErrNoGroup
	}
	g.mu.Lock()
	g.approval = on
	g.mu.Unlock()
	return nil
}

// JoinGroup lets the account's phone join by the code of an invite link; with
// approval on, it files a request. It fails with ErrNoGroup for a wrong code.
func (a *Account) JoinGroup(code string) error {
	g := a.server.groupByCode(code)
	if g == nil {
		return ErrNoGroup
	}
	_, _ = a.server.joinByLink(g, origin{account: a})
	return nil
}

// AcceptInvitation lets the account's phone join by a private invitation, as
// the message that brought it says.
func (a *Account) AcceptInvitation(jid types.JID, code string, expiration int64) error {
	g := a.server.group(jid)
	if g == nil {
		return ErrNoGroup
	}
	attrs := waBinary.Attrs{"code": code, "expiration": strconv.FormatInt(expiration, 10)}
	if _, refused := a.server.acceptInvitation(g, origin{account: a}, attrs); refused != nil {
		return fmt.Errorf("accept invitation: %d %s", refused.code, refused.text)
	}
	return nil
}

// InvitePrivately makes an invitation into a group that the account is in, to be
// sent to somebody as a message.
func (a *Account) InvitePrivately(jid types.JID, whom *Account) (code string, expiration int64, err error) {
	g := a.server.group(jid)
	if g == nil || !g.has(a) {
		return "", 0, ErrNoGroup
	}
	g.invitePrivately(a, whom)
	g.mu.Lock()
	defer g.mu.Unlock()
	inv := g.invitations[whom]
	return inv.code, inv.expires.Unix(), nil
}
