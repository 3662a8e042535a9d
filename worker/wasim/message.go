package wasim

import (
	"time"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"
)

// handleMessage fans a message out and acknowledges it to the sender.
func (s *Server) handleMessage(from origin, node waBinary.Node) {
	to, ok := node.Attrs["to"].(types.JID)
	if !ok {
		return
	}
	extra := waBinary.Attrs{}
	if code := from.takeMessageError(); code != 0 {
		extra["error"] = code
		from.reply(ack("message", node, extra))
		return
	}
	if from.takeCorruption() {
		node = corrupt(node)
	}
	switch to.Server {
	case types.GroupServer:
		extra = s.routeGroup(from, to, node)
	case types.BroadcastServer:
		s.routeStatus(from, to, node)
	case types.NewsletterServer:
		extra = s.routeChannel(from, to, node)
	case types.DefaultUserServer, types.HiddenUserServer:
		extra = s.routeDirect(from, to, node)
	default:
		extra["error"] = 404
	}
	if !from.takeAckLoss() {
		from.reply(ack("message", node, extra))
	}
}

func (s *Server) routeDirect(from origin, to types.JID, node waBinary.Node) waBinary.Attrs {
	peer := s.account(to)
	if peer == nil {
		// A guess: the real code for a number that left WhatsApp is not known.
		return waBinary.Attrs{"error": 404}
	}
	if category, _ := node.Attrs["category"].(string); category == "peer" {
		// Own devices talk to each other; the phone speaks under the phone number.
		stanza := s.stanza(from, node, from.account.jid(types.DefaultUserServer, from.number))
		stanza.Attrs["category"] = "peer"
		stanza.Content = node.Content
		peer.deliver(to.Device, stanza)
		return nil
	}
	from.account.meet(peer)
	participants, ok := node.GetOptionalChildByTag("participants")
	if !ok {
		// A retry, or a message to one device: enc lies directly in the message.
		number := to.Device
		s.deliverDirect(from, peer, number, s.chatOf(from, peer, node), node, directEnc(node))
		return nil
	}
	for _, target := range participants.GetChildrenByTag("to") {
		jid, _ := target.Attrs["jid"].(types.JID)
		receiver := s.account(jid)
		if receiver == nil || receiver == from.account && jid.Device == from.number {
			continue
		}
		if receiver != from.account && receiver != peer {
			continue
		}
		s.deliverDirect(from, receiver, jid.Device, peer, node, target.GetChildren())
	}
	return nil
}

// chatOf is whose chat a message to a single device belongs to: for one to an
// own device the recipient attribute tells.
func (s *Server) chatOf(from origin, peer *Account, node waBinary.Node) *Account {
	if peer != from.account {
		return peer
	}
	if recipient, ok := node.Attrs["recipient"].(types.JID); ok {
		if chat := s.account(recipient); chat != nil {
			return chat
		}
	}
	return peer
}

func (s *Server) deliverDirect(from origin, receiver *Account, number uint16, chat *Account, node waBinary.Node, enc []waBinary.Node) {
	var stanza waBinary.Node
	if receiver == from.account {
		// Own copies always take the LID form: with both forms mixed Baileys sends
		// receipts that match nothing.
		stanza = s.stanza(from, node, from.jid(types.HiddenUserServer))
		stanza.Attrs["recipient"] = chat.lid
		stanza.Attrs["peer_recipient_pn"] = chat.pn
	} else {
		server := types.HiddenUserServer
		if s.DirectByPhoneNumber {
			server = types.DefaultUserServer
		}
		stanza = s.stanza(from, node, from.jid(server))
		from.account.counterpart(stanza.Attrs, "sender", server)
	}
	stanza.Content = append(enc[:len(enc):len(enc)], attachments(node)...)
	receiver.deliver(number, stanza)
}

// stanza begins a delivered message: what every receiver gets, without content.
func (s *Server) stanza(from origin, node waBinary.Node, sender types.JID) waBinary.Node {
	attrs := waBinary.Attrs{
		"id":     node.Attrs["id"],
		"type":   node.Attrs["type"],
		"from":   sender,
		"t":      time.Now().Unix(),
		"notify": from.account.phone.PushName(),
	}
	if edit, ok := node.Attrs["edit"]; ok {
		attrs["edit"] = edit
	}
	return waBinary.Node{Tag: "message", Attrs: attrs}
}

// attachments are the children of a sent message that travel with each copy.
func attachments(node waBinary.Node) (kept []waBinary.Node) {
	for _, child := range node.GetChildren() {
		switch child.Tag {
		case "device-identity", "meta", "biz", "bot", "reporting":
			kept = append(kept, child)
		}
	}
	return kept
}

func directEnc(node waBinary.Node) []waBinary.Node { return node.GetChildrenByTag("enc") }

// routeStatus fans a status update out to the devices it lists.
func (s *Server) routeStatus(from origin, to types.JID, node waBinary.Node) {
	shared := directEnc(node)
	participants, listed := node.GetOptionalChildByTag("participants")
	deliver := func(jid types.JID, enc []waBinary.Node) {
		receiver := s.account(jid)
		if receiver == nil || receiver == from.account && jid.Device == from.number {
			return
		}
		stanza := s.stanza(from, node, to)
		stanza.Attrs["participant"] = from.jid(types.HiddenUserServer)
		stanza.Attrs["participant_pn"] = from.account.pn
		content := append(enc[:len(enc):len(enc)], shared...)
		stanza.Content = append(content, attachments(node)...)
		receiver.deliver(jid.Device, stanza)
	}
	if single, ok := node.Attrs["participant"].(types.JID); ok && !listed {
		deliver(single, nil)
		return
	}
	for _, target := range participants.GetChildrenByTag("to") {
		if jid, ok := target.Attrs["jid"].(types.JID); ok {
			deliver(jid, target.GetChildren())
		}
	}
}

// handleCall passes a call's signalling on to the devices of whom it is meant for.
func (s *Server) handleCall(from origin, node waBinary.Node) {
	to, _ := node.Attrs["to"].(types.JID)
	child := first(&node)
	if to.User == "" && to.Server == "call" && child.Tag == "link_create" {
		s.makeCallLink(from, node, child)
		return
	}
	if peer := s.account(to); peer != nil {
		peer.noteCall(from.account, child)
		attrs := waBinary.Attrs{"from": from.jid(to.Server), "id": node.Attrs["id"], "t": time.Now().Unix(), "platform": "android", "version": "2.26"}
		peer.broadcast(waBinary.Node{Tag: "call", Attrs: attrs, Content: []waBinary.Node{child}}, -1)
	}
	from.reply(ack("call", node, nil))
}
