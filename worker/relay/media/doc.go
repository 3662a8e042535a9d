// Package media handles the files of calls: it reads them from a parameter, an
// upload or a URL, converts them, builds the messages that show them, and
// downloads the files of messages.
//
// A file lies in memory as a whole while its call runs. So each call takes what
// it needs from a common budget of memory before it reads.
//
// It must not know the table of methods, how a message is sent, or the database.
package media
