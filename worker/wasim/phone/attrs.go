package phone

import (
	"fmt"
	"strconv"
	"time"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"
)

// Stanzas come to a phone without having been through the encoder, so numbers may still be
// numbers and contents strings; these readers take either.

func attr(node waBinary.Node, key string) string {
	switch value := node.Attrs[key].(type) {
	case nil:
		return ""
	case string:
		return value
	default:
		return fmt.Sprint(value)
	}
}

func attrJID(node waBinary.Node, key string) types.JID {
	switch value := node.Attrs[key].(type) {
	case types.JID:
		return value
	case *types.JID:
		if value != nil {
			return *value
		}
	}
	return types.EmptyJID
}

func attrInt(node waBinary.Node, key string) int {
	n, err := strconv.Atoi(attr(node, key))
	if err != nil {
		return 0
	}
	return n
}

// attrTime reads unix seconds; a stanza without them counts as of now.
func (p *Phone) attrTime(node waBinary.Node) time.Time {
	seconds, err := strconv.ParseInt(attr(node, "t"), 10, 64)
	if err != nil || seconds == 0 {
		return p.now()
	}
	return time.Unix(seconds, 0)
}

func content(node waBinary.Node) []byte {
	switch value := node.Content.(type) {
	case []byte:
		return value
	case string:
		return []byte(value)
	default:
		return nil
	}
}

func unix(t time.Time) string { return strconv.FormatInt(t.Unix(), 10) }

// lidOf gives the LID form of a device, from the counterpart attribute when the stanza names
// one, else from the Network. ok is false for a number that nobody knows.
func (p *Phone) lidOf(device, counterpart types.JID) (lid types.JID, ok bool) {
	switch {
	case device.Server == types.HiddenUserServer:
		return device, true
	case counterpart.Server == types.HiddenUserServer:
		lid = counterpart
	default:
		if _, lid, ok = p.net.Resolve(device.ToNonAD()); !ok {
			return types.EmptyJID, false
		}
	}
	lid.Device = device.Device
	return lid, true
}

// pnOf gives the phone number of a user named by LID or PN, empty when unknown.
func (p *Phone) pnOf(user, counterpart types.JID) types.JID {
	switch {
	case user.Server == types.DefaultUserServer:
		return user.ToNonAD()
	case counterpart.Server == types.DefaultUserServer:
		return counterpart.ToNonAD()
	}
	pn, _, _ := p.net.Resolve(user.ToNonAD())
	return pn
}

func (p *Phone) isOwn(user types.JID) bool {
	return user.User == p.lid.User && user.Server == p.lid.Server ||
		user.User == p.pn.User && user.Server == p.pn.Server
}

func isGroup(chat types.JID) bool {
	return chat.Server == types.GroupServer || chat.Server == types.BroadcastServer
}
