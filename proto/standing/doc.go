// Package standing holds what WhatsApp has said about an account's number: that it
// may open no new chats for a while, that it asks too much, that it is banned until
// a time. A worker hears it as notices; a pure function makes of a notice and of what
// was known before what is known now, and whether that is news.
//
// Worker and manager keep the same document in the database, and the event
// number_health carries it. The package must not know where it is kept, what follows
// from it, or who asks.
package standing
