package wasim

import (
	"maps"
	"slices"
	"time"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"

	"whatsapp-manager/worker/wasim/stanza"
)

// handlePresence takes a device's availability, or its wish to follow the presence of
// somebody. Presences are neither queued nor acknowledged.
func (r *router) handlePresence(from origin, node waBinary.Node) {
	switch kind, _ := node.Attrs["type"].(string); kind {
	case "subscribe":
		to, _ := node.Attrs["to"].(types.JID)
		target, device := r.account(to), from.device()
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
		if from.connection != nil {
			from.account.setAvailable(from.connection, kind != "unavailable")
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
		attrs["last"] = a.lastSeen.Unix()
	}
	return waBinary.Node{Tag: "presence", Attrs: attrs}
}

// setAvailable records one connection's availability and tells the watchers
// when that makes the account come online or go offline.
func (a *Account) setAvailable(c *connection, available bool) {
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
		a.lastSeen = time.Now()
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
func (r *router) handleChatstate(from origin, node waBinary.Node) {
	to, ok := node.Attrs["to"].(types.JID)
	if !ok {
		return
	}
	attrs := waBinary.Attrs{}
	var receivers []*Account
	if members, server, ok := r.groups.Members(to); to.Server == types.GroupServer && ok {
		attrs["from"], attrs["participant"] = to, from.JID(server)
		for _, u := range members {
			receivers = append(receivers, r.account(u.LID))
		}
	} else if peer := r.account(to); peer != nil {
		attrs["from"] = from.JID(to.Server)
		receivers = []*Account{peer}
	}
	relayed := waBinary.Node{Tag: "chatstate", Attrs: attrs, Content: []waBinary.Node{stanza.First(&node)}}
	for _, receiver := range receivers {
		if receiver == from.account {
			continue
		}
		receiver.noteTyping(relayed)
		for _, device := range receiver.Devices() {
			device.transient(relayed)
		}
	}
}

// Typing says what somebody did in a chat, as an account was shown it.
type Typing struct {
	Chat, From types.JID
	State      string // composing, paused
	Media      string // audio while recording
}

// typingKept bounds what an account remembers.
const typingKept = 64

// Typing lists the newest states of typing that the account was shown, oldest first.
func (a *Account) Typing() []Typing {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.typing)
}

func (a *Account) noteTyping(relayed waBinary.Node) {
	chat, _ := relayed.Attrs["from"].(types.JID)
	from, ok := relayed.Attrs["participant"].(types.JID)
	if !ok {
		from = chat
	}
	state := stanza.First(&relayed)
	media, _ := state.Attrs["media"].(string)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.typing = append(a.typing, Typing{Chat: chat, From: from, State: state.Tag, Media: media})
	if len(a.typing) > typingKept {
		a.typing = a.typing[1:]
	}
}

// Online tells whether the account shows itself as online.
func (a *Account) Online() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.online > 0
}
