package wasim

import (
	"go.mau.fi/whatsmeow/types"

	"whatsapp-manager/worker/wasim/channels"
)

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

// FollowChannel makes the account follow a channel, or with an admin's role
// administer it.
func (a *Account) FollowChannel(jid types.JID, admin bool) error {
	return a.server.channels.Follow(a.user, jid, admin)
}

// InviteChannelAdmin lets somebody accept to become an admin.
func (a *Account) InviteChannelAdmin(jid types.JID, whom *Account) error {
	return a.server.channels.InviteAdmin(jid, whom.user)
}
