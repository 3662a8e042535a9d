// Package moving knows the form in which a WhatsApp account travels between programs:
// its keys, Signal sessions, sender keys, app state, and what else a linked device must
// keep so that no new QR code is needed.
//
// An Account is that form. It is neutral: packages below read it from other programs'
// files and write it there, and supervisor/store/carry reads it from our database and
// writes it there. Signal sessions and sender keys are in it as whatsmeow stores them
// (package ratchet translates them).
//
// A Report says what was taken and what could not be. Nothing is guessed: a value that
// does not fit ends the import with a 4xx that names it, and a value that the other
// program's form has no place for is counted as lost.
//
// What is read comes from strangers, so everything is bounded (Limits) and checked
// (Account.Check) before it reaches the database. The secrets in an Account reach no log:
// no error of these packages quotes a value.
//
// The package must not know files, SQL, HTTP or the instance that an account becomes.
package moving
