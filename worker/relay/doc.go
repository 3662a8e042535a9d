// Package relay is the way of a call through a worker. It knows no single method.
// The methods are given to the table from above: those of whatsapp-web.js come
// from wwebjs, and those of *whatsmeow.Client from reflected.
//
// The table looks the name up. The method then reads its positional parameters,
// so that its function gets checked values only. It makes sure that its needs (a
// paired account, a live connection) are met, runs, and encodes its result. Every
// error leaves as a fault.Error, which also says what the call had sent.
// Parameters and results never reach a log line.
//
// The package also has what many methods share: sending a message and recording
// it, writing the settings that the account's devices share, and resolving ids.
//
// To add a method of whatsapp-web.js, write its row and its function in package
// wwebjs and run go generate: it writes proto/catalog/methods.json, from which
// the manager learns of the method. A new method of whatsmeow needs a line in
// package policy, once somebody has read what it does.
//
// It must not know the RPC, the feed's SQL, or how the connection is kept.
package relay

//go:generate go run ./gencatalog
