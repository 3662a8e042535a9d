// Package phone simulates one phone: device 0 of a WhatsApp account, a real Signal endpoint
// that pairs companions, hands them history and app state, and sends and receives messages.
//
// It owns the account's keys, its sessions, its view of the app state and a ledger of what
// it received. It must not know sockets or the server: everything outside goes through
// Network, as stanzas that a client would write.
//
// # What the server does for a phone
//
// It delivers to device 0 through Receive what it would deliver to any device, in order. A
// phone answers messages with receipts and acknowledges nothing else, so the server keeps no queue
// for it. The phone understands messages in either addressing form. It reads their attributes t
// and category, and recipient on copies of messages that an own companion sent.
//
// It routes what comes through Network.Send: messages and receipts as a client writes them
// (1:1 messages go to the LID with peer_recipient_pn), and besides those
//
//   - peer messages: message(category=peer, to=<companion>){enc}, delivered to that companion
//     as from the account's phone number;
//   - resends after a retry receipt: enc directly under message, to the JID that the receipt
//     came from, with device_fanout=false, or with participant in groups;
//   - iq(xmlns=w:sync:app:state), when the phone changes app state; the answer comes back
//     through Receive;
//   - notification(type=mediaretry, to=<companion>, id){encrypt|error, rmr}, delivered to that
//     companion as from the account's phone number. How real phones word this is a guess.
//
// # App state
//
// The server keeps the collections, which needs no keys; the phone keeps a readable copy.
// Bootstrap gives the first patch of each collection, to be stored before the first companion
// syncs. From then on the server calls ApplyPatch for what companions store (for the phone's
// own patches too, if that is simpler), and Change writes like a client does.
//
// # Goroutines
//
// Receive and CompanionOnline queue and return. A phone owns one goroutine while its queue has
// work and none when idle; Close waits for it. The creator of a phone closes it, after the
// last delivery. No lock of the phone is held while it calls the Network, except the one that
// keeps what it sends in order: Network methods and subscribers may therefore call any
// getter, but a Network method must not make the same phone send before it returns.
package phone
