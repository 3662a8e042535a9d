// Package signalcache keeps in memory what whatsmeow reads and writes about Signal for
// each message: sessions, identities, sender keys, used pre keys, message secrets and the
// messages that a recipient may ask for again. One worker alone owns its device, so what
// is in memory is never older than the tables.
//
// What a message changes is a Step. It is written together with the event of that message,
// in one commit, or after it, and never before it: a message that was not recorded is
// not acknowledged, WhatsApp sends it again, and it is decrypted again from the state
// before. A step that fails is forgotten. The Signal sessions of a step are locked until
// it is written.
//
// What the own side changes is written before the message leaves, with all that goes with
// it: PutSession and PutManySessions return after the commit, and Flush stands before the
// connection for the rest.
//
// The messages of the own phone are the exception. whatsmeow acknowledges them before any
// handler has seen them, so their text is committed to whatsmeow's event buffer with the
// step.
//
// Values are kept as they stand in the tables, so seals belong in front of this package.
// It must not know what messages mean, nor the mirror, the feed and the link.
package signalcache
