// Package wasim is a simulator of WhatsApp's servers and phones at the wire: an
// unmodified whatsmeow client pairs with it, logs in and exchanges end-to-end
// encrypted messages with simulated phones and other clients. It serves tests,
// the demonstration and load tests.
//
// # Rooms
//
// This package has the server, its accounts and their linked devices, connections
// and logins, pairing, the routing of stanzas and requests, and the queue of what a
// device has not acknowledged. The rest lies in packages that know nothing of it:
//
//	wire      the transport: Noise, frames, binary XML
//	phone     what an account's phone does: Signal sessions, pairing proofs, history
//	media     the media host, and the encryption of attachments
//	groups    group chats
//	channels  channels (newsletters)
//	compose   messages that no phone would write: any content, in any stanza
//	appstate  an account's app state, as the server keeps it
//	prekeys   a device's public keys
//	passkey   linking a device of an account that demands a passkey
//	shop      an account's catalogue and orders
//	faults    failures planned for the next occasions
//	stanza    what answers and copies of messages have in common
//	user      the two identities of a user
//
// Package control serves the exported methods over HTTP; package client is the other
// side, for programs that do not link the simulator. Program cmd/wasim runs all of it.
//
// The simulator imports whatsmeow's wire packages and nothing of the product, and it
// knows no product term. What is known of WhatsApp only by inference is marked in the
// source with "guess".
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
// # Use as a program
//
// The first line that cmd/wasim prints is its endpoint. With -json it is an object,
// {"endpoint":"http://127.0.0.1:PORT/?noise=<hex>"}; with -until-eof the program ends
// when its standard input does, and thus with its parent. A demonstration, for
// example, needs these calls of the control API:
//
//	POST /control/accounts                {"number":"15550000001","name":"Alice","chats":4,"messages":8}
//	POST /control/accounts/15550000001/scan  {"qr":"2@…"}, once the client shows a QR code
//	POST /control/accounts/15550000002/auto  {"reply":"You wrote: %s","read":true}
//	POST /control/accounts/15550000002/send  {"to":"15550000001","text":"Good morning!"}
//
// Package client has them as methods, and runs the program.
package wasim
