// Package lidstore knows which phone number belongs to which hidden id (LID), for one
// instance and no other.
//
// whatsmeow takes the recipient of a message from such pairs. Its own table of pairs has
// no account in it, so whoever may write there decides where everybody's messages go.
// Therefore nothing here reads or writes that table. Two statements of whatsmeow look
// into it (for message secrets and privacy tokens); this package answers both instead.
//
// A pair that was carried over from an older version or from an archive, or that only a
// history tells beside its conversations, is a hint. It says whose number a LID is, but not where to send. whatsmeow then asks WhatsApp, and
// the answer replaces the hint.
//
// The package must not know seals, the link, or messages.
package lidstore
