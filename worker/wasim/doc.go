// Package wasim is a simulator of WhatsApp's servers and phones at the wire: an
// unmodified whatsmeow client pairs with it, logs in and exchanges end-to-end
// encrypted messages with simulated phones and other clients. It serves tests,
// the demonstration and load tests.
//
// It owns connections and their life, the registry of accounts, linked devices
// and groups, prekeys, the routing of stanzas, the offline queue, the app-state
// store, and the failures it can be told to play. What a phone does (Signal
// sessions, pairing proofs, history) belongs to package phone, attachments to
// package media, the transport to package wire. It imports whatsmeow's wire
// packages and nothing of the product, and knows no product term.
//
// # Use from Go
//
//	server := &wasim.Server{}
//	go server.Run(ctx)
//	<-server.Started()
//	endpoint := server.Endpoint() // http://127.0.0.1:PORT/?noise=<hex>
//	alice, err := server.CreateAccount("15550000001", "Alice", wasim.AccountOptions{})
//	err = alice.ScanQR(ctx, qrText) // as the client shows it
//	device := alice.Devices()[0]
//	wasim.Traffic{From: bob, To: alice.PN(), Count: 100, Rate: 20}.Run(ctx)
//
// The client must dial the endpoint's address for everything it would dial with
// TLS (a bare TCP connection will do), trust the Noise root of the endpoint, and
// use neither HTTP/2 nor a proxy. Clients of one process share one root, so several
// simulators in one process need the same RootKey.
//
// Everything lives in memory; nothing survives Run.
//
// # Use over HTTP
//
// Package control offers the same over HTTP, program cmd/wasim serves it.
package wasim
