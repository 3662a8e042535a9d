package wasim

import (
	"strconv"
	"time"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"

	"whatsapp-manager/worker/wasim/faults"
	"whatsapp-manager/worker/wasim/reachout"
)

// RefuseUpgrade answers the next n websocket upgrades with an HTTP status. The
// device is not known yet at that point, so it hits any client.
func (s *Server) RefuseUpgrade(status, n int) { s.dials.RefuseUpgrade(status, n) }

// StallUpgrade leaves the next n websocket upgrades without an answer, until
// the client gives up.
func (s *Server) StallUpgrade(n int) { s.dials.StallUpgrade(n) }

// DropHandshakes breaks the next n connections with a TCP reset when the
// client has said its hello. The device is not known yet at that point, so it hits
// any client.
func (s *Server) DropHandshakes(n int) { s.dials.DropHandshakes(n) }

// Heal drops every failure that is planned for all accounts and not used up.
func (s *Server) Heal() {
	s.Faults.Heal()
	s.dials.Clear()
}

// faults are the plans that apply to a device, in the order of their use.
func (d *Device) faults() faults.Chain {
	return faults.Chain{&d.Faults, &d.account.Faults, &d.account.server.Faults}
}

// faults are the plans that apply to a sender. A phone's own traffic only meets
// those that name its account.
func (o origin) faults() faults.Chain {
	if device := o.device(); device != nil {
		return device.faults()
	}
	return faults.Chain{&o.account.Faults}
}

// LockReachout forbids the account's companions until a time to write to people who have
// not written to it: such messages are refused with 463. A time that is past lifts the
// lock. The companions are told.
func (a *Account) LockReachout(until time.Time) {
	a.lock.Close(until)
	a.WarnReachout(until)
}

// LockReachoutSilently is LockReachout without a word to the companions, which learn of
// it by the first refusal.
func (a *Account) LockReachoutSilently(until time.Time) { a.lock.Close(until) }

// WarnReachout tells the companions of a lock that refuses nothing.
func (a *Account) WarnReachout(until time.Time) {
	a.notify(a.server.router.notification("mex", types.ServerJID, nil, reachout.Update(until, time.Now())), -1)
}

// EveryDevice calls f for each linked device of each account, connected or not.
// It lets a fault hit all of them.
func (s *Server) EveryDevice(f func(*Device)) {
	for _, account := range s.Accounts() {
		for _, device := range account.Devices() {
			f(device)
		}
	}
}

// Drop breaks the connection with a TCP reset.
func (d *Device) Drop() {
	if conn := d.wireConn(); conn != nil {
		conn.Reset()
	}
}

// DropMidFrame breaks the connection in the middle of a websocket message.
func (d *Device) DropMidFrame() {
	if conn := d.wireConn(); conn != nil {
		conn.Tear()
	}
}

// CloseClean ends the connection with a websocket close.
func (d *Device) CloseClean() {
	if conn := d.wireConn(); conn != nil {
		conn.Close()
	}
}

// BlackHole stops reading and writing on the present connection and leaves its
// socket open. Resume ends it; so does a new login of the device.
func (d *Device) BlackHole() {
	if conn := d.wireConn(); conn != nil {
		conn.Hold()
	}
}

// BlackHoleCodes is BlackHole for the connections whose clients show QR codes
// now. It lasts until those connections end.
func (s *Server) BlackHoleCodes() {
	for _, client := range s.pairings.showingCodes() {
		client.conn.Hold()
	}
}

// Resume ends a BlackHole; what was held back is written.
func (d *Device) Resume() {
	if conn := d.wireConn(); conn != nil {
		conn.Release()
	}
}

// Delay delays everything that is sent to the device, on this connection and on
// later ones, until it is called with 0.
func (d *Device) Delay(by time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.delay = by
	if d.connection != nil {
		d.connection.conn.Delay(by)
	}
}

// RepeatLast sends the last message once more, the same stanza with the same
// ciphertext, without waiting for another acknowledgement. It reports whether
// there was one and a connection to send it on.
func (d *Device) RepeatLast() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.active || d.last == nil {
		return false
	}
	d.connection.conn.Send(*d.last)
	return true
}

// Garbage sends n bytes that do not decrypt. A client cannot read anything that
// follows on the same connection.
func (d *Device) Garbage(n int) {
	if conn := d.wireConn(); conn != nil {
		conn.SendGarbage(n)
	}
}

// LogOut unlinks the device as its owner would on the phone: it is told
// device_removed when connected, and its later logins are refused with 401.
func (d *Device) LogOut() {
	if current := d.remove(); current != nil {
		current.conn.Send(conflict("device_removed"))
		current.closeSoon()
	}
}

// remove unlinks the device and returns the connection it had.
func (d *Device) remove() *connection {
	d.mu.Lock()
	current := d.connection
	d.removed, d.active = true, false
	d.pending.Init()
	d.announce()
	d.mu.Unlock()
	d.account.unlink(d)
	return current
}

// ReplaceStream tells the device that another connection took over. The client
// hangs up, or the server does after a second.
func (d *Device) ReplaceStream() {
	if current := d.deactivate(); current != nil {
		current.replaced()
	}
}

// StreamError sends a stream error of a code and closes the connection. 515
// makes a client reconnect at once, 503 and others when the close comes.
func (d *Device) StreamError(code int) {
	d.sendAndClose(waBinary.Node{Tag: "stream:error", Attrs: waBinary.Attrs{"code": strconv.Itoa(code)}})
}

// StreamEnd sends the end of the stream and closes the connection.
func (d *Device) StreamEnd() { d.sendAndClose(waBinary.Node{Tag: "xmlstreamend"}) }

func (d *Device) sendAndClose(node waBinary.Node) {
	if current := d.deactivate(); current != nil {
		current.conn.Send(node)
		current.conn.Finish()
	}
}

// deactivate stops delivery on the present connection and returns it.
func (d *Device) deactivate() *connection {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.active = false
	return d.connection
}
