package relay

import (
	"context"
	"fmt"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/types"

	"whatsapp-manager/worker/inbound"
	"whatsapp-manager/worker/mirror"
	"whatsapp-manager/worker/shape"
)

// Account returns the account that the client speaks for. The mirror knows it;
// whatsmeow's own record of names changes under its readers without a lock. Its
// ids stand in until the mirror has been told.
func (c *Call) Account() inbound.Account {
	acct := c.Mirror.Account()
	if acct.JID.IsEmpty() {
		acct.JID, acct.LID = c.Client.Store.GetJID().ToNonAD(), c.Client.Store.GetLID().ToNonAD()
	}
	return acct
}

// HiddenID returns a person's hidden id, in which WhatsApp keeps lists of people;
// the id as it is when no hidden one is known.
func (c *Call) HiddenID(ctx context.Context, jid types.JID) (types.JID, error) {
	if jid.Server != types.DefaultUserServer {
		return jid, nil
	}
	lid, err := c.Client.Store.LIDs.GetLIDForPN(ctx, jid)
	if err != nil {
		return jid, fmt.Errorf("find hidden id: %w", err)
	}
	if lid.IsEmpty() {
		return jid, nil
	}
	return lid.ToNonAD(), nil
}

// Person returns the id by which integrators know somebody: the phone number
// where it is known.
func (c *Call) Person(ctx context.Context, jid types.JID) (shape.Wid, error) {
	number, err := numberOf(ctx, c.Client, jid)
	if err != nil {
		return shape.Wid{}, err
	}
	return shape.NewWid(shape.ID(number.ToNonAD())), nil
}

// numberOf returns the phone number behind a hidden id; the id as it is when no
// number is known.
func numberOf(ctx context.Context, cli *whatsmeow.Client, jid types.JID) (types.JID, error) {
	if jid.Server != types.HiddenUserServer {
		return jid, nil
	}
	number, err := cli.Store.LIDs.GetPNForLID(ctx, jid)
	if err != nil {
		return jid, fmt.Errorf("find number of hidden id: %w", err)
	}
	if number.IsEmpty() {
		return jid, nil
	}
	return number, nil
}

// Group returns what the mirror knows of a group; false for any other chat and
// for a group that it does not know.
func (c *Call) Group(ctx context.Context, jid types.JID) (*shape.GroupMetadata, bool) {
	if jid.Server != types.GroupServer {
		return nil, false
	}
	chat, err := c.Mirror.Chat(ctx, shape.ID(jid))
	if err != nil || chat.GroupMetadata == nil {
		return nil, false
	}
	return chat.GroupMetadata, true
}

// MemberForm returns a person's address in the form that a group's members know:
// the hidden one in groups that use it.
func (c *Call) MemberForm(ctx context.Context, group *shape.GroupMetadata, jid types.JID) types.JID {
	if group == nil || !group.IsLIDAddressingMode {
		return jid
	}
	hidden, err := c.HiddenID(ctx, jid)
	if err != nil {
		return jid
	}
	return hidden
}

// WireForm returns the id that a message's author had when the message came.
// Votes, answers and edits are sealed with it. A message that came under a hidden
// id is answered under our own hidden id.
func (c *Call) WireForm(ctx context.Context, r mirror.Record) types.JID {
	group, _ := c.Group(ctx, r.Chat)
	form := c.MemberForm(ctx, group, r.Sender)
	if r.FromMe {
		return form
	}
	secret, author, err := c.Client.Store.MsgSecrets.GetMessageSecret(ctx, r.Chat, form, r.ID)
	if err == nil && secret != nil && !author.IsEmpty() {
		return author.ToNonAD()
	}
	return form
}
