// Package intake takes the bodies of requests in. net/http puts no deadline on
// a body of its own accord, and waits for the rest of one that a handler did not
// read: a client that never sends it would hold its connection for ever. Here
// every request with a body begins with a deadline, which ends when the body is
// whole and at no other time; an answer that comes earlier leaves the client a
// moment to stop sending.
package intake
