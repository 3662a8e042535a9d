// Package api is HTTP in, HTTP out: who may ask, for what, and in which words
// the answer is given.
//
// Two kinds of routes live here. Management (users, instances, keys, health)
// is declared once with huma, which validates, answers and documents from the
// same Go types; errors are problem JSON (RFC 9457). The proxy relays one
// method of an instance by name and answers in the envelope of the proxy,
// success or failure; it is written on Echo directly, because parameters and
// results pass unopened.
//
// A request meets, in this order: its connection's seat (connlimit), a deadline
// for its body (intake), trace and access log, recover, secure headers, whether
// its host is one of ours, authentication, its turn in the rate, whether there
// is a worker to be called, and only then its body: size, memory (budget), files
// taken out (jsonfile), UTF-8, depth; then the handler. Handlers return errors;
// one place turns a fault's kind into a status. What the client sent never makes
// a 5xx, but for 503 when there is no room.
//
// The package must not know whatsmeow, SQL or processes: it asks the store,
// the supervisor, and through it the worker of an instance.
package api
