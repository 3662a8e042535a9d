// Package connlimit keeps the connections of an HTTP server within what the
// process can hold, without a queue in which everybody waits.
//
// There is a limit in all and one per network address. In a full house the
// connection that has been of least use goes for the new one: first those on
// which no request is being answered, then those of strangers whose request
// takes long. A request of somebody who is known is never cut off, and one of them
// may have a quarter of the house under way. Where nothing
// can go, a few spare seats remain in which only the server's health is told.
//
// Each connection also has a deadline for every part that is written to it, so
// that a reader who reads nothing loses it.
package connlimit
