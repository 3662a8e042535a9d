// Package shape owns the JSON that integrators read: the ids, messages, chats,
// contacts and notifications of whatsapp-web.js 1.34.7, rendered from what
// WhatsApp sent. It is pure: no I/O, no clock, no database, no client.
//
// Three rules hold everywhere. Absent means absent: a value that is not known has no key,
// never null, unless the library itself says null. Keys keep the order of the library's
// classes, so all shapes are structs, as large as the library's. And no input may cause a
// panic: whatever a stranger put into a protobuf becomes some Message, of type "unknown"
// if need be.
package shape
