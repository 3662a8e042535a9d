package wasim

import (
	"time"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"

	"whatsapp-manager/worker/wasim/stanza"
)

// deviceJIDs lists every device in the form of a JID server, the phone first.
func (a *Account) deviceJIDs(server string) []types.JID {
	numbers := a.numbers()
	jids := make([]types.JID, len(numbers))
	for i, number := range numbers {
		jids[i] = a.user.JID(server, number)
	}
	return jids
}

func (a *Account) deviceList() waBinary.Node {
	numbers := a.numbers()
	devices := make([]waBinary.Node, len(numbers))
	for i, number := range numbers {
		attrs := waBinary.Attrs{"id": int(number)}
		if number > 0 {
			attrs["key-index"] = int(number)
		}
		devices[i] = waBinary.Node{Tag: "device", Attrs: attrs}
	}
	content := []waBinary.Node{{Tag: "device-list", Content: devices}}
	if len(numbers) > 1 {
		content = append(content, a.keyIndexNode())
	}
	return waBinary.Node{Tag: "devices", Content: content}
}

// keyIndexNode is the signed list of key indexes. Making it takes a signature, so it is
// kept until the devices change.
func (a *Account) keyIndexNode() waBinary.Node {
	a.mu.Lock()
	signed := a.keyIndex
	a.mu.Unlock()
	if signed == nil {
		signed = a.phone.KeyIndexList()
		a.mu.Lock()
		a.keyIndex = signed
		a.mu.Unlock()
	}
	return waBinary.Node{Tag: "key-index-list", Attrs: waBinary.Attrs{"ts": time.Now().Unix()}, Content: signed}
}

// deviceListChanged tells everybody who may have cached the account's devices that
// one was added ("add") or removed ("remove"): its own companions, the accounts that
// exchanged messages with it, and those that share a group with it. Clients key their
// cache by the JID they asked with, so each client is told under both identities. Own
// companions also get an account_sync.
func (s *Server) deviceListChanged(a *Account, changed *Device, change string) {
	audience := make(map[*Account]struct{})
	a.mu.Lock()
	for peer := range a.peers {
		audience[peer] = struct{}{}
	}
	a.mu.Unlock()
	for _, u := range s.groups.Companions(a.user) {
		audience[s.account(u.LID)] = struct{}{}
	}
	audience[a] = struct{}{}

	for listener := range audience {
		for _, device := range listener.Devices() {
			if device == changed {
				continue
			}
			for _, server := range []string{types.HiddenUserServer, types.DefaultUserServer} {
				device.deliver(s.deviceNotification(a, changed, change, server))
			}
		}
	}

	listed := a.deviceJIDs(types.DefaultUserServer)
	entries := make([]waBinary.Node, len(listed))
	for i, jid := range listed {
		entries[i] = waBinary.Node{Tag: "device", Attrs: waBinary.Attrs{"jid": jid}}
	}
	for _, device := range a.Devices() {
		if device != changed {
			device.deliver(s.notification("account_sync", a.user.PN, nil, waBinary.Node{
				Tag: "devices", Attrs: waBinary.Attrs{"dhash": stanza.ParticipantHash(listed)}, Content: entries,
			}))
		}
	}
}

func (s *Server) deviceNotification(a *Account, changed *Device, change, server string) waBinary.Node {
	attrs := waBinary.Attrs{"jid": a.user.JID(server, changed.number)}
	if change == "add" {
		attrs["key-index"] = int(changed.number)
	}
	return s.notification("devices", a.user.JID(server, 0), nil, waBinary.Node{
		Tag:   change,
		Attrs: waBinary.Attrs{"device_hash": stanza.ParticipantHash(a.deviceJIDs(server))},
		Content: []waBinary.Node{
			{Tag: "device", Attrs: attrs},
			a.keyIndexNode(),
		},
	})
}
