// Package client is one whatsmeow client on one device, and the worker's hold on its
// connection.
//
// A client connects to nothing by itself: Dial and HangUp do what the main loop asks
// for, in order. endpoint.go leads the connections of whatsmeow to WhatsApp or to a
// stand-in of it, and notes when the socket was last read. flow.go stops reading the
// socket while too many stanzas wait for their handler, so that WhatsApp keeps the rest
// in order. whatsmeowtap.go is whatsmeow's logger: it keeps content out of the log, and
// learns from log lines what whatsmeow tells in no other way.
//
// The package must not know the state of the link, the database, or what events mean.
package client
