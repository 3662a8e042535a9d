// Package feed brings an instance's committed events to those who asked for
// them: webhook endpoints and event streams.
//
// The truth is the events table; the supervisor's wake-ups only say "look
// again". A reader owns a cursor, reads what lies behind it in order, and
// never asks the worker. So a restart of the manager, of a worker or of a
// receiver costs nothing but time.
//
// Webhook delivery is at least once and in order per lane (a lane is a chat).
// Every endpoint has one runner, a goroutine that owns all its state:
//
//	feed ──read──▶ lane queues ──post──▶ receiver
//	                   │ a post failed: its lane is parked
//	                   ▼
//	            webhook_backlog ──retry, oldest first──▶ receiver
//	                   │ retries spent
//	                   ▼
//	              dead letters (listed, redriven by people)
//
// An answer of 2xx is a delivery; anything else, 410 and redirects among them,
// is a failure and tried again. While a lane has rows in the backlog all its
// newer events join it there, so that none overtakes; the other lanes go on.
// When everything fails the receiver is taken to be down: one probe at a time,
// chats that did not fail first, and the first success opens all lanes again.
// Retry-After of a 429 or 503 silences the whole endpoint for as long, while
// this process lives. Memory is bounded by the window of events in flight.
//
// Waits go by the monotonic clock. Of a wait that an earlier process wrote down
// as a time at most what the schedule would be now is believed: the clock may
// have been set since.
//
// Receivers are at public addresses, or in networks that the operator allows
// (package netguard). Redirects are not followed, and no proxy is used: both
// would choose the address in our place.
//
// This package knows neither whatsmeow nor SQL.
package feed
