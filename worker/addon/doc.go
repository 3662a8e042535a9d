// Package addon opens what people add to an earlier message and seal with its secret:
// votes, reactions, comments, answers to events, and edits.
//
// The key is derived from the addresses of two people: who wrote the earlier message, and
// who adds to it. WhatsApp gives everybody two addresses, by number and by hidden id, and a
// phone may use either of each, whatever the envelope says. So all pairs are tried.
//
// It must not know what the parts mean, nor where secrets and pairs of addresses are kept.
package addon
