package wasim

import (
	"context"
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

// Delivery is a stanza under way to one device. Its device keeps it until Close.
type Delivery struct {
	device  *Device
	key     string
	sealed  bool // it has something to decrypt, so an ack alone is no end
	outcome Outcome
	ended   bool
}

// Outcome is what became of a stanza at one device.
type Outcome struct {
	// State is "waiting" (the device has said nothing), "acknowledged" (it has the stanza, and
	// no word yet whether it could open it), "retry" (it asked for it again), "delivered" or
	// "refused".
	State   string
	Retries int    // how often the device asked for it again
	Code    string // of a refusal, as the device sent it
}

// Push hands a stanza to the device as the server would: it is sent until the device has
// acknowledged it, at its next login when it is away. Push follows what becomes of it.
func (d *Device) Push(node waBinary.Node) *Delivery {
	_, sealed := node.GetOptionalChildByTag("enc")
	delivery := &Delivery{device: d, key: stanzaKey(node), sealed: sealed, outcome: Outcome{State: "waiting"}}
	d.mu.Lock()
	if d.watched == nil {
		d.watched = make(map[string]*Delivery)
	}
	d.watched[delivery.key] = delivery
	d.mu.Unlock()
	d.deliver(node)
	return delivery
}

// Again sends a stanza anew, as the answer to a retry receipt.
func (e *Delivery) Again(node waBinary.Node) { e.device.deliver(node) }

// Wait returns what became of the stanza: at once when that is certain or the device is away,
// else when ctx ends.
func (e *Delivery) Wait(ctx context.Context) Outcome {
	_ = e.device.wait(ctx, func() bool { return e.ended || !e.device.active }) // the end of ctx is an answer, too
	e.device.mu.Lock()
	defer e.device.mu.Unlock()
	return e.outcome
}

// Close ends the watch; the stanza stays on its way.
func (e *Delivery) Close() {
	e.device.mu.Lock()
	defer e.device.mu.Unlock()
	if e.device.watched[e.key] == e {
		delete(e.device.watched, e.key)
	}
}

// note tells who watches a message that the device sent a receipt for it.
func (d *Device) note(key, kind string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	e := d.watched[key]
	switch {
	case e == nil:
		return
	case kind == "retry":
		e.outcome.State = "retry"
		e.outcome.Retries++
	case answersMessage(kind):
		e.outcome.State, e.ended = "delivered", true
	}
	d.announce()
}

// noteAck tells who watches a stanza that the device acknowledged or refused it.
func (d *Device) noteAck(key string, ack waBinary.Node) {
	d.mu.Lock()
	defer d.mu.Unlock()
	e := d.watched[key]
	if e == nil {
		return
	}
	code, refused := ack.Attrs["error"].(string)
	switch {
	case refused:
		e.outcome.State, e.outcome.Code, e.ended = "refused", code, true
	case !e.sealed:
		e.outcome.State, e.ended = "delivered", true
	case e.outcome.State == "waiting":
		e.outcome.State = "acknowledged"
	}
	d.announce()
}
