// Package neutral reads and writes the JSON of wa-store-migrate (its docs/IR.md, schema
// version 1): a form between several programs, and the one into which a logged-in page of
// WhatsApp Web is dumped (dump.js, for whatsapp-web.js).
//
// Bytes are base64, maps are lists of pairs, sessions and sender keys are the protobufs of
// Signal's own libraries. An address may carry its server, its agent, both or neither; a
// LID is told by either.
//
// The JSON is a stranger's: it is bounded by the size of its file and checked like every
// account.
package neutral
