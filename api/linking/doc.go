// Package linking links accounts over HTTP: one document that says how far the linking of
// an instance is, and the routes that begin it, answer the account's passkey, compare a
// code, and cancel. The older routes for a QR code and a pairing code follow the same
// state.
//
// The state is the worker's; nothing is kept here, so that a manager may be killed in the
// middle of a linking. The package must not know whatsmeow or the database.
package linking
