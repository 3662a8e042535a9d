// Package inbound translates what whatsmeow reports into a Change: what to
// write to the account's mirror and what that means to readers of the feed. It
// is one switch over whatsmeow's event types, each case one call.
//
// It owns the meaning of WhatsApp's events and the choice of canonical ids. It
// must not know the database, the feed's sequence or the RPC: a Change is
// data, and only package mirror knows what the mirror held before.
package inbound
