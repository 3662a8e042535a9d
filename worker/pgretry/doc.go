// Package pgretry is a worker's way to Postgres: one small pool, and statements that
// wait while the database is away instead of failing.
//
// whatsmeow answers a database error while it decrypts with a retry receipt and an
// acknowledgement. After five of them, or when the sender is gone, the message is
// lost. So the statements of whatsmeow must not fail because of an outage. driver.go
// repeats those outside a transaction: they are reads, upserts and deletes. outage.go
// says which errors are worth waiting for.
//
// The package must not know what the tables mean, whatsmeow's client, or the link.
package pgretry
