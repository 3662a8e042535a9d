package wasim

import (
	"maps"
	"time"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"
)

// handlePresence takes a device's availability or its wish to follow somebody's.
// Presences are neither queued nor acknowledged.
func (s *Server) handlePresence(from origin, node waBinary.Node) {
	switch kind, _ := node.Attrs["type"].(string); kind {
	case "subscribe":
		to, _ := node.Attrs["to"].(types.JID)
		target, device := s.account(to), from.device()
		if target == nil || device == nil {
			return
		}
		target.mu.Lock()
		if target.watchers == nil {
			target.watchers = make(map[*Device]types.JID)
		}
		target.watchers[device] = to
		target.mu.Unlock()
		device.transient(target.presence(to))
	case "available", "", "unavailable":
		if from.session != nil {
			from.account.setAvailable(from.session, kind != "unavailable")
		}
	}
}

// presence is the account's state in the form it was asked for.
func (a *Account) presence(asked types.JID) waBinary.Node {
	a.mu.Lock()
	defer a.mu.Unlock()
	attrs := waBinary.Attrs{"from": asked.ToNonAD()}
	if a.online == 0 {
		attrs["type"] = "unavailable"
		attrs["last"] = a.seen.Unix()
	}
	return waBinary.Node{Tag: "presence", Attrs: attrs}
}

// setAvailable records one connection's availability and tells the watchers
// when the account comes or goes by it.
func (a *Account) setAvailable(c *session, available bool) {
	c.mu.Lock()
	was := c.available
	c.available = available
	c.mu.Unlock()
	if was == available {
		return
	}
	a.mu.Lock()
	before := a.online
	if available {
		a.online++
	} else {
		a.online--
		a.seen = time.Now()
	}
	changed := (before == 0) != (a.online == 0)
	watchers := maps.Clone(a.watchers)
	a.mu.Unlock()
	if !changed {
		return
	}
	for device, asked := range watchers {
		device.transient(a.presence(asked))
	}
}

// handleChatstate relays typing to the devices of the other side.
func (s *Server) handleChatstate(from origin, node waBinary.Node) {
	to, ok := node.Attrs["to"].(types.JID)
	if !ok {
		return
	}
	attrs := waBinary.Attrs{}
	var receivers []*Account
	if g := s.group(to); to.Server == types.GroupServer && g != nil {
		attrs["from"], attrs["participant"] = to, from.jid(g.server())
		receivers = g.snapshot()
	} else if peer := s.account(to); peer != nil {
		attrs["from"] = from.jid(to.Server)
		receivers = []*Account{peer}
	}
	relayed := waBinary.Node{Tag: "chatstate", Attrs: attrs, Content: []waBinary.Node{first(&node)}}
	for _, receiver := range receivers {
		if receiver == from.account {
			continue
		}
		receiver.shown(relayed)
		for _, device := range receiver.Devices() {
			device.transient(relayed)
		}
	}
}
