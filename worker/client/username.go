package client

import (
	"sync"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"
)

const (
	// maxUsername is longer than any username of WhatsApp's, in bytes.
	maxUsername = 64
	// maxNamed is how many usernames wait to be taken. The largest group has half as many
	// members. What comes beyond is left out, and is told with the next stanza.
	maxNamed = 2048
)

// Named is a username that WhatsApp told beside an id.
type Named struct {
	JID      types.JID
	Username string
}

// usernames collects what stanzas tell of usernames. whatsmeow drops it.
type usernames struct {
	mu    sync.Mutex
	names map[types.JID]string // guarded by mu; not taken yet
}

// read looks through a stanza that came.
func (u *usernames) read(n *waBinary.Node) {
	switch n.Tag {
	case "message", "call", "receipt", "notification":
		author, ok := n.Attrs["participant"].(types.JID)
		if !ok {
			author, _ = n.Attrs["from"].(types.JID)
		}
		u.note(author, n.Attrs, "participant_username", "username")
		recipient, _ := n.Attrs["recipient"].(types.JID)
		u.note(recipient, n.Attrs, "recipient_username", "peer_recipient_username")
		if n.Tag == "notification" {
			u.members(n, 3)
		}
	case "iq":
		u.members(n, 4)
	}
}

// members looks for people that a stanza lists, down to a depth.
func (u *usernames) members(n *waBinary.Node, depth int) {
	children := n.GetChildren()
	for i := range children {
		child := &children[i]
		jid, _ := child.Attrs["jid"].(types.JID)
		switch child.Tag {
		case "participant":
			u.note(jid, child.Attrs, "username")
		case "user": // of an answer about people
			if told, ok := child.GetOptionalChildByTag("username"); ok {
				if raw, ok := told.Content.([]byte); ok {
					u.keep(jid, string(raw))
				}
			}
		default:
			if depth > 1 {
				u.members(child, depth-1)
			}
		}
	}
}

// note keeps the first of these attributes that is there.
func (u *usernames) note(jid types.JID, attrs waBinary.Attrs, names ...string) {
	for _, name := range names {
		if told, _ := attrs[name].(string); told != "" {
			u.keep(jid, told)
			return
		}
	}
}

func (u *usernames) keep(jid types.JID, username string) {
	if jid.User == "" || jid.Server != types.HiddenUserServer && jid.Server != types.DefaultUserServer ||
		username == "" || len(username) > maxUsername {
		return
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if len(u.names) >= maxNamed {
		return
	}
	if u.names == nil {
		u.names = map[types.JID]string{}
	}
	u.names[jid.ToNonAD()] = username
}

// TakeUsernames returns the usernames that came since it was last called. A stanza is
// looked through before its handler runs.
func (c *Client) TakeUsernames() []Named {
	u := &c.usernames
	u.mu.Lock()
	defer u.mu.Unlock()
	if len(u.names) == 0 {
		return nil
	}
	all := make([]Named, 0, len(u.names))
	for jid, username := range u.names {
		all = append(all, Named{jid, username})
	}
	u.names = nil
	return all
}
