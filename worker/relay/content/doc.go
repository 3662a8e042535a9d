// Package content is what a message may consist of, as whatsapp-web.js' callers
// write it (MessageContent and MessageSendOptions), and how it becomes WhatsApp's
// form: text with its link preview, media, places, polls, contacts, events, and
// the context around them (a quote, mentions, the chat's timer).
//
// It must not know the rows of methods.
package content
