package groups

import (
	"sync"
	"time"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"

	"whatsapp-manager/worker/wasim/user"
)

// group is one group chat.
type group struct {
	jid      types.JID
	username func(user.User) user.Username
	lidMode  bool
	created  time.Time
	creator  user.User
	mu       sync.Mutex
	members  []*member
	subject  string
	named    time.Time
	namer    user.User
	version  int
	topic    *topic
	flags    map[string]bool // announcement, locked
	expiry   uint64
	approval bool
	addMode  string
	code     string
	revoked  map[string]bool // codes of former invite links
	picture  string          // id, empty without one
	image    []byte          // JPEG

	requests    []request
	invitations map[user.User]invitation
}

type member struct {
	user user.User
	rank string // "", "admin", "superadmin"
}

type topic struct {
	id, text string
	by       user.User
	at       time.Time
}

// server is the JID server of the group's addressing mode.
func (g *group) server() string {
	if g.lidMode {
		return types.HiddenUserServer
	}
	return types.DefaultUserServer
}

func (g *group) mode() string {
	if g.lidMode {
		return "lid"
	}
	return "pn"
}

// find returns a member; nil when the user is none. The caller holds g.mu or
// is the only one who knows the group.
func (g *group) find(u user.User) *member {
	for _, m := range g.members {
		if m.user == u {
			return m
		}
	}
	return nil
}

// has tells whether the user is in the group.
func (g *group) has(u user.User) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.find(u) != nil
}

// rank is "superadmin", "admin", "member", or "" for somebody outside.
func (g *group) rank(u user.User) string {
	g.mu.Lock()
	defer g.mu.Unlock()
	m := g.find(u)
	switch {
	case m == nil:
		return ""
	case m.rank == "":
		return "member"
	}
	return m.rank
}

// users lists the members, the creator first.
func (g *group) users() []user.User {
	g.mu.Lock()
	defer g.mu.Unlock()
	users := make([]user.User, len(g.members))
	for i, m := range g.members {
		users[i] = m.user
	}
	return users
}

// state is what the server holds, as tests see it.
func (g *group) state() State {
	g.mu.Lock()
	defer g.mu.Unlock()
	state := State{
		Subject: g.subject, Addressing: g.mode(), Announce: g.flags["announcement"], Restrict: g.flags["locked"],
		AddMode: g.addMode, Approval: g.approval, Expiry: time.Duration(g.expiry) * time.Second, Code: g.code,
		Picture: g.image, Members: map[string]string{}, Requests: []string{},
	}
	if g.topic != nil {
		state.Description = g.topic.text
	}
	for _, m := range g.members {
		state.Members[m.user.Number()] = m.rank
	}
	for _, r := range g.requests {
		state.Requests = append(state.Requests, r.user.Number())
	}
	return state
}

// isAdmin tells whether the user is an admin or the creator.
func (g *group) isAdmin(u user.User) bool {
	rank := g.rank(u)
	return rank == "admin" || rank == "superadmin"
}

// admins lists the admins and the creator.
func (g *group) admins() (admins []user.User) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, m := range g.members {
		if m.rank != "" {
			admins = append(admins, m.user)
		}
	}
	return admins
}

// node is the group element of queries and create notifications.
func (g *group) node() waBinary.Node {
	g.mu.Lock()
	defer g.mu.Unlock()
	server := g.server()
	attrs := waBinary.Attrs{
		"id": g.jid.User, "subject": g.subject, "addressing_mode": g.mode(),
		"s_t": g.named.Unix(), "s_o": g.namer.JID(server, 0), "s_o_pn": g.namer.PN,
		"creator": g.creator.JID(server, 0), "creator_pn": g.creator.PN, "creation": g.created.Unix(),
		"size": len(g.members), "p_v_id": g.version, "a_v_id": g.version,
	}
	content := make([]waBinary.Node, 0, len(g.members)+4)
	for _, m := range g.members {
		content = append(content, g.listed(m.user, m.rank))
	}
	if g.topic != nil {
		content = append(content, waBinary.Node{
			Tag:     "description",
			Attrs:   waBinary.Attrs{"id": g.topic.id, "t": g.topic.at.Unix(), "participant": g.topic.by.JID(server, 0)},
			Content: []waBinary.Node{{Tag: "body", Content: []byte(g.topic.text)}},
		})
	}
	for _, flag := range []string{"announcement", "locked"} {
		if g.flags[flag] {
			content = append(content, waBinary.Node{Tag: flag})
		}
	}
	if g.expiry > 0 {
		content = append(content, waBinary.Node{Tag: "ephemeral", Attrs: waBinary.Attrs{"expiration": g.expiry}})
	}
	if g.approval {
		content = append(content, waBinary.Node{Tag: "membership_approval_mode"})
	}
	content = append(content, waBinary.Node{Tag: "member_add_mode", Content: []byte(g.addMode)})
	return waBinary.Node{Tag: "group", Attrs: attrs, Content: content}
}

// listed names a member in the group's addressing and gives the other identity,
// from which clients learn mappings.
//
// guess: that a username stands beside them, as attribute username.
func (g *group) listed(u user.User, rank string) waBinary.Node {
	attrs := waBinary.Attrs{"jid": u.JID(g.server(), 0)}
	if g.server() == types.HiddenUserServer {
		attrs["phone_number"] = u.PN
	} else {
		attrs["lid"] = u.LID
	}
	if rank != "" {
		attrs["type"] = rank
	}
	g.username(u).Tell(attrs, "username")
	return waBinary.Node{Tag: "participant", Attrs: attrs}
}
