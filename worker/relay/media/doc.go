// Package media handles the files of calls: it reads them from a parameter, an
// upload or a URL, converts them, builds the messages that show them, and
// downloads the files of messages.
//
// Files lie in the spool while their call runs, and pass through memory in small
// parts. Only what came inside JSON, what goes out in it and what is decoded lies in
// memory as a whole, and for that each call takes what it needs from a common budget
// before it reads.
//
// It must not know the table of methods, how a message is sent, or the database.
package media
