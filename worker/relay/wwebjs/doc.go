// Package wwebjs is the methods of whatsapp-web.js, with its names, parameters,
// results and quirks. Each file holds the rows and the functions of one class or
// one idea. A method that whatsapp-web.js has both on Client and on a structure
// (archiveChat and Chat.archive) is written once, as relay.Twins.
//
// The id of a structure is the first parameter: HTTP has no objects to call.
//
// It must not know the RPC, the methods of whatsmeow by reflection, or how the
// connection is kept.
package wwebjs
