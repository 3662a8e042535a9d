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
// # Control API
//
// The same over HTTP on the same loopback port, under /control/. Bodies and
// answers are JSON; a body with an unknown field is refused. Errors are
// {"error":"text"} with 400 (the request is wrong), 404 (no such account, device
// or group), 409 (taken, or the client rejected a pairing), 504 (a wait ran out).
// Requests whose Host is not a loopback address are refused. A number is an
// account's phone number in digits; where a chat is expected ("to", "chat",
// "author") a number or a JID will do. Durations are Go's ("1.5s").
//
//	GET  /control/                               {endpoint, accounts, connections, unknown}
//	GET  /control/accounts                       {accounts:[account]}
//	POST /control/accounts                       {number, name, contacts:[{number,name}], chats, messages} → 201 account
//	GET  /control/accounts/{number}              account: {number, name, pn, lid, devices:[device], online, typing,
//	                                             calls:[{id, from, kind}], links (call links it asked for)}
//	POST /control/accounts/{number}/scan         {qr} → device, once it is paired and active
//	POST /control/accounts/{number}/code         {code} → device, once it is paired and active
//	POST /control/accounts/{number}/send         {to, text, count, rate, background} → {sent:[{n,id,text,time}]}
//	                                             text may hold %d for the number of the message; without a text it is
//	                                             "message n". count is 1 when left out, rate is per second (0: no pause).
//	                                             background answers 202 at once and goes on until the server ends;
//	                                             count 0 is allowed with it only and means no end.
//	GET  /control/accounts/{number}/received     ?after=N&wait=30s → {messages:[message], next}
//	                                             what the account's phone decrypted, from position N on; waits for the
//	                                             first one for up to wait. With Accept: text/event-stream it streams
//	                                             them as events with id: N+1 and data: message.
//	                                             message: {id, chat, sender, pn, name, text, time, own, attempt}
//	POST /control/accounts/{number}/read         {chat, author, ids} sends a read receipt
//	POST /control/accounts/{number}/react        {chat, author, id, emoji} → {id}
//	POST /control/accounts/{number}/auto         {reply, read}: answer every text with reply (%s is the text; "" stops),
//	                                             and send read receipts
//	GET  /control/accounts/{number}/devices      {devices:[device]}; device: {number, jid, lid, connected, connection,
//	                                             logins, pending, prekeys}
//	POST /control/accounts/{number}/wait         {device, for, logins, timeout} → device; for is "settled" (nothing
//	                                             unacknowledged), "connected", "disconnected" or "logins"; device 0 is the
//	                                             last one linked; timeout is 30s when left out
//	POST /control/accounts/{number}/ring         {to, video} → {id}; its phone calls another account
//	POST /control/accounts/{number}/shop         {products, orders}: its catalogue, and orders it may ask for
//	GET  /control/groups                         {groups:[group]}; group: {jid, name, members:[number], addressing}
//	POST /control/groups                         {name, members:[number]} → 201 group; the first member creates it
//	                                             and what the server holds: admins, description, announce, restrict,
//	                                             addMode, approval, code (of the invite link), picture, requests
//	POST /control/groups/{jid}/members           {add:[number], remove:[number]} → group
//	POST /control/groups/{jid}                   {approval, join:[number]} → group; join is by the invite link;
//	                                             {invite:{from, to}} → {code, expiration} of a private invitation
//	POST /control/faults                         {fault, number, device, code, count, duration, namespace} → {devices}
//
// A fault hits every device when number is missing, every device of the account
// when device is 0 or missing. On connections: "drop" (TCP reset), "mid_frame",
// "close", "black_hole", "resume", "delay" (duration), "repeat", "garbage" (code:
// bytes), "log_out", "replace", "stream_error" (code), "stream_end". Planned for
// the next count occasions (1 when left out): "refuse_login" (code),
// "temporary_ban" (code, duration), "iq_error" (namespace, code), "message_error"
// (code), "lose_acks", "lose_races" (of app-state writes), "corrupt", "refuse_upgrade" (code, an HTTP status; all
// clients), "stall_upgrade" (no answer; all clients), "drop_handshake" (reset after the client's hello; all clients).
// "heal" drops what is planned.
package wasim
