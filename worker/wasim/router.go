package wasim

import (
	"maps"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"

	"whatsapp-manager/worker/wasim/channels"
	"whatsapp-manager/worker/wasim/groups"
)

// router answers and passes on the stanzas of clients and phones.
type router struct {
	server   *Server
	registry *registry
	groups   *groups.Groups
	channels *channels.Channels
	serial   atomic.Uint64 // of the server's stanza ids
	unknown  counter       // requests that nobody answers, by namespace
}

// init prepares the router, before the first account exists.
func (r *router) init(s *Server) {
	r.server, r.registry = s, &s.registry
	r.groups, r.channels = s.groups, s.channels
	// Server-chosen ids are plain integers: client ids never look like that.
	r.serial.Store(1000000)
}

// account finds the account that a user JID means; nil when there is none.
func (r *router) account(jid types.JID) *Account { return r.registry.find(jid) }

// nextID is a server-chosen stanza id.
func (r *router) nextID() string { return strconv.FormatUint(r.serial.Add(1), 10) }

// handle routes one stanza of a paired client or a phone.
func (r *router) handle(from origin, node waBinary.Node) {
	switch node.Tag {
	case "iq":
		r.handleIQ(from, &node)
	case "message":
		r.handleMessage(from, node)
	case "receipt":
		r.handleReceipt(from, node)
	case "ack":
		r.handleAck(from, node)
	case "presence":
		r.handlePresence(from, node)
	case "chatstate":
		r.handleChatstate(from, node)
	case "call":
		r.handleCall(from, node)
	case "notification":
		r.handleNotification(from, node)
	case "ib":
		// unified_session and offline_batch want no answer: the whole queue is
		// sent at once.
	default:
		r.unknown.add("<" + node.Tag + ">")
	}
}

// handleNotification passes on what a phone tells an own companion, such as the
// answer to a media retry; clients send none.
func (r *router) handleNotification(from origin, node waBinary.Node) {
	to, ok := node.Attrs["to"].(types.JID)
	if !ok || from.connection != nil || r.account(to) != from.account {
		return
	}
	node.Attrs = maps.Clone(node.Attrs)
	delete(node.Attrs, "to")
	node.Attrs["from"] = from.account.user.PN
	from.account.deliver(to.Device, node)
}

// handleAck drops from the queue what the client acknowledges.
func (r *router) handleAck(from origin, node waBinary.Node) {
	device := from.device()
	if device == nil {
		return
	}
	class, _ := node.Attrs["class"].(string)
	id, _ := node.Attrs["id"].(string)
	to, _ := node.Attrs["to"].(types.JID)
	participant, _ := node.Attrs["participant"].(types.JID)
	kind, _ := node.Attrs["type"].(string)
	key := ackKey(class, id, to, participant, kind)
	device.noteAck(key, node)
	device.acknowledge(key)
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

// answering is the device that answers a retry receipt to one: itself, or the phone when it
// is not linked, since phones send in the name of such devices.
func (a *Account) answering(number uint16) uint16 {
	if a.Device(number) == nil {
		return 0
	}
	return number
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
func (r *router) notification(
	kind string, from types.JID, extra waBinary.Attrs, content ...waBinary.Node,
) waBinary.Node {
	attrs := waBinary.Attrs{"type": kind, "from": from, "id": r.nextID(), "t": time.Now().Unix()}
	maps.Copy(attrs, extra)
	return waBinary.Node{Tag: "notification", Attrs: attrs, Content: content}
}

// counter counts occurrences by name.
type counter struct {
	mu sync.Mutex
	n  map[string]int
}

func (c *counter) add(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.n == nil {
		c.n = make(map[string]int)
	}
	c.n[name]++
}

func (c *counter) snapshot() map[string]int {
	c.mu.Lock()
	defer c.mu.Unlock()
	snapshot := make(map[string]int, len(c.n))
	maps.Copy(snapshot, c.n)
	return snapshot
}
