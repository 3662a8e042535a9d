// Package egress is the manager's side of proto/egress: it gives workers
// connections to addresses that their users chose, within bounds, so that a
// worker needs no way of its own to most ports, to internal networks, and to the
// programs of this host.
//
// Who asks is told by the kernel and never by the asker: the caller's admit maps
// the process at the other end of a connection to an instance. A process that is
// no worker's main process gets no answer.
//
// Bounds are for one instance and for all; each is a field of Limits. A
// connection ends with the context of Serve: workers live on, and their fetches
// fail with an error that is worth a repetition.
package egress
