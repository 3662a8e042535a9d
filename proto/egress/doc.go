// Package egress is how a worker reaches addresses that a user chose. A confined
// worker may connect to few ports itself, so it asks the manager, on a unix
// socket, for a connection to host:port. The manager resolves the name, judges
// the address with netguard when it connects, and passes bytes on. TLS stays
// between the worker and the far end.
//
// Worker and manager exchange one message each before the bytes of the
// connection flow:
//
//	worker:   two bytes, big endian: the length of the address; then host:port
//	manager:  one byte: an Answer
//
// The manager's side is package supervisor/egress.
package egress
