package groups

import (
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"sync"
	"time"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"

	"whatsapp-manager/worker/wasim/user"
)

// Errors of the methods by which tests act.
var (
	// ErrNoGroup is returned for a group that does not exist, or that the user is
	// not in.
	ErrNoGroup = errors.New("no such group")
	errEmpty   = errors.New("create group: no members")
)

// Directory says who is who.
type Directory interface {
	// Find returns the user that a JID means; false when there is none.
	Find(jid types.JID) (user.User, bool)
	// PushName is the name that a user shows to others.
	PushName(u user.User) string
	// Username is by which others find the user; the zero value: none.
	Username(u user.User) user.Username
	// DeviceNumbers are the numbers of a user's devices, the phone (0) first.
	DeviceNumbers(u user.User) []uint16
	// OnlyInvited tells whether the user lets nobody add it to groups.
	OnlyInvited(u user.User) bool
}

// Delivery brings stanzas to devices.
type Delivery interface {
	// Deliver hands a stanza to one device.
	Deliver(to user.Device, node waBinary.Node)
	// Broadcast hands a stanza to all devices of a user.
	Broadcast(to user.User, node waBinary.Node)
	// Notify hands a stanza to all devices of a user but the phone.
	Notify(to user.User, node waBinary.Node)
	// Notification makes a notification with a fresh id and the present time.
	Notification(kind string, from types.JID, extra waBinary.Attrs, content ...waBinary.Node) waBinary.Node
}

// Groups are all groups of a simulator. All methods may be called at the same time.
type Groups struct {
	directory Directory
	delivery  Delivery

	mu     sync.RWMutex
	groups map[string]*group // by the user part of the JID
}

// New returns no groups yet.
func New(directory Directory, delivery Delivery) *Groups {
	return &Groups{directory: directory, delivery: delivery, groups: make(map[string]*group)}
}

func (s *Groups) group(jid types.JID) *group {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.groups[jid.User]
}

// all lists the groups in the order of their creation.
func (s *Groups) all() []*group {
	s.mu.RLock()
	defer s.mu.RUnlock()
	all := slices.Collect(maps.Values(s.groups))
	slices.SortFunc(all, func(x, y *group) int { return x.created.Compare(y.created) })
	return all
}

// All lists the JIDs of all groups in the order of their creation.
func (s *Groups) All() []types.JID {
	all := s.all()
	jids := make([]types.JID, len(all))
	for i, g := range all {
		jids[i] = g.jid
	}
	return jids
}

// of lists the groups that a user is in.
func (s *Groups) of(u user.User) []*group {
	return slices.DeleteFunc(s.all(), func(g *group) bool { return !g.has(u) })
}

// Companions lists who shares a group with a user, the user included; somebody may
// be listed more than once.
func (s *Groups) Companions(u user.User) (companions []user.User) {
	for _, g := range s.of(u) {
		companions = append(companions, g.users()...)
	}
	return companions
}

// byCode finds a group by the code of its invite link.
func (s *Groups) byCode(code string) *group {
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

// revoked tells whether the code was that of a group's link before.
func (s *Groups) revoked(code string) bool {
	return slices.ContainsFunc(s.all(), func(g *group) bool {
		g.mu.Lock()
		defer g.mu.Unlock()
		return g.revoked[code]
	})
}

// Create makes a group, notifies every member, and returns the group's JID. The
// first member creates it. With byNumber the group addresses its members by phone
// number.
func (s *Groups) Create(name string, byNumber bool, members ...user.User) (types.JID, error) {
	if len(members) == 0 {
		return types.EmptyJID, errEmpty
	}
	g := s.create(name, byNumber, members)
	s.announce(g, members[0], g.users(), "")
	return g.jid, nil
}

func (s *Groups) create(name string, byNumber bool, members []user.User) *group {
	now := time.Now()
	g := &group{
		username: s.directory.Username, lidMode: !byNumber, created: now, creator: members[0],
		subject: name, named: now, namer: members[0], version: 1,
		flags: map[string]bool{}, addMode: "all_member_add", code: newInviteCode(),
	}
	for i, u := range members {
		rank := ""
		if i == 0 {
			rank = "superadmin"
		}
		if g.find(u) == nil {
			g.members = append(g.members, &member{user: u, rank: rank})
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	g.jid = types.NewJID(strconv.FormatInt(120363000000001000+int64(len(s.groups))*283, 10), types.GroupServer)
	s.groups[g.jid.User] = g
	return g
}

func newInviteCode() string { return rand.Text()[:22] }

// Add adds users to a group in the name of its creator.
func (s *Groups) Add(jid types.JID, users ...user.User) error {
	g := s.group(jid)
	if g == nil {
		return fmt.Errorf("add to group: %w", ErrNoGroup)
	}
	s.changeMembers(g, g.creator, "add", "", users)
	return nil
}

// Remove removes users from a group in the name of its creator.
func (s *Groups) Remove(jid types.JID, users ...user.User) error {
	g := s.group(jid)
	if g == nil {
		return fmt.Errorf("remove from group: %w", ErrNoGroup)
	}
	s.changeMembers(g, g.creator, "remove", "", users)
	return nil
}

// Members returns who is in a group and the JID server of its addressing; false
// for an unknown group.
func (s *Groups) Members(jid types.JID) (members []user.User, server string, ok bool) {
	g := s.group(jid)
	if g == nil {
		return nil, "", false
	}
	return g.users(), g.server(), true
}

// State is what the server holds of a group.
type State struct {
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

// State returns what the server holds of a group; false for an unknown one.
func (s *Groups) State(jid types.JID) (State, bool) {
	g := s.group(jid)
	if g == nil {
		return State{}, false
	}
	return g.state(), true
}

// SetApproval switches whether admins approve who joins by the link.
func (s *Groups) SetApproval(jid types.JID, on bool) error {
	g := s.group(jid)
	if g == nil {
		return ErrNoGroup
	}
	g.mu.Lock()
	g.approval = on
	g.mu.Unlock()
	return nil
}
