package shape

import (
	"fmt"
	"strings"

	"go.mau.fi/whatsmeow/types"
)

// Wid is the id of a user, group, channel or broadcast list as methods return it.
type Wid struct {
	Server     string `json:"server"` // c.us, lid, g.us, newsletter, broadcast, bot
	User       string `json:"user"`
	Serialized string `json:"_serialized"`
}

// userServer is how whatsapp-web.js writes the server of phone-number accounts.
const userServer = "c.us"

// StatusID is the chat in which everybody's status messages are.
const StatusID = "status@broadcast"

// ID returns the whatsapp-web.js form of an address, without device and agent:
// 49170:12@s.whatsapp.net becomes 49170@c.us. The empty address gives "".
func ID(jid types.JID) string {
	if jid.Server == "" {
		return ""
	}
	server := jid.Server
	switch server {
	case types.DefaultUserServer, types.HostedServer:
		server = userServer
	case types.HostedLIDServer:
		server = types.HiddenUserServer
	}
	return clip(jid.User) + "@" + clip(server)
}

// ParseID reads an id in any form that integrators use (…@c.us, …@s.whatsapp.net, with or
// without device, groups, channels, lists). It returns the address that whatsmeow sends to.
func ParseID(id string) (types.JID, error) {
	user, server, found := strings.Cut(id, "@")
	if !found || user == "" || strings.Contains(server, "@") {
		return types.EmptyJID, fmt.Errorf("parse id: want user@server")
	}
	switch server {
	case userServer:
		server = types.DefaultUserServer
	case types.DefaultUserServer, types.HiddenUserServer, types.GroupServer, types.NewsletterServer,
		types.BroadcastServer, types.BotServer:
	default:
		return types.EmptyJID, fmt.Errorf("parse id: unknown server")
	}
	if server == types.DefaultUserServer || server == types.HiddenUserServer {
		user, _, _ = strings.Cut(user, ":")
		user, _, _ = strings.Cut(user, ".")
	}
	if !plainUser(user) {
		return types.EmptyJID, fmt.Errorf("parse id: user part has characters that no address has")
	}
	return types.NewJID(user, server), nil
}

func plainUser(user string) bool {
	if user == "" || len(user) > maxPart {
		return false
	}
	for _, c := range []byte(user) {
		switch {
		case c >= '0' && c <= '9', c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c == '-', c == '.':
		default:
			return false
		}
	}
	return true
}

// NewWid returns the id object of a serialised id. It splits any text at the last @.
func NewWid(id string) Wid {
	at := strings.LastIndexByte(id, '@')
	if at < 0 {
		return Wid{User: id, Serialized: id}
	}
	return Wid{Server: id[at+1:], User: id[:at], Serialized: id}
}

// IsGroup reports whether a serialised id names a group.
func IsGroup(id string) bool { return strings.HasSuffix(id, "@"+types.GroupServer) }

// IsLID reports whether a serialised id is a hidden one, whose phone number is not known.
func IsLID(id string) bool { return strings.HasSuffix(id, "@"+types.HiddenUserServer) }

// IsUser reports whether a serialised id names a person rather than a group, list or channel.
func IsUser(id string) bool { return strings.HasSuffix(id, "@"+userServer) || IsLID(id) }

// hasAuthors reports whether several people write into the chat, so that messages and
// their ids name the author.
func hasAuthors(chat string) bool {
	return IsGroup(chat) || strings.HasSuffix(chat, "@"+types.BroadcastServer)
}
