// Package egress is the manager's side of proto/egress: it gives workers
// connections to addresses that their users chose, within bounds, so that a
// worker needs no way of its own to most ports, to internal networks, and to the
// programs of this host.
//
// The kernel says who asks, and never the asker: the caller's admit maps the
// process at the other end of a connection to an instance. A process that is not
// the main process of a worker gets no answer.
//
// There are bounds for one instance and for all instances; each is a field of
// Limits. A connection ends with the context of Serve. Workers live on, and their
// fetches fail with an error that tells them to try again.
package egress
