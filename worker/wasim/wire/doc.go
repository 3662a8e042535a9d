// Package wire speaks the server's half of WhatsApp's transport: a Noise XX
// responder with a certificate chain of its own, three-byte length framing on
// binary websocket messages, and stanzas in binary XML.
//
// It turns an accepted websocket into a [Conn] that receives and sends stanzas.
// It knows nothing of accounts, devices or what a stanza means.
//
// The protocol facts were established against whatsmeow and Baileys clients.
package wire
