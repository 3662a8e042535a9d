// Package mirror owns our copy of an account: its chats, messages, contacts, receipts and
// reactions, and the feed of events that tells readers what happened.
//
// All that a worker reads and writes in our tables goes through this package, including
// the device in the instance's own row (device.go). The one exception is the table of
// id pairs, which belongs to lidstore. The tables of whatsmeow belong to keystore,
// sealedstore and lidstore.
//
// This is how a Change is written. The mirror reads what it has to know, works out the
// rows and the events in memory, and writes everything in one pipelined batch, which is
// one transaction. The first statement of the batch (feed_advance) claims the sequence
// numbers. It fails when another writer was faster or has a higher generation, and then
// nothing of the batch stays. A text message costs one round trip, because what the
// mirror needs to know is cached. Changes that wait for each other go in one transaction
// (turn.go).
//
// Events follow from state that changed, never from what arrived. A message that is
// already there, a receipt that says nothing new or an edit that is already applied
// writes nothing. Should that fail, the key of an event prevents a second one.
//
// The package must not know whatsmeow's client, the RPC, or the method table.
package mirror

//go:generate go tool -modfile=../../.ci/tools/sqlc.mod sqlc generate
