// Package mirror owns our copy of an account: its chats, messages, contacts,
// receipts and reactions, and the feed of events that tells readers what
// happened. It is the only place with SQL in a worker.
//
// The way of a Change: what the mirror must know is read, the rows and the
// events are worked out in memory, and then everything is written in one
// pipelined batch that is one transaction. The first statement of the batch
// (feed_advance) claims the sequence numbers and fails when another writer was
// faster or has a higher generation, so that nothing of the batch stays. A
// text message costs one round trip, because what it needs to know is cached.
//
// Events follow from state that changed, never from what arrived: a message
// that is already there, a receipt that says nothing new or an edit that is
// already applied write nothing. The key of an event is the second net below
// that.
//
// It must not know whatsmeow's client, the RPC, or the method table.
package mirror

//go:generate go tool -modfile=../../.ci/tools/sqlc.mod sqlc generate
