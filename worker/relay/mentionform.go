package relay

import (
	"context"
	"fmt"

	"go.mau.fi/whatsmeow/types"

	"whatsapp-manager/worker/shape"
)

// Form is the address of a person that a chat uses, and the person's other one, empty where
// it is not known.
type Form struct{ JID, Other types.JID }

// MentionForms returns the addresses by which people are mentioned in a chat, in their
// order: the hidden one in groups that use it, the number in other groups, and the one that
// was given between two. A form that is not known stays as it was given.
func (c *Call) MentionForms(ctx context.Context, group *shape.GroupMetadata, people []types.JID) ([]Form, error) {
	lids, err := c.Client.Store.LIDs.GetManyLIDsForPNs(ctx, people)
	if err != nil {
		return nil, fmt.Errorf("find hidden ids: %w", err)
	}
	acct := c.Account()
	forms := make([]Form, len(people))
	for i, jid := range people {
		number, lid := jid, lids[jid].ToNonAD()
		switch {
		case jid.User == acct.JID.User && jid.Server == acct.JID.Server, jid.User == acct.LID.User && jid.Server == acct.LID.Server:
			number, lid = acct.JID.ToNonAD(), acct.LID.ToNonAD()
		case jid.Server == types.HiddenUserServer:
			lid = jid
			if number, err = numberOf(ctx, c.Client, jid); err != nil {
				return nil, err
			}
			if number.Server != types.DefaultUserServer {
				number = types.EmptyJID
			}
		}
		form := Form{jid, number}
		switch {
		case group != nil && group.IsLIDAddressingMode && !lid.IsEmpty():
			form = Form{lid, number}
		case group != nil && !group.IsLIDAddressingMode && !number.IsEmpty():
			form = Form{number, lid}
		case jid == number:
			form.Other = lid
		}
		forms[i] = form
	}
	return forms, nil
}
