// Package moves proves with other people's programs that an account moves in and out
// without a new QR code: a plain program on whatsmeow's SQLite store, and Baileys. Each
// pairs with the simulator, exchanges messages, and ends; then an instance goes on with
// its keys, and the other way round.
package moves
