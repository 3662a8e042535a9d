// Package link is the state machine of a worker's connection to WhatsApp: a pure
// function that says what an event does to the link, and what is to be done about it.
//
// Step takes a Link, which is a plain value, and one Event, and returns the next Link
// and a list of Actions. It dials nothing, waits for nothing and knows no clock but the
// moment it is given. So the whole life of an account, from the first code to the last
// logout, is a table of stories in the test.
//
// A link tells two kinds of states: our own (proto worker.v1 LinkState) with a reason,
// and the words of whatsapp-web.js (CONNECTED, TIMEOUT, CONFLICT, ...).
//
// The package must not know whatsmeow, the database, goroutines or timers. The worker
// translates whatsmeow's events into Events once, where they arrive.
package link
