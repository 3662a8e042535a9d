// Package policy says which methods of *whatsmeow.Client a client may call, and
// with which values. Every method has a line; one that has none, because
// whatsmeow is newer than the list, is off until somebody has read what it does.
//
// What to ask of a method before its line says open: whom can it harm besides
// the account that calls it? Does it go past the mirror, the feed, idempotency,
// the send limit, or the worker's knowledge of its connection? Does it hand out
// keys or tokens? Does it put a value from the caller into an address, or into
// the name of a stanza's element?
package policy

import "whatsapp-manager/proto/catalog"

// Line is the decision about a method, with the reason where it is not open.
type Line struct {
	Decision catalog.Decision
	Why      string
}

// For returns the line of a method; a method without one is undecided.
func For(method string) Line {
	if line, ok := lines[method]; ok {
		return line
	}
	return Line{catalog.Undecided, "nobody has decided yet whether it may be called"}
}

func below(why string) Line   { return Line{catalog.Below, why} }
func refused(why string) Line { return Line{catalog.Refused, why} }

var open = Line{Decision: catalog.Open}

// Reasons that several methods share.
const (
	connection = "the worker keeps the connection itself; start, stop or restart the instance instead"
	handlers   = "the worker's own handlers must stay, or messages would be lost"
	network    = "the way to WhatsApp is the operator's choice"
	recipients = "it decides where messages go; WhatsApp alone is asked for that"
	messenger  = "it is for Messenger and Instagram accounts"
	receipts   = "it tells WhatsApp that something was received, which is then lost if it was not"
	streams    = "it takes a stream, which is not data"
	clients    = "it takes an HTTP client, and " + network
)
