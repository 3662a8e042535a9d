package wasim

import (
	"maps"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"
)

// waiting is a stanza the device has not acknowledged.
type waiting struct {
	key  string
	node waBinary.Node
}

// deliver sends a stanza to the device and keeps it until it is acknowledged;
// without a connection it waits for the next login.
func (d *Device) deliver(node waBinary.Node) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.removed {
		return
	}
	d.pending.PushBack(&waiting{key: stanzaKey(node), node: node})
	if node.Tag == "message" {
		d.last = &node
	}
	if d.active {
		d.connection.conn.Send(node)
	}
}

// transient sends a stanza that nobody acknowledges, such as a presence; it is
// lost on a device that is away.
func (d *Device) transient(node waBinary.Node) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.active {
		d.connection.conn.Send(node)
	}
}

// activate starts delivery on a connection: the announcement of the offline queue,
// every unacknowledged stanza in order, the end mark. Both ib stanzas are sent
// for an empty queue too, since clients wait for the last one.
func (d *Device) activate(on *connection) (first bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.connection != on || d.active {
		return false
	}
	counts := map[string]int{}
	for e := d.pending.Front(); e != nil; e = e.Next() {
		counts[e.Value.(*waiting).node.Tag]++
	}
	total := d.pending.Len()
	on.conn.Send(waBinary.Node{Tag: "ib", Attrs: waBinary.Attrs{"from": types.ServerJID}, Content: []waBinary.Node{{
		Tag: "offline_preview",
		Attrs: waBinary.Attrs{
			"count": total, "message": counts["message"], "receipt": counts["receipt"],
			"notification": counts["notification"], "appdata": 0,
		},
	}}})
	n := 0
	for e := d.pending.Front(); e != nil; e = e.Next() {
		node := e.Value.(*waiting).node
		node.Attrs = maps.Clone(node.Attrs)
		// A guess: the real servers put a number here, its meaning is unknown.
		node.Attrs["offline"] = n
		n++
		on.conn.Send(node)
	}
	on.conn.Send(waBinary.Node{Tag: "ib", Attrs: waBinary.Attrs{"from": types.ServerJID}, Content: []waBinary.Node{{
		Tag: "offline", Attrs: waBinary.Attrs{"count": total},
	}}})
	d.active = true
	first = !d.booted
	d.booted = true
	d.announce()
	return first
}

// acknowledge drops the stanza that a client's answer acknowledges, if there is one.
func (d *Device) acknowledge(key string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	for e := d.pending.Front(); e != nil; e = e.Next() {
		if e.Value.(*waiting).key == key {
			d.pending.Remove(e)
			if d.pending.Len() == 0 {
				d.announce()
			}
			return true
		}
	}
	return false
}

// stanzaKey identifies a stanza by what its acknowledgement repeats. A group
// read receipt has the same id from many people, so receipts need who and what.
func stanzaKey(node waBinary.Node) string {
	id, _ := node.Attrs["id"].(string)
	from, _ := node.Attrs["from"].(types.JID)
	participant, _ := node.Attrs["participant"].(types.JID)
	kind, _ := node.Attrs["type"].(string)
	return ackKey(node.Tag, id, from, participant, kind)
}

func ackKey(class, id string, from, participant types.JID, kind string) string {
	switch class {
	case "message":
		return class + "|" + id + "|" + from.User + "|" + participant.User
	case "receipt":
		return class + "|" + id + "|" + from.String() + "|" + participant.String() + "|" + kind
	default:
		return class + "|" + id + "|" + from.User
	}
}

// answersMessage lists the receipt types by which a client says that it has a
// message; the others are about what its user did.
func answersMessage(kind string) bool {
	switch kind {
	case "", "inactive", "sender", "peer_msg":
		return true
	}
	return false
}
