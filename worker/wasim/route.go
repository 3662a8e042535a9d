package wasim

import (
	"maps"
	"time"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"
)

// handle routes one stanza of a paired client or a phone.
func (s *Server) handle(from origin, node waBinary.Node) {
	switch node.Tag {
	case "iq":
		s.handleIQ(from, &node)
	case "message":
		s.handleMessage(from, node)
	case "receipt":
		s.handleReceipt(from, node)
	case "ack":
		s.handleAck(from, node)
	case "presence":
		s.handlePresence(from, node)
	case "chatstate":
		s.handleChatstate(from, node)
	case "call":
		s.handleCall(from, node)
	case "notification":
		s.handleNotification(from, node)
	case "ib":
		// unified_session and offline_batch want no answer: the whole queue is
		// sent at once.
	default:
		s.unknown.add("<" + node.Tag + ">")
	}
}

// handleNotification passes on what a phone tells an own companion, such as the
// answer to a media retry; clients send none.
func (s *Server) handleNotification(from origin, node waBinary.Node) {
	to, ok := node.Attrs["to"].(types.JID)
	if !ok || from.connection != nil || s.account(to) != from.account {
		return
	}
	node.Attrs = maps.Clone(node.Attrs)
	delete(node.Attrs, "to")
	node.Attrs["from"] = from.account.user.PN
	from.account.deliver(to.Device, node)
}

// handleAck drops from the queue what the client acknowledges.
func (s *Server) handleAck(from origin, node waBinary.Node) {
	device := from.device()
	if device == nil {
		return
	}
	class, _ := node.Attrs["class"].(string)
	id, _ := node.Attrs["id"].(string)
	to, _ := node.Attrs["to"].(types.JID)
	participant, _ := node.Attrs["participant"].(types.JID)
	kind, _ := node.Attrs["type"].(string)
	device.acknowledge(ackKey(class, id, to, participant, kind))
}

// deliver hands a stanza to one device of an account, the phone being number 0.
func (a *Account) deliver(number uint16, node waBinary.Node) {
	if number == 0 {
		a.phone.Receive(node)
		return
	}
	if device := a.Device(number); device != nil {
		device.deliver(node)
	}
}

// broadcast hands a stanza to every device of the account except one; -1 excepts none.
func (a *Account) broadcast(node waBinary.Node, except int) {
	for _, number := range a.numbers() {
		if int(number) != except {
			a.deliver(number, node)
		}
	}
}

// notify sends a stanza to every companion of the account except one; -1 excepts none.
func (a *Account) notify(node waBinary.Node, except int) {
	for _, device := range a.Devices() {
		if int(device.number) != except {
			device.deliver(node)
		}
	}
}

// notification makes a notification stanza with a fresh id and the present time.
func (s *Server) notification(
	kind string, from types.JID, extra waBinary.Attrs, content ...waBinary.Node,
) waBinary.Node {
	attrs := waBinary.Attrs{"type": kind, "from": from, "id": s.nextID(), "t": time.Now().Unix()}
	maps.Copy(attrs, extra)
	return waBinary.Node{Tag: "notification", Attrs: attrs, Content: content}
}
