package groups

import (
	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"

	"whatsapp-manager/worker/wasim/stanza"
	"whatsapp-manager/worker/wasim/user"
)

// Route fans a group message out to every device of every member but the sending
// one. It returns what goes into the ack: an error, or the server's participant
// hash when the client's differs, which makes it fetch the group again.
func (s *Groups) Route(from user.Device, to types.JID, node waBinary.Node) waBinary.Attrs {
	g := s.group(to)
	if g == nil {
		return waBinary.Attrs{"error": 404}
	}
	if !g.has(from.User) {
		return waBinary.Attrs{"error": 403}
	}
	server := g.server()
	shared := stanza.Ciphertexts(node)
	if single, ok := node.Attrs["participant"].(types.JID); ok {
		// The answer to a retry: meant for that one device.
		if receiver, found := s.directory.Find(single); found {
			s.deliver(g, from, user.Device{User: receiver, Number: single.Device}, node, nil, shared)
		}
		return nil
	}
	own := make(map[user.Device][]waBinary.Node)
	participants := node.GetChildByTag("participants")
	for _, target := range participants.GetChildrenByTag("to") {
		jid, _ := target.Attrs["jid"].(types.JID)
		if u, found := s.directory.Find(jid); found {
			own[user.Device{User: u, Number: jid.Device}] = target.GetChildren()
		}
	}
	var all []types.JID
	for _, u := range g.users() {
		for _, number := range s.directory.DeviceNumbers(u) {
			receiver := user.Device{User: u, Number: number}
			all = append(all, receiver.JID(server))
			if receiver != from {
				s.deliver(g, from, receiver, node, own[receiver], shared)
			}
		}
	}
	if theirs, _ := node.Attrs["phash"].(string); theirs != "" {
		if ours := stanza.ParticipantHash(all); ours != theirs {
			return waBinary.Attrs{"phash": ours}
		}
	}
	return nil
}

// deliver gives one device its copy: the pairwise part, if there is one, in front
// of the part that all share.
func (s *Groups) deliver(g *group, from, to user.Device, node waBinary.Node, pairwise, shared []waBinary.Node) {
	server := g.server()
	copied := stanza.Copy(node, g.jid, s.directory.PushName(from.User))
	copied.Attrs["participant"] = from.JID(server)
	copied.Attrs["addressing_mode"] = g.mode()
	from.NameOther(copied.Attrs, "participant", server)
	s.directory.Username(from.User).Tell(copied.Attrs, "participant_username")
	copied.Content = stanza.CopyContent(node, pairwise, shared)
	s.delivery.Deliver(to, copied)
}
