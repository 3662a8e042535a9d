// Package inbound translates an event of whatsmeow into a Change: what to write to the
// account's mirror, and what that means for readers of the feed. It is one switch over
// whatsmeow's event types, and each case is one call.
//
// It owns the meaning of WhatsApp's events and the choice of canonical ids. It must not
// know the database, the sequence of the feed or the RPC. A Change is plain data; only
// package mirror knows what the mirror had before.
package inbound
