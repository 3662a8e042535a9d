package wasim

import (
	"time"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"

	"whatsapp-manager/worker/wasim/stanza"
)

// handleReceipt acknowledges the message that a receipt answers, and relays the
// receipt to the message's author. Client receipts are not acknowledged: whatsmeow ignores
// those acks, and they would double the traffic.
func (r *router) handleReceipt(from origin, node waBinary.Node) {
	to, ok := node.Attrs["to"].(types.JID)
	if !ok {
		return
	}
	kind, _ := node.Attrs["type"].(string)
	if to.Server == types.NewsletterServer && kind == "view" {
		r.channels.CountViews(to, node)
		from.reply(stanza.Ack("receipt", node, nil))
		return
	}
	id, _ := node.Attrs["id"].(string)
	participant, _ := node.Attrs["participant"].(types.JID)
	if device := from.device(); device != nil {
		key := ackKey("message", id, to, participant, "")
		device.note(key, kind)
		if answersMessage(kind) {
			device.acknowledge(key)
		}
	}
	if to.Server == types.GroupServer || to.Server == types.BroadcastServer {
		r.relayGroupReceipt(from, to, participant, kind, node)
		return
	}
	author := r.account(to)
	if author == nil {
		return
	}
	relayed := receiptFor(node, from.JID(to.Server), kind)
	recipient, hasRecipient := node.Attrs["recipient"].(types.JID)
	if hasRecipient {
		relayed.Attrs["recipient"] = recipient
	}
	switch {
	case kind == "retry":
		author.deliver(author.answering(to.Device), relayed)
	case kind == "peer_msg" || kind == "hist_sync" || kind == "server-error":
		author.deliver(0, relayed)
	case author == from.account:
		// The own copy reached this device: only the own others care.
		author.broadcast(relayed, int(from.number))
	case kind == "read-self":
		r.tellOwn(from, node, kind, to)
	default:
		author.broadcast(relayed, -1)
		if kind == "read" || kind == "played" {
			r.tellOwn(from, node, kind, to)
		}
	}
}

// tellOwn lets the reader's other devices know what it has read.
func (r *router) tellOwn(from origin, node waBinary.Node, kind string, chat types.JID) {
	own := receiptFor(node, from.JID(chat.Server), kind)
	own.Attrs["recipient"] = chat.ToNonAD()
	from.account.broadcast(own, int(from.number))
}

func (r *router) relayGroupReceipt(from origin, chat, author types.JID, kind string, node waBinary.Node) {
	account := r.account(author)
	if account == nil {
		return
	}
	relayed := receiptFor(node, chat, kind)
	relayed.Attrs["participant"] = from.JID(author.Server)
	if kind == "retry" {
		account.deliver(account.answering(author.Device), relayed)
		return
	}
	if kind != "read-self" && account != from.account {
		account.broadcast(relayed, -1)
	}
	if kind == "read" || kind == "played" || kind == "read-self" || account == from.account {
		from.account.broadcast(relayed, int(from.number))
	}
}

// receiptFor is the receipt as its receiver gets it: same id, type and children.
func receiptFor(node waBinary.Node, from types.JID, kind string) waBinary.Node {
	attrs := waBinary.Attrs{"id": node.Attrs["id"], "from": from, "t": time.Now().Unix()}
	if kind != "" {
		attrs["type"] = kind
	}
	return waBinary.Node{Tag: "receipt", Attrs: attrs, Content: node.Content}
}
