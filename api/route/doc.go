// Package route declares routes, so that each is authenticated, limited, answered
// and documented in the same way.
//
// Two kinds of routes exist. Add declares a documented one: huma validates the
// input and writes the answer and the document from the same Go types. Echo is for
// handlers that write their answer themselves; they begin with Authenticated, and
// Document describes them.
//
// The package must not know how a caller is recognised or what a handler does: a
// Door does the first.
package route
