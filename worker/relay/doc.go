// Package relay owns the table of methods that a worker answers: methods of
// whatsapp-web.js, one row and one small function each, and every method of
// *whatsmeow.Client that can be called with data, found by reflection.
//
// The way of a call: the name is looked up; the positional parameters are
// decoded by the types in the row, so that a function only sees good values;
// what the method needs (a paired account, a live connection) is checked; the
// function runs; its result is encoded. Every error leaves as a fault.Error.
// Parameters and results never reach a log line.
//
// To add a whatsapp-web.js method, write its function and its row in the file
// of its class (client.go, chat.go, message.go) and run go generate: it writes
// proto/catalog/methods.json, from which the manager learns of it. A new
// whatsmeow method needs a line in policy, once somebody has read what it does.
//
// It must not know the RPC, the feed's SQL, or how the connection is kept.
package relay

//go:generate go run ./gencatalog
