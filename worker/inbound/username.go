package inbound

import (
	"context"

	"go.mau.fi/whatsmeow/types"

	"whatsapp-manager/worker/shape"
)

// Named is a username that WhatsApp told beside an id.
type Named struct {
	JID      types.JID
	Username string
}

// Usernames translates what stanzas tell of usernames. A first username is no news that
// anybody is told; another one is.
func Usernames(ctx context.Context, acct Account, ids IDs, told []Named) (Change, error) {
	t := &translator{resolver: resolver{ctx: ctx, acct: acct, ids: ids}}
	for _, n := range told {
		username := shape.Clean(n.Username)
		if id := t.user(n.JID, types.EmptyJID); username != "" && shape.IsUser(id) {
			t.contacts = append(t.contacts, Contact{ID: id, Username: &username, Quiet: true})
		}
	}
	change, _, err := t.change(nil)
	return change, err
}
