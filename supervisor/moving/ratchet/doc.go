// Package ratchet reads and writes Signal sessions and sender keys.
//
// whatsmeow stores them as JSON of its library's structures, and that is the form in which
// they stand in an account. Other programs keep the same numbers in other forms: package
// baileys has libsignal-node's, and proto.go the protobufs of Signal's own libraries.
//
// It works on forms alone, so nothing here needs a library for Signal. The one thing that
// is computed are the keys of single messages that were skipped: some forms keep what they
// are derived from, others what is derived.
//
// The package must not know accounts, files or addresses.
package ratchet
