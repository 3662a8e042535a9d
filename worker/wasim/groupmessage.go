package wasim

import (
	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"
)

// routeGroup fans a group message out to every device of every member but the
// sending one. It returns what goes into the ack: the server's participant hash
// when the client's differs, which makes it fetch the group again.
func (s *Server) routeGroup(from origin, to types.JID, node waBinary.Node) waBinary.Attrs {
	g := s.group(to)
	if g == nil {
		return waBinary.Attrs{"error": 404}
	}
	if !g.has(from.account) {
		return waBinary.Attrs{"error": 403}
	}
	server := g.server()
	shared := directEnc(node)
	if single, ok := node.Attrs["participant"].(types.JID); ok {
		// The answer to a retry: meant for that one device.
		if receiver := s.account(single); receiver != nil {
			s.deliverGroup(g, from, receiver, single.Device, node, nil, shared)
		}
		return nil
	}
	type address struct {
		account *Account
		number  uint16
	}
	own := make(map[address][]waBinary.Node)
	participants := node.GetChildByTag("participants")
	for _, target := range participants.GetChildrenByTag("to") {
		jid, _ := target.Attrs["jid"].(types.JID)
		if account := s.account(jid); account != nil {
			own[address{account, jid.Device}] = target.GetChildren()
		}
	}
	var all []types.JID
	for _, receiver := range g.snapshot() {
		for _, number := range receiver.numbers() {
			all = append(all, receiver.jid(server, number))
			if receiver == from.account && number == from.number {
				continue
			}
			s.deliverGroup(g, from, receiver, number, node, own[address{receiver, number}], shared)
		}
	}
	if theirs, _ := node.Attrs["phash"].(string); theirs != "" {
		if ours := participantHash(all); ours != theirs {
			return waBinary.Attrs{"phash": ours}
		}
	}
	return nil
}

// deliverGroup gives one device its copy: the pairwise part, if there is one,
// in front of the part that all share.
func (s *Server) deliverGroup(g *group, from origin, receiver *Account, number uint16, node waBinary.Node, pairwise, shared []waBinary.Node) {
	server := g.server()
	stanza := s.stanza(from, node, g.jid)
	stanza.Attrs["participant"] = from.jid(server)
	stanza.Attrs["addressing_mode"] = g.mode()
	from.account.counterpart(stanza.Attrs, "participant", server)
	content := append(pairwise[:len(pairwise):len(pairwise)], shared...)
	stanza.Content = append(content, attachments(node)...)
	receiver.deliver(number, stanza)
}
