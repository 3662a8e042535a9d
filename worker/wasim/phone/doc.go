// Package phone simulates one phone: device 0 of a WhatsApp account, a real Signal endpoint
// that pairs companions, hands them history and app state, and sends and receives messages.
//
// It owns the account's keys, its sessions, its view of the app state and a ledger of what
// it received. It must not know sockets or the server: everything outside goes through
// Network, as stanzas that a client would write.
package phone
