package wasim

import (
	"fmt"

	"go.mau.fi/whatsmeow/types"

	"whatsapp-manager/worker/wasim/channels"
	"whatsapp-manager/worker/wasim/groups"
	"whatsapp-manager/worker/wasim/user"
)

// ErrNoGroup is returned for a group that does not exist, or that the account is
// not in.
var ErrNoGroup = groups.ErrNoGroup

// GroupState is what the server holds of a group.
type GroupState = groups.State

// ready prepares the parts of the server on which the exported methods work, which
// may be called before Run.
func (s *Server) ready() *Server {
	_ = s.init() // a root that cannot be read stops Run and concerns no part
	return s
}

// CreateGroup makes a group of accounts, the first of which creates it, in the
// server's addressing mode, and notifies every member. It returns the group's JID.
func (s *Server) CreateGroup(name string, members ...*Account) (types.JID, error) {
	if err := s.init(); err != nil {
		return types.EmptyJID, fmt.Errorf("create group: %w", err)
	}
	return s.groups.Create(name, s.GroupsByPhoneNumber, users(members)...)
}

// AddToGroup adds accounts to a group in the name of its creator.
func (s *Server) AddToGroup(jid types.JID, members ...*Account) error {
	return s.ready().groups.Add(jid, users(members)...)
}

// RemoveFromGroup removes accounts from a group in the name of its creator.
func (s *Server) RemoveFromGroup(jid types.JID, members ...*Account) error {
	return s.ready().groups.Remove(jid, users(members)...)
}

// Groups lists the JIDs of all groups in the order of their creation.
func (s *Server) Groups() []types.JID { return s.ready().groups.All() }

// Group returns what the server holds of a group; false for an unknown one.
func (s *Server) Group(jid types.JID) (GroupState, bool) { return s.ready().groups.State(jid) }

// GroupMembers returns the accounts in a group, nil for an unknown one.
func (s *Server) GroupMembers(jid types.JID) (accounts []*Account) {
	members, _, _ := s.ready().groups.Members(jid)
	for _, u := range members {
		accounts = append(accounts, s.account(u.LID))
	}
	return accounts
}

// SetApproval switches whether admins approve who joins by the link.
func (s *Server) SetApproval(jid types.JID, on bool) error {
	return s.ready().groups.SetApproval(jid, on)
}

// JoinGroup lets the account's phone join by the code of an invite link; with
// approval on, it files a request. It fails with ErrNoGroup for a wrong code.
func (a *Account) JoinGroup(code string) error { return a.server.groups.Join(a.user, code) }

// AcceptInvitation lets the account's phone join by a private invitation, as
// the message that brought it says.
func (a *Account) AcceptInvitation(jid types.JID, code string, expiration int64) error {
	return a.server.groups.AcceptInvitation(a.user, jid, code, expiration)
}

// InvitePrivately makes an invitation into a group that the account is in, to be
// sent to somebody as a message.
func (a *Account) InvitePrivately(jid types.JID, whom *Account) (code string, expiration int64, err error) {
	return a.server.groups.InvitePrivately(a.user, jid, whom.user)
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

// onlyInvited tells whether the account lets nobody add it to groups.
//
// guess: only the value "none" is played; lists of contacts are not kept.
func (a *Account) onlyInvited() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.privacy["groupadd"] == "none"
}

func users(accounts []*Account) []user.User {
	users := make([]user.User, len(accounts))
	for i, a := range accounts {
		users[i] = a.user
	}
	return users
}

// ErrNoChannel is returned for a channel nobody has.
var ErrNoChannel = channels.ErrNoChannel

type (
	// ChannelState is what the server holds of a channel.
	ChannelState = channels.State
	// Post is a message in a channel.
	Post = channels.Post
)

// CreateChannel makes a channel that the account owns.
func (a *Account) CreateChannel(name, description string) types.JID {
	return a.server.channels.Create(a.user, name, description)
}

// Channel returns what the server holds of a channel; false for an unknown one.
func (s *Server) Channel(jid types.JID) (ChannelState, bool) { return s.ready().channels.State(jid) }

// PostToChannel writes into a channel in the account's name, which should own or
// administer it, and returns the post's number.
func (a *Account) PostToChannel(jid types.JID, text string) (serverID int, err error) {
	return a.server.channels.Post(a.user, jid, text)
}

// RecordPost keeps a message in a channel and tells nobody. An edit or a deletion, as the edit
// attribute says, changes the post with that id.
func (s *Server) RecordPost(jid types.JID, id, kind, edit string, raw []byte) (serverID int, err error) {
	return s.ready().channels.Record(jid, id, kind, edit, raw)
}

// FollowChannel makes the account follow a channel, or with an admin's role
// administer it.
func (a *Account) FollowChannel(jid types.JID, admin bool) error {
	return a.server.channels.Follow(a.user, jid, admin)
}

// InviteChannelAdmin lets somebody accept to become an admin.
func (a *Account) InviteChannelAdmin(jid types.JID, whom *Account) error {
	return a.server.channels.InviteAdmin(jid, whom.user)
}
