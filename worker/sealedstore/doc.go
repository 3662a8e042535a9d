// Package sealedstore stands between whatsmeow and its tables, and seals the values that
// open conversations: the keys of the device, Signal sessions, sender keys, pre keys, keys
// of the app state, and the few message texts that whatsmeow keeps for a while. The
// tables, their form and the statements stay whatsmeow's. No operation needs one
// statement more than before.
//
// Package proto/seal says which columns are sealed and how a value is bound to its place.
// The manager uses it, too, to open an export and to seal an import.
//
// A device that is not sealed comes from an older version, or from a server without seals.
// Its own worker seals it while loading, in one transaction, so a worker that is killed in
// the middle has changed nothing. The same happens when the key has changed. A device
// whose key is not available is left alone, and its worker ends.
//
// Not sealed are public keys, contacts, chat settings, hashes and MACs of the app state,
// and which device, chat or message a row belongs to.
//
// The package must not know where keys come from, the link, or what messages mean.
package sealedstore
