// Package sealedstore stands between whatsmeow and its tables, and seals what
// opens conversations: the keys of the device, Signal sessions, sender keys, pre
// keys, keys of the app state, and the few message texts that whatsmeow keeps for
// a while. The tables, their form and the statements stay whatsmeow's; no
// operation takes a statement more than before.
//
// What is sealed, and how it is bound to its place, is in proto/seal: a manager
// opens it for an export, and seals what is imported.
//
// A device that stands open, from before there were seals or from a server without,
// is sealed by its own worker when it loads it, in one transaction: a worker that
// is killed in the middle has done nothing. The same happens when the key has
// changed. A device whose key is not at hand is left alone, and its worker ends.
//
// Not sealed are public keys, contacts, chat settings, hashes and MACs of the app
// state, and which device, chat or message a row belongs to.
package sealedstore
