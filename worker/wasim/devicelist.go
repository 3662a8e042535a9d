package wasim

import (
	"crypto/sha256"
	"encoding/base64"
	"slices"
	"strings"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"
)

// participantHash is the hash over device JIDs by which client and server
// compare their lists: "2:" and six bytes of SHA-256 in unpadded base64.
func participantHash(devices []types.JID) string {
	names := make([]string, len(devices))
	for i, device := range devices {
		names[i] = device.ADString()
	}
	slices.Sort(names)
	sum := sha256.Sum256([]byte(strings.Join(names, "")))
	return "2:" + base64.RawStdEncoding.EncodeToString(sum[:6])
}

// deviceListChanged tells everyone who may have cached the account's devices
// that one came ("add") or went ("remove"): its own companions, whoever wrote
// with it and who shares a group. Clients key their cache by the JID they asked
// with, so each hears of both forms; own companions get account_sync beside it.
func (s *Server) deviceListChanged(a *Account, changed *Device, change string) {
	audience := make(map[*Account]struct{})
	a.mu.Lock()
	for peer := range a.peers {
		audience[peer] = struct{}{}
	}
	a.mu.Unlock()
	for _, g := range s.groupsOf(a) {
		for _, m := range g.snapshot() {
			audience[m] = struct{}{}
		}
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
			device.deliver(s.notification("account_sync", a.pn, nil, waBinary.Node{
				Tag: "devices", Attrs: waBinary.Attrs{"dhash": participantHash(listed)}, Content: entries,
			}))
		}
	}
}

func (s *Server) deviceNotification(a *Account, changed *Device, change, server string) waBinary.Node {
	attrs := waBinary.Attrs{"jid": a.jid(server, changed.number)}
	if change == "add" {
		attrs["key-index"] = int(changed.number)
	}
	return s.notification("devices", a.jid(server, 0), nil, waBinary.Node{
		Tag:   change,
		Attrs: waBinary.Attrs{"device_hash": participantHash(a.deviceJIDs(server))},
		Content: []waBinary.Node{
			{Tag: "device", Attrs: attrs},
			a.keyIndexNode(),
		},
	})
}
