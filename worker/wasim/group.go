package wasim

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"sync"
	"time"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"
)

// ErrNoGroup is returned for a group JID nobody has.
var ErrNoGroup = errors.New("no such group")

// group is one group chat.
type group struct {
	jid      types.JID
	lidMode  bool
	created  time.Time
	creator  *Account
	mu       sync.Mutex
	members  []*member
	subject  string
	named    time.Time
	namer    *Account
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
	invitations map[*Account]invitation
}

type member struct {
	account *Account
	rank    string // "", "admin", "superadmin"
}

type topic struct {
	id, text string
	by       *Account
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

func (s *Server) group(jid types.JID) *group {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.groups[jid.User]
}

// Groups lists the JIDs of all groups in the order of their creation.
func (s *Server) Groups() []types.JID {
	all := s.allGroups()
	jids := make([]types.JID, len(all))
	for i, g := range all {
		jids[i] = g.jid
	}
	return jids
}

// allGroups lists the groups in the order of their creation.
func (s *Server) allGroups() []*group {
	s.mu.RLock()
	defer s.mu.RUnlock()
	all := slices.Collect(maps.Values(s.groups))
	slices.SortFunc(all, func(x, y *group) int { return x.created.Compare(y.created) })
	return all
}

func (s *Server) groupsOf(a *Account) []*group {
	return slices.DeleteFunc(s.allGroups(), func(g *group) bool { return !g.has(a) })
}

// CreateGroup makes a group of accounts, the first of which creates it, in the
// server's addressing mode, and notifies every member. It returns the group's JID.
func (s *Server) CreateGroup(name string, members ...*Account) (types.JID, error) {
	if len(members) == 0 {
		return types.EmptyJID, errors.New("create group: no members")
	}
	if err := s.init(); err != nil {
		return types.EmptyJID, fmt.Errorf("create group: %w", err)
	}
	g := s.makeGroup(name, members)
	s.announceGroup(g, origin{account: members[0]}, g.snapshot(), "")
	return g.jid, nil
}

func (s *Server) makeGroup(name string, members []*Account) *group {
	now := time.Now()
	g := &group{
		lidMode: !s.GroupsByPhoneNumber, created: now, creator: members[0],
		subject: name, named: now, namer: members[0], version: 1,
		flags: map[string]bool{}, addMode: "all_member_add", code: newInviteCode(),
	}
	for i, a := range members {
		rank := ""
		if i == 0 {
			rank = "superadmin"
		}
		if g.find(a) == nil {
			g.members = append(g.members, &member{account: a, rank: rank})
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	g.jid = types.NewJID(strconv.FormatInt(120363000000001000+int64(len(s.groups))*283, 10), types.GroupServer)
	s.groups[g.jid.User] = g
	return g
}

// AddToGroup adds accounts to a group in the name of its creator.
func (s *Server) AddToGroup(jid types.JID, members ...*Account) error {
	g := s.group(jid)
	if g == nil {
		return fmt.Errorf("add to group: %w", ErrNoGroup)
	}
	s.changeMembers(g, origin{account: g.creator}, "add", members)
	return nil
}

// RemoveFromGroup removes accounts from a group in the name of its creator.
func (s *Server) RemoveFromGroup(jid types.JID, members ...*Account) error {
	g := s.group(jid)
	if g == nil {
		return fmt.Errorf("remove from group: %w", ErrNoGroup)
	}
	s.changeMembers(g, origin{account: g.creator}, "remove", members)
	return nil
}

// GroupMembers returns the accounts in a group, nil for an unknown one.
func (s *Server) GroupMembers(jid types.JID) []*Account {
	if g := s.group(jid); g != nil {
		return g.snapshot()
	}
	return nil
}

// find returns a member; nil when the account is none. The caller holds g.mu or
// is the only one who knows the group.
func (g *group) find(a *Account) *member {
	for _, m := range g.members {
		if m.account == a {
			return m
		}
	}
	return nil
}

func (g *group) has(a *Account) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.find(a) != nil
}

// rank is "superadmin", "admin", "member", or "" for somebody outside.
func (g *group) rank(a *Account) string {
	g.mu.Lock()
	defer g.mu.Unlock()
	m := g.find(a)
	switch {
	case m == nil:
		return ""
	case m.rank == "":
		return "member"
	}
	return m.rank
}

func (g *group) snapshot() []*Account {
	g.mu.Lock()
	defer g.mu.Unlock()
	accounts := make([]*Account, len(g.members))
	for i, m := range g.members {
		accounts[i] = m.account
	}
	return accounts
}

// node is the group element of queries and create notifications.
func (g *group) node() waBinary.Node {
	g.mu.Lock()
	defer g.mu.Unlock()
	server := g.server()
	attrs := waBinary.Attrs{
		"id": g.jid.User, "subject": g.subject, "addressing_mode": g.mode(),
		"s_t": g.named.Unix(), "s_o": g.namer.jid(server, 0), "s_o_pn": g.namer.pn,
		"creator": g.creator.jid(server, 0), "creator_pn": g.creator.pn, "creation": g.created.Unix(),
		"size": len(g.members), "p_v_id": g.version, "a_v_id": g.version,
	}
	content := make([]waBinary.Node, 0, len(g.members)+4)
	for _, m := range g.members {
		content = append(content, m.node(server))
	}
	if g.topic != nil {
		content = append(content, waBinary.Node{
			Tag:     "description",
			Attrs:   waBinary.Attrs{"id": g.topic.id, "t": g.topic.at.Unix(), "participant": g.topic.by.jid(server, 0)},
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

// node names a member in the group's addressing and gives the other identity,
// from which clients learn mappings.
func (m *member) node(server string) waBinary.Node {
	attrs := waBinary.Attrs{"jid": m.account.jid(server, 0)}
	if server == types.HiddenUserServer {
		attrs["phone_number"] = m.account.pn
	} else {
		attrs["lid"] = m.account.lid
	}
	if m.rank != "" {
		attrs["type"] = m.rank
	}
	return waBinary.Node{Tag: "participant", Attrs: attrs}
}
