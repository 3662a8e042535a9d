// Package user names the users of the simulated WhatsApp: everybody has a phone
// number and a hidden identity (LID), and stanzas name people by either. Some have a
// username, too. It knows nothing of accounts and of what they hold.
package user

import (
	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"
)

// User is somebody under both identities, neither with a device number. Values of
// the same user are equal; the zero value is nobody.
type User struct {
	PN, LID types.JID
}

// Number is the phone number in digits.
func (u User) Number() string { return u.PN.User }

// JID is a device of the user in the form of a JID server: by phone number for
// types.DefaultUserServer, else by hidden identity. Device 0 is the phone.
func (u User) JID(server string, device uint16) types.JID {
	jid := u.LID
	if server == types.DefaultUserServer {
		jid = u.PN
	}
	jid.Device = device
	return jid
}

// NameOther adds the identity that a JID of the given server leaves out: as the
// attribute prefix+"_pn" beside a hidden identity, prefix+"_lid" beside a number.
func (u User) NameOther(attrs waBinary.Attrs, prefix, server string) {
	if server == types.HiddenUserServer {
		attrs[prefix+"_pn"] = u.PN
	} else {
		attrs[prefix+"_lid"] = u.LID
	}
}

// Device is one device of a user, the sender of a stanza or its receiver. Number 0
// is the phone.
type Device struct {
	User
	Number uint16
}

// JID is the device in the form of a JID server.
func (d Device) JID(server string) types.JID { return d.User.JID(server, d.Number) }
