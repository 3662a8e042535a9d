package wasim

import (
	"time"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"

	"whatsapp-manager/worker/wasim/faults"
	"whatsapp-manager/worker/wasim/reachout"
	"whatsapp-manager/worker/wasim/stanza"
)

// handleMessage fans a message out and acknowledges it to the sender.
func (r *router) handleMessage(from origin, node waBinary.Node) {
	to, ok := node.Attrs["to"].(types.JID)
	if !ok {
		return
	}
	extra := waBinary.Attrs{}
	if code := from.faults().TakeMessage(); code != 0 {
		extra["error"] = code
		from.reply(stanza.Ack("message", node, extra))
		return
	}
	if from.faults().TakeCorruption() {
		node = faults.Corrupt(node)
	}
	switch to.Server {
	case types.GroupServer:
		extra = r.groups.Route(from.sender(), to, node)
	case types.BroadcastServer:
		r.routeStatus(from, to, node)
	case types.NewsletterServer:
		extra = r.channels.Route(from.sender(), to, node)
	case types.DefaultUserServer, types.HiddenUserServer:
		extra = r.routeDirect(from, to, node)
	default:
		extra["error"] = 404
	}
	if !from.faults().TakeAckLoss() {
		from.reply(stanza.Ack("message", node, extra))
	}
}

func (r *router) routeDirect(from origin, to types.JID, node waBinary.Node) waBinary.Attrs {
	peer := r.account(to)
	if peer == nil {
		// A guess: the real code for a number that has left WhatsApp is not known.
		return waBinary.Attrs{"error": 404}
	}
	if category, _ := node.Attrs["category"].(string); category == "peer" {
		// Own devices talk to each other; the phone speaks under the phone number.
		copied := from.copyOf(node, from.JID(types.DefaultUserServer))
		copied.Attrs["category"] = "peer"
		copied.Content = node.Content
		peer.deliver(to.Device, copied)
		return nil
	}
	if from.device() != nil && peer != from.account && from.account.lock.Forbids(peer.Number(), time.Now()) {
		return waBinary.Attrs{"error": reachout.Refusal}
	}
	peer.lock.Hear(from.account.Number())
	from.account.meet(peer)
	participants, ok := node.GetOptionalChildByTag("participants")
	if !ok {
		// A retry, or a message to one device: enc lies directly in the message.
		number := to.Device
		r.deliverDirect(from, peer, number, r.chatOf(from, peer, node), node, stanza.Ciphertexts(node))
		return nil
	}
	for _, target := range participants.GetChildrenByTag("to") {
		jid, _ := target.Attrs["jid"].(types.JID)
		receiver := r.account(jid)
		if receiver == nil || receiver == from.account && jid.Device == from.number {
			continue
		}
		if receiver != from.account && receiver != peer {
			continue
		}
		r.deliverDirect(from, receiver, jid.Device, peer, node, target.GetChildren())
	}
	return nil
}

// chatOf finds the account whose chat a message to a single device belongs to. For a
// message to an own device, the recipient attribute names it.
func (r *router) chatOf(from origin, peer *Account, node waBinary.Node) *Account {
	if peer != from.account {
		return peer
	}
	if recipient, ok := node.Attrs["recipient"].(types.JID); ok {
		if chat := r.account(recipient); chat != nil {
			return chat
		}
	}
	return peer
}

func (r *router) deliverDirect(
	from origin, receiver *Account, number uint16, chat *Account, node waBinary.Node, enc []waBinary.Node,
) {
	var copied waBinary.Node
	if receiver == from.account {
		// Own copies always take the LID form: with both forms mixed Baileys sends
		// receipts that match nothing.
		copied = from.copyOf(node, from.JID(types.HiddenUserServer))
		copied.Attrs["recipient"] = chat.user.LID
		chat.Username().Tell(copied.Attrs, "recipient_username")
		copied.Attrs["peer_recipient_pn"] = chat.user.PN
	} else {
		server := types.HiddenUserServer
		if r.server.DirectByPhoneNumber {
			server = types.DefaultUserServer
		}
		copied = from.copyOf(node, from.JID(server))
		from.account.user.NameOther(copied.Attrs, "sender", server)
		from.account.Username().Tell(copied.Attrs, "username")
	}
	copied.Content = stanza.CopyContent(node, enc, nil)
	receiver.deliver(number, copied)
}

// copyOf begins the copy of the sender's message that a receiver gets.
func (o origin) copyOf(node waBinary.Node, sender types.JID) waBinary.Node {
	return stanza.Copy(node, sender, o.account.phone.PushName())
}

// routeStatus fans a status update out to the devices it lists.
func (r *router) routeStatus(from origin, to types.JID, node waBinary.Node) {
	shared := stanza.Ciphertexts(node)
	participants, listed := node.GetOptionalChildByTag("participants")
	deliver := func(jid types.JID, enc []waBinary.Node) {
		receiver := r.account(jid)
		if receiver == nil || receiver == from.account && jid.Device == from.number {
			return
		}
		copied := from.copyOf(node, to)
		copied.Attrs["participant"] = from.JID(types.HiddenUserServer)
		copied.Attrs["participant_pn"] = from.account.user.PN
		from.account.Username().Tell(copied.Attrs, "participant_username")
		copied.Content = stanza.CopyContent(node, enc, shared)
		receiver.deliver(jid.Device, copied)
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
