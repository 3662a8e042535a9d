// Package api is HTTP in and HTTP out. It puts the routes together, and has what
// every request passes.
//
// Two kinds of routes live here. Management routes (instances, pairing, health)
// are declared with package route: huma validates, answers and documents from the
// same Go types, and errors are problem JSON (RFC 9457). The proxy relays one
// method of an instance by its name and answers in an envelope of its own, for
// success and for failure. It is written on Echo directly, because parameters and
// results pass unopened.
//
// A request passes, in this order: its connection's seat (connlimit), a deadline
// for its body (intake), trace and access log, recovery from panics, secure
// headers, the check of its host, authentication (auth), its place in the pace of
// calls, the question whether there is a worker to call, and only then the reading
// of its body: size, memory (budget), files (jsonfile), UTF-8 and depth
// (jsoncheck). Then comes the handler. Handlers return errors; package problem
// turns a fault's kind into a status. Nothing that a client sends makes a 5xx, but
// for 503 when there is no room.
//
// The package must not know whatsmeow, SQL or processes. It asks the store, the
// supervisor, and through it the worker of an instance.
package api
