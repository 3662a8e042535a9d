// Package host is the envelope of a worker's process: how it is started, what it
// holds, what it gives up, and what it leaves behind.
//
// A worker reads one Bootstrap document, takes the exclusive claim to its instance,
// cleans the run directory, and publishes its identity in the attach file. It limits
// its memory, confines itself to what it needs before it hears a word from outside,
// and answers one process only, the manager. At its end it writes last words that say
// why it ended.
//
// The package must not know WhatsApp, the database, or the calls of the manager.
package host
