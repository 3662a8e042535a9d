// Package budget counts the bytes of memory that requests hold, so that many
// large ones at once are refused instead of taking the process with them.
//
// There is one budget for all, and a share for each owner: an instance (all its
// keys), a user, or the network address of somebody who has not said who they
// are. Strangers together have a part of their own, so that they cannot take
// what those with a key need. Bytes are counted when they are there, never by
// what a client says is coming.
package budget
