// Package linking is the document that says how the linking of an account goes: what a
// person has to do now, what comes of it, and what went wrong. The worker writes it into
// the feed as the event "link", and the manager answers it over HTTP.
//
// It must not know who asks, whatsmeow, or how a code is drawn.
package linking
