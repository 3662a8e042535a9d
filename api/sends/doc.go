// Package sends sends messages so that each is sent at most once, and so that
// everybody can ask what became of it.
//
// A Sender tries a send: it counts the send in the instance's rate, asks the
// worker, and judges the end. Its Outcome is the only answer to "what became of
// this send": the proxy, the management routes and the queue (package outbox) all
// branch on it. Once adds the promise of an Idempotency-Key.
//
// The id of a message is derived from its key before the first try, so a
// repetition is the same message for the worker and for WhatsApp.
//
// The package must not know HTTP, how a caller is authenticated, or who waits for
// the answer.
package sends
