// Package signalstore stands between whatsmeow and its store of Signal sessions.
//
// whatsmeow reads, changes and writes the session with one device on several
// goroutines at once. The locks of this package keep them apart (locks.go), so
// that no write takes back another one and no key is used twice. libsignal also
// spoils the other states of a session while it looks for the state that opens a
// message; ratchet.go restores them before the session is written.
//
// The package must not know where sessions are kept, nor anything of the link to
// WhatsApp or of messages.
package signalstore
