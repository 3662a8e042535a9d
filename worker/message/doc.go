// Package message says what a message of WhatsApp contains: its type, the part that is
// shown, the text, the file, the context and the secret, whatever wrappers they are in
// and whichever field they stand in. It is the one place that decides this: what is
// rendered, downloaded, forwarded, edited, quoted and searched are the same parts.
//
// Rows has a line for each field of waE2E.Message, and a test walks that type, so that a
// field that is new in WhatsApp's protocol fails the test until somebody has decided.
//
// The package is pure: no I/O, no clock, no database, no client. It takes any input: a
// stranger writes these messages. It does not know the shapes that integrators read.
package message
