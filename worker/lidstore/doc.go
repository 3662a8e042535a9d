// Package lidstore holds which hidden id (LID) is whose phone number, for one
// instance and no other. whatsmeow takes the recipient of a message from it. Its
// own table of pairs has no account in it: whoever may write there decides where
// everybody's messages go. So that table is neither written nor read by us, nor
// by the two statements of whatsmeow that look into it (message secrets and
// privacy tokens), which are asked here instead.
//
// A pair that was carried over, from an older version or an archive, is a hint:
// it answers whose number a LID is, and not where to send. whatsmeow then asks
// WhatsApp, and its answer replaces the hint.
package lidstore
