package inbound

import (
	"context"
	"fmt"
	"slices"

	"go.mau.fi/whatsmeow/types"

	"whatsapp-manager/worker/shape"
)

// resolver turns addresses into canonical ids, and remembers which hidden ids it has
// resolved on the way.
type resolver struct {
	ctx     context.Context
	acct    Account
	ids     IDs
	known   map[string]string // phone user of a hidden user, from the event itself; may be nil
	aliases []Alias
	err     error // the first one of the ids' store
}

// user returns the canonical id of a person; any other address stays as it is. alt is the
// other address of the same person, where the event has it.
func (r *resolver) user(jid, alt types.JID) string {
	jid, alt = plain(jid), plain(alt)
	switch jid.Server {
	case types.DefaultUserServer:
		if alt.Server == types.HiddenUserServer && alt.User != "" {
			r.learn(alt, jid)
		}
	case types.HiddenUserServer:
		if pn := r.phone(jid, alt); pn.User != "" {
			r.learn(jid, pn)
			return shape.ID(pn)
		}
	}
	return shape.ID(jid)
}

// text is user for an address that a message has as text. It returns an empty id for any
// other text.
func (r *resolver) text(address string) string {
	jid, err := types.ParseJID(address)
	if err != nil || jid.User == "" {
		return ""
	}
	return r.user(jid, types.EmptyJID)
}

func (r *resolver) phone(lid, alt types.JID) types.JID {
	if lid.User == r.acct.LID.User {
		return plain(r.acct.JID)
	}
	if alt.Server == types.DefaultUserServer {
		return alt
	}
	if pn, ok := r.known[lid.User]; ok {
		return types.NewJID(pn, types.DefaultUserServer)
	}
	if r.ids == nil || r.err != nil {
		return types.EmptyJID
	}
	pn, err := r.ids.GetPNForLID(r.ctx, lid)
	if err != nil {
		r.err = fmt.Errorf("look up phone number of hidden id: %w", err)
		return types.EmptyJID
	}
	return pn.ToNonAD()
}

// hidden returns the hidden id of a number, empty when it is not known.
func (r *resolver) hidden(pn types.JID) types.JID {
	if r.ids == nil || r.err != nil {
		return types.EmptyJID
	}
	lid, err := r.ids.GetLIDForPN(r.ctx, pn)
	if err != nil {
		r.err = fmt.Errorf("look up hidden id of phone number: %w", err)
		return types.EmptyJID
	}
	return lid.ToNonAD()
}

func (r *resolver) learn(lid, pn types.JID) {
	alias := Alias{LID: shape.ID(lid), ID: shape.ID(pn)}
	if slices.Contains(r.aliases, alias) {
		return
	}
	r.aliases = append(r.aliases, alias)
}

// chat returns the canonical id of the chat to which a message or receipt belongs. A
// message through somebody's broadcast list belongs to our chat with that person.
func (r *resolver) chat(s types.MessageSource) (id string, broadcast bool) {
	if s.IsIncomingBroadcast() {
		return r.user(s.Sender, s.SenderAlt), true
	}
	switch {
	case s.Chat.Server != types.DefaultUserServer && s.Chat.Server != types.HiddenUserServer &&
		s.Chat.Server != types.HostedServer && s.Chat.Server != types.HostedLIDServer:
		return shape.ID(s.Chat), false
	case s.IsFromMe:
		return r.user(s.Chat, s.RecipientAlt), false
	case s.Chat.User == s.Sender.User:
		return r.user(s.Chat, s.SenderAlt), false
	default:
		return r.user(s.Chat, types.EmptyJID), false
	}
}

// sender returns the canonical id of the person who wrote or did something.
func (r *resolver) sender(s types.MessageSource) string {
	if s.IsFromMe {
		return r.acct.ID()
	}
	return r.user(s.Sender, s.SenderAlt)
}

// plain removes device, agent and hosting, which do not identify a person.
func plain(jid types.JID) types.JID {
	jid = types.NewJID(jid.User, jid.Server)
	switch jid.Server {
	case types.HostedServer:
		jid.Server = types.DefaultUserServer
	case types.HostedLIDServer:
		jid.Server = types.HiddenUserServer
	}
	return jid
}
